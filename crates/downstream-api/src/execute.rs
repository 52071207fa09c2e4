//! The walk of one call: a token, the request, and once more where the API asks for claims.

use std::sync::Arc;

use entra_abstractions::{AccessToken, Binding, Misconfigured, Subject, TokenError, TokenRequest};
use entra_mtls_pop::BoundClient;
use http::{StatusCode, header};
use reqwest::Request;
use tracing::Instrument;
use url::Url;

use crate::{
    Api, Call, CallError, Response, app_scopes, bound,
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
        let bound = match &token {
            Some(token) => {
                token.binding().map(|binding| bound_client(api, binding, request.url())).transpose()
            }
            None if configured.protocol == Protocol::Certificate => {
                Box::pin(certificate_client(api, request.url())).await.map(Some)
            }
            None => Ok(None),
        };
        let bound = bound.map_err(no_token)?;
        let (client, first) = match &bound {
            Some(bound) if bound.is_connected() => (bound.client(), None),
            Some(bound) => (bound.client(), Box::pin(bound.turn()).await),
            None => (&configured.client, None),
        };
        let response = client.execute(request).instrument(telemetry::calling(&asked)).await;
        if let (Some(first), Ok(_)) = (first, &response) {
            first.answered();
        }
        let response =
            response.map_err(|error| CallError::Transport(TransportError::new(asked.clone(), error)))?;
        telemetry::called(&asked, response.status());
        if response.status() == StatusCode::UNAUTHORIZED
            && !answered
            && is_repeatable
            && let Some(token) = &token
            && let Some(claims) = consent::claims(response.headers())
        {
            // Claims that the caller gave are part of what the API asks now, or the token that had
            // them would have done.
            let token_request = Arc::make_mut(token_request);
            token_request.claims = Some(claims);
            // Whoever was refused the same token for the same claims, and came first, has asked already.
            token_request.replaces = Some(token.to_hash());
            answered = true;
            telemetry::challenged(&asked);
            continue;
        }
        let (scopes, limit) = (token_request.scopes.clone(), configured.response_limit);
        return Ok(Response::new(response, asked, scopes, answered, limit));
    }
}

/// The client whose connections show the certificate alone.
async fn certificate_client(api: &Api, url: &Url) -> Result<BoundClient, TokenError> {
    let binding = bound::binder(&*api.configured().tokens)?.binding().await?;
    bound_client(api, &binding, url)
}

/// The client whose connections show what a token is bound to.
fn bound_client(api: &Api, binding: &Binding, url: &Url) -> Result<BoundClient, TokenError> {
    let Some(clients) = &api.configured().bound else {
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
    Ok(clients.of(binding, url)?)
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
