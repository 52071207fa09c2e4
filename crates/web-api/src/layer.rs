//! The tower layer: reads the `Authorization` header, validates its token, and lets the request
//! in or answers it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response, header::AUTHORIZATION};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    AuthenticatedUser, Denial, Flaw, Problem, Require, TokenValidator, certificate, confirmation::Shown,
    telemetry,
};

/// The layer that protects routes, for every server whose requests are those of the `http` crate.
///
/// A request that is let in carries an [`AuthenticatedUser`] in its extensions. Layers of one
/// validator may be nested: the token is validated once.
///
/// ```
/// # use entra_abstractions::Section;
/// # use entra_web_api::{AuthenticatedUser, Require, TokenValidator};
/// use axum::{Extension, Router, routing::get};
///
/// async fn orders(Extension(user): Extension<AuthenticatedUser>) -> String {
///     format!("orders of tenant {}", user.tenant_id())
/// }
///
/// # fn app(validator: TokenValidator) -> Router {
/// Router::new()
///     .route("/orders", get(orders).layer(validator.require(Require::scope("Orders.Read"))))
///     .route("/about", get(async || "about").layer(validator.layer().optional()))
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Protect {
    validator: TokenValidator,
    requirement: Option<Require>,
    is_optional: bool,
}

impl Protect {
    pub(crate) fn new(validator: TokenValidator) -> Self {
        Self { validator, requirement: None, is_optional: false }
    }

    /// Requires this too.
    #[must_use]
    pub fn require(mut self, requirement: Require) -> Self {
        self.is_optional = false;
        self.requirement = Some(match self.requirement {
            Some(known) => known.and(requirement),
            None => requirement,
        });
        self
    }

    /// Lets every request in; the handler looks whether there is a user. A bad token counts as
    /// none, until the handler asks for the user.
    #[doc(alias = "AllowAnonymous")]
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.requirement = None;
        self.is_optional = true;
        self
    }

    async fn admit<B>(&self, mut request: Request<B>) -> Result<Request<B>, Denial> {
        let known = request.extensions().get::<Authentication>();
        let outcome = match known.filter(|known| known.by.is(&self.validator)) {
            Some(known) => known.outcome.clone(),
            None => self.authenticate(request.headers(), request.extensions()).await,
        };
        if !self.is_optional {
            let user = outcome.as_ref().map_err(Clone::clone)?;
            if let Some(requirement) = &self.requirement {
                user.require(requirement)?;
            }
        }
        // Whatever an outer layer of another validator found is not this one's.
        request.extensions_mut().remove::<AuthenticatedUser>();
        if let Ok(user) = &outcome {
            request.extensions_mut().insert(user.clone());
        }
        request.extensions_mut().insert(Authentication { by: self.validator.clone(), outcome });
        Ok(request)
    }

    async fn authenticate(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<AuthenticatedUser, Denial> {
        let outcome = match token(headers) {
            Ok((false, token)) => self.validator.validate(token).await,
            Ok((true, token)) => {
                let certificate = certificate::shown(self.validator.proxies(), headers, extensions);
                self.validator.validate_shown(token, Shown::Bound(certificate.as_ref())).await
            }
            Err(denial) => Err(denial),
        };
        match &outcome {
            Err(Denial::InvalidToken(flaw)) => telemetry::refused(flaw),
            Err(Denial::Unavailable(outage)) => telemetry::unchecked(outage),
            Ok(_) | Err(Denial::NoToken | Denial::Forbidden(_)) => {}
        }
        outcome
    }
}

/// What a validator found out about a request.
#[derive(Debug, Clone)]
pub(crate) struct Authentication {
    by: TokenValidator,
    pub(crate) outcome: Result<AuthenticatedUser, Denial>,
}

/// The token of the `Authorization` header, and of no other place; before it, whether it is shown as
/// bound to a certificate.
fn token(headers: &HeaderMap) -> Result<(bool, &str), Denial> {
    let mut values = headers.get_all(AUTHORIZATION).iter().filter(|value| !value.is_empty());
    let value = values.next().ok_or(Denial::NoToken)?.as_bytes();
    let after = |scheme: &[u8]| {
        let (word, token) = value.split_at_checked(scheme.len())?;
        word.eq_ignore_ascii_case(scheme).then(|| token.trim_ascii())
    };
    let (is_bound, token) = match (after(b"Bearer "), after(b"mtls_pop ")) {
        (Some(token), _) => (false, token),
        (None, Some(token)) => (true, token),
        (None, None) => return Err(Denial::NoToken),
    };
    if token.is_empty() {
        return Err(Denial::NoToken);
    }
    if values.next().is_some() {
        return Err(Flaw::Malformed("there are several Authorization headers").into());
    }
    let token = std::str::from_utf8(token).map_err(|_unsaid| Flaw::Malformed("the token is not ASCII"))?;
    Ok((is_bound, token))
}

impl<S> Layer<S> for Protect {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Protected<S> {
        Protected { inner, protect: self.clone() }
    }
}

/// The service that [`Protect`] puts before another.
#[derive(Debug, Clone)]
pub struct Protected<S> {
    inner: S,
    protect: Protect,
}

impl<S, B, R> Service<Request<B>> for Protected<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that is ready goes along; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let protect = self.protect.clone();
        Box::pin(async move {
            match protect.admit(request).await {
                Ok(request) => inner.call(request).await,
                Err(denial) => Ok(Problem::from(denial).into_http()),
            }
        })
    }
}
