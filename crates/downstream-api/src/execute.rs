//! The walk of one call: a token, the request, and once more where the API asks for claims.

use std::sync::Arc;

use entra_abstractions::{Subject, TokenError};
use http::{HeaderValue, StatusCode, header};

use crate::{
    Call, CallError, Response, app_scopes, consent,
    error::{Asked, TransportError},
};

pub(crate) async fn execute(mut call: Call) -> Result<Response, CallError> {
    if let Some(fault) = call.refused.take() {
        return Err(CallError::Refused(fault));
    }
    let api = call.api.clone();
    let configured = api.configured();
    let url = call.options.url(call.path.as_ref());
    let asked = Asked {
        api: Arc::clone(&configured.name),
        method: call.method.clone(),
        host: url.host_str().unwrap_or_default().into(),
    };
    let mut answered = false;
    loop {
        let mut request = configured.client.request(call.method.clone(), url.clone());
        request = request.headers(call.options.headers.clone());
        if let Some(accept) = &call.options.accept {
            request = request.header(header::ACCEPT, accept);
        }
        if let Some(timeout) = call.options.timeout {
            request = request.timeout(timeout);
        }
        if let Some(authorization) = authorization(&call).await? {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let is_repeatable = call.body.is_repeatable();
        request = call.body.attach(request, &call.options);
        let response = request
            .send()
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
            call.request.claims = Some(claims);
            answered = true;
            continue;
        }
        let limit = configured.response_limit;
        return Ok(Response::new(response, asked, call.request.scopes, answered, limit));
    }
}

/// The header of the call's token; nothing for an API that takes none.
async fn authorization(call: &Call) -> Result<Option<HeaderValue>, TokenError> {
    let request = &call.request;
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
