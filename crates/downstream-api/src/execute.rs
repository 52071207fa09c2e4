//! The walk of one call: a token, the request, and once more where the API asks for claims.

use std::sync::Arc;

use entra_abstractions::{Subject, TokenError};
use http::{HeaderValue, StatusCode, header};
use reqwest::Request;

use crate::{
    Call, CallError, Response, app_scopes, consent,
    error::{Asked, TransportError},
};

pub(crate) async fn execute(call: &mut Call) -> Result<Response, CallError> {
    if let Some(fault) = call.refused.take() {
        return Err(CallError::Refused(fault));
    }
    let api = call.api.clone();
    let configured = api.configured();
    let asked = Asked {
        api: Arc::clone(&configured.name),
        method: call.method.clone(),
        host: call.options.base.host_str().unwrap_or_default().into(),
    };
    let mut answered = false;
    loop {
        let mut request = Request::new(call.method.clone(), call.options.url(call.path.as_ref()));
        request.headers_mut().clone_from(&call.options.headers);
        if let Some(accept) = &call.options.accept {
            request.headers_mut().append(header::ACCEPT, accept.clone());
        }
        if call.options.timeout.is_some() {
            *request.timeout_mut() = call.options.timeout;
        }
        if let Some(authorization) = authorization(call).await? {
            request.headers_mut().append(header::AUTHORIZATION, authorization);
        }
        let is_repeatable = call.body.is_repeatable();
        call.body.attach(&mut request, &call.options);
        let response = configured
            .client
            .execute(request)
            .await
            .map_err(|error| CallError::Transport(TransportError::new(asked.clone(), error)))?;
        tracing::debug!(api = %asked.api, method = %asked.method, status = response.status().as_u16(), "called");
        if response.status() == StatusCode::UNAUTHORIZED
            && !answered
            && is_repeatable
            && !configured.is_anonymous
            && let Some(claims) = consent::claims(response.headers())
        {
            // Claims that the caller gave are part of what the API asks now, or the token that had
            // them would have done.
            call.as_mut().claims = Some(claims);
            answered = true;
            continue;
        }
        let limit = configured.response_limit;
        return Ok(Response::new(response, asked, call.request.scopes.clone(), answered, limit));
    }
}

/// The header of the call's token; nothing for an API that takes none.
async fn authorization(call: &Call) -> Result<Option<HeaderValue>, TokenError> {
    let request = &*call.request;
    if let Some(fault) = &request.refused {
        return Err(TokenError::Misconfigured(fault.clone()));
    }
    let configured = call.api.configured();
    if configured.is_anonymous {
        return match request.subject {
            Subject::App => Ok(None),
            Subject::User(_) | Subject::Agent(..) => Err(call.api.takes_no_token().into()),
        };
    }
    if app_scopes::is_app(&request.subject) {
        app_scopes::check(&request.scopes)?;
    }
    Ok(Some(configured.tokens.acquire(request).await?.authorization_header()))
}
