//! The walk of one call: a token, the request, and once more where the API asks for claims.

use std::{borrow::Cow, sync::Arc};

use entra_abstractions::{AccessToken, Misconfigured, Subject, TokenError, TokenRequest};
use http::{StatusCode, header};
use reqwest::{Client, Request};
use tracing::Instrument;
use url::Url;

use crate::{
    Api, Call, CallError, Response, app_scopes,
    builder::Protocol,
    consent,
    error::{Asked, TransportError},
    telemetry,
};

pub(crate) async fn execute(call: &mut Call) -> Result<Response, CallError> {
    let Call { api, options, request: token_request, method, path, body, refused } = call;
    if let Some(fault) = refused.take() {
        return Err(CallError::Refused { api: Some(Arc::clone(&api.configured().name)), fault });
    }
    let configured = api.configured();
    let asked = Asked {
        api: Arc::clone(&configured.name),
        method: method.clone(),
        host: options.base.host_str().unwrap_or_default().into(),
    };
    let mut answered = false;
    loop {
        let mut request = Request::new(method.clone(), options.url(path.as_ref()));
        request.headers_mut().clone_from(&options.headers);
        if let Some(accept) = &options.accept {
            request.headers_mut().append(header::ACCEPT, accept.clone());
        }
        if options.timeout.is_some() {
            *request.timeout_mut() = options.timeout;
        }
        let no_token = |error| CallError::Token { api: Some(Arc::clone(&configured.name)), error };
        let token = token(api, token_request).await.map_err(no_token)?;
        if let Some(token) = &token {
            request.headers_mut().append(header::AUTHORIZATION, token.authorization_header());
        }
        let is_repeatable = body.is_repeatable();
        body.attach(&mut request, options);
        let client = client(api, token.as_ref(), request.url()).await.map_err(no_token)?;
        let response = client
            .execute(request)
            .instrument(telemetry::calling(&asked))
            .await
            .map_err(|error| CallError::Transport(TransportError::new(asked.clone(), error)))?;
        telemetry::called(&asked, response.status());
        if response.status() == StatusCode::UNAUTHORIZED
            && !answered
            && is_repeatable
            && !configured.is_anonymous
            && let Some(claims) = consent::claims(response.headers())
        {
            // Claims that the caller gave are part of what the API asks now, or the token that had
            // them would have done.
            let token_request = Arc::make_mut(token_request);
            token_request.claims = Some(claims);
            // Whoever was refused the same token for the same claims, and came first, has asked already.
            token_request.replaces = token.map(|token| token.to_hash());
            answered = true;
            telemetry::challenged(&asked);
            continue;
        }
        let (scopes, limit) = (token_request.scopes.clone(), configured.response_limit);
        return Ok(Response::new(response, asked, scopes, answered, limit));
    }
}

/// The client whose connections show what must be shown beside the token.
async fn client<'a>(
    api: &'a Api,
    token: Option<&AccessToken>,
    url: &Url,
) -> Result<Cow<'a, Client>, TokenError> {
    let configured = api.configured();
    let binding = match token {
        Some(token) => token.binding().cloned(),
        None if configured.protocol == Protocol::Certificate => {
            let binder = configured.tokens.binder();
            let none = || Misconfigured::new("the acquirer of this API has no certificate");
            Some(binder.ok_or_else(none)?.binding().await?)
        }
        None => None,
    };
    let Some(binding) = binding else { return Ok(Cow::Borrowed(&configured.client)) };
    let Some(clients) = &configured.bound else {
        return Err(Misconfigured::new(
            "a bound token needs connections with its certificate, and this API's \
                                       client was made before",
        )
        .hint("leave the client out of the API's builder")
        .into());
    };
    if url.scheme() != "https" {
        return Err(over_https().into());
    }
    Ok(Cow::Owned(clients.of(&binding, url)?))
}

/// A connection that is not encrypted shows no certificate.
pub(crate) fn over_https() -> Misconfigured {
    Misconfigured::new("a certificate is shown over https only").hint("call the API at its https URL")
}

/// The call's token; nothing for an API that takes none.
async fn token(api: &Api, request: &TokenRequest) -> Result<Option<AccessToken>, TokenError> {
    if let Some(fault) = &request.refused {
        return Err(TokenError::Misconfigured(fault.clone()));
    }
    let configured = api.configured();
    if configured.protocol == Protocol::Certificate {
        return Ok(None);
    }
    if configured.is_anonymous {
        return match request.subject {
            Subject::App => Ok(None),
            Subject::User(_) | Subject::Agent(..) | Subject::ManagedIdentity(_) => {
                Err(api.takes_no_token().into())
            }
        };
    }
    if app_scopes::is_app(&request.subject) {
        app_scopes::check(&request.scopes)?;
    }
    Ok(Some(configured.tokens.acquire(request).await?))
}
