//! The walk of one call: a token, the request, and once more where the API asks for claims.

use std::{pin::Pin, sync::Arc};

use entra_abstractions::{
    AccessToken, Acquiring, Binding, Claims, Misconfigured, Subject, TokenError, TokenRequest,
};
use entra_mtls_pop::{BoundClient, FirstRequest};
use http::{StatusCode, header};
use reqwest::Request;
use tracing::{Instrument, Span};
use url::Url;

use crate::{
    Api, Call, CallError, Response,
    api::Configured,
    app_scopes, bound,
    builder::Protocol,
    consent,
    error::{Asked, TransportError},
    place::Place,
    telemetry,
};

/// What is rare is boxed and apart: a call walks through no more code than it needs.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) async fn execute(call: &mut Call) -> Result<Response, CallError> {
    let Call { api, options, request: token_request, method, path, body, refused } = call;
    let configured = api.configured();
    if let Some(fault) = refused.take() {
        return Err(CallError::Refused { api: Some(Arc::clone(&configured.name)), fault });
    }
    let asked = Asked {
        api: Arc::clone(&configured.name),
        method: method.clone(),
        host: Arc::clone(options.place.host()),
    };
    let mut answered = false;
    loop {
        let mut request = Request::new(method.clone(), options.url(path.as_ref()));
        if !options.headers.is_empty() {
            request.headers_mut().clone_from(&options.headers);
        }
        if let Some(accept) = &options.accept {
            request.headers_mut().append(header::ACCEPT, accept.clone());
        }
        if options.timeout.is_some() {
            *request.timeout_mut() = options.timeout;
        }
        let token = match token(api, token_request) {
            Ok(Some(token)) => match token.await {
                Ok(token) => Some(token),
                Err(error) => return Err(no_token(configured, error)),
            },
            Ok(None) => None,
            Err(error) => return Err(no_token(configured, error)),
        };
        if let Some(token) = &token {
            request.headers_mut().append(header::AUTHORIZATION, token.authorization_header());
        }
        let is_repeatable = body.is_repeatable();
        body.attach(&mut request, options);
        let bound = match token.as_ref().map(AccessToken::binding) {
            Some(Some(binding)) => bound_client(api, binding, &options.place, request.url()).map(Some),
            None if configured.protocol == Protocol::Certificate => {
                certificate_client(api, &options.place, request.url()).await.map(Some)
            }
            Some(None) | None => Ok(None),
        };
        let bound = match bound {
            Ok(bound) => bound,
            Err(error) => return Err(no_token(configured, error)),
        };
        let (client, first) = match &bound {
            Some(bound) if bound.is_connected() => (bound.client(), None),
            Some(bound) => (bound.client(), turn(bound).await),
            None => (&configured.client, None),
        };
        let sent = client.execute(request);
        let response = match telemetry::calling(&asked) {
            None => sent.await,
            Some(span) => traced(sent, span).await,
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => return Err(CallError::Transport(TransportError::new(asked, error))),
        };
        if let Some(first) = first {
            first.answered();
        }
        telemetry::called(&asked, response.status());
        if response.status() == StatusCode::UNAUTHORIZED
            && !answered
            && is_repeatable
            && let Some(token) = &token
            && let Some(claims) = consent::claims(response.headers())
        {
            answer(token_request, token, claims);
            answered = true;
            telemetry::challenged(&asked);
            continue;
        }
        let (scopes, limit) = (token_request.scopes.clone(), configured.response_limit);
        return Ok(Response::new(response, asked, scopes, answered, limit));
    }
}

#[cold]
fn no_token(configured: &Configured, error: TokenError) -> CallError {
    CallError::Token { api: Some(Arc::clone(&configured.name)), error }
}

/// Claims that the caller gave are part of what the API asks now, or the token that had them would have
/// done.
#[cold]
fn answer(request: &mut Arc<TokenRequest>, refused: &AccessToken, claims: Claims) {
    let request = Arc::make_mut(request);
    request.claims = Some(claims);
    // Whoever was refused the same token for the same claims, and came first, has asked already.
    request.replaces = Some(refused.to_hash());
}

/// The client whose connections show the certificate alone.
#[cold]
fn certificate_client<'a>(
    api: &'a Api,
    place: &'a Place,
    url: &'a Url,
) -> BoxFuture<'a, Result<BoundClient, TokenError>> {
    Box::pin(async move {
        let binding = bound::binder(&*api.configured().tokens)?.binding().await?;
        bound_client(api, &binding, place, url)
    })
}

#[cold]
fn turn(bound: &BoundClient) -> BoxFuture<'_, Option<FirstRequest<'_>>> {
    Box::pin(bound.turn())
}

#[cold]
fn traced<T: Future + Send + 'static>(sent: T, span: Span) -> BoxFuture<'static, T::Output> {
    Box::pin(sent.instrument(span))
}

/// The client whose connections show what a token is bound to.
fn bound_client(api: &Api, binding: &Binding, place: &Place, url: &Url) -> Result<BoundClient, TokenError> {
    match &api.configured().bound {
        Some(connections) => connections.of(binding, place, url),
        None => Err(Misconfigured::new(
            "a bound token needs connections with its certificate, and this API's client was made before",
        )
        .hint("leave the client out of the API's builder")
        .into()),
    }
}

/// The call's token, that is to be waited for; nothing for an API that takes none.
fn token<'a>(api: &'a Api, request: &'a TokenRequest) -> Result<Option<Acquiring<'a>>, TokenError> {
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
    Ok(Some(configured.tokens.acquire(request)))
}
