//! Puts tokens on the requests of a `reqwest-middleware` client: your own client, stack and
//! requests, with the right `Authorization`.

mod authorization_options;

use std::{error::Error, fmt, sync::Arc};

use ::http::{Extensions, StatusCode, header};
use async_trait::async_trait;
use entra_abstractions::{
    AccessToken, AcquireToken, HttpSettings, Misconfigured, TokenError, TokenRequest, is_safe,
};
use entra_mtls_pop::BoundClients;
use reqwest::{Request, Response};
use reqwest_middleware::{Error as ClientError, Middleware, Next};

use crate::{
    app_scopes,
    bound::{self, over_https},
    consent, http,
};

pub use authorization_options::AuthorizationOptions;

/// A middleware that sends each request with a token. Retrying middleware belongs before it, so
/// that each try has a token that is good; tracing may stand on either side.
///
/// An `Authorization` that the request already has is replaced. A 401 with a claims challenge is
/// answered once with a new token, if the body can be sent again; the second answer is returned
/// whatever it is. Tokens go to `https` and to this machine only.
///
/// ```no_run
/// # async fn example(tokens: impl entra_abstractions::AcquireToken + 'static) -> Result<(), Box<dyn std::error::Error>> {
/// # #[expect(clippy::disallowed_methods)]
/// # let client = reqwest::Client::new();
/// use entra_downstream_api::{AuthorizationMiddleware, AuthorizationOptions};
/// use reqwest_middleware::ClientBuilder;
///
/// let defaults = AuthorizationOptions::new().scopes("api://orders/.default").as_app();
/// let client = ClientBuilder::new(client).with(AuthorizationMiddleware::new(tokens, defaults)?).build();
///
/// let answer = client
///     .get("https://orders.example/v1/items")
///     .with_extension(AuthorizationOptions::new().tenant("contoso.example"))
///     .send()
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When there is no token, the client's error holds the [`TokenError`]; [`TokenError::in_chain`]
/// finds it.
#[doc(alias = "MicrosoftIdentityMessageHandler")]
#[derive(Debug, Clone)]
pub struct AuthorizationMiddleware {
    tokens: Arc<dyn AcquireToken>,
    defaults: AuthorizationOptions,
    bound: Arc<BoundClients>,
}

impl AuthorizationMiddleware {
    /// A middleware that asks for these tokens, unless a request's own [`AuthorizationOptions`] say
    /// otherwise.
    ///
    /// # Errors
    /// [`Misconfigured`] where the defaults cannot be meant, or ask for [bound
    /// tokens](AuthorizationOptions::bound) that this acquirer can never have: the developer must act.
    pub fn new(
        tokens: impl AcquireToken + 'static,
        defaults: AuthorizationOptions,
    ) -> Result<Self, Misconfigured> {
        if let Some(request) = defaults.bound_request()? {
            bound::check(&tokens, &request)?;
        }
        let bound = Arc::new(http::bound(&HttpSettings::default()));
        Ok(Self { tokens: Arc::new(tokens), defaults, bound })
    }

    /// How APIs are reached that take [bound tokens](AuthorizationOptions::bound).
    #[must_use]
    pub fn http(self, settings: &HttpSettings) -> Self {
        Self { bound: Arc::new(http::bound(settings)), ..self }
    }

    /// Sends a request that has its token. What is bound takes a connection with its certificate, which
    /// the client behind this middleware has not: it is sent from here, and middleware that would come
    /// after does not see it.
    async fn send(
        &self,
        request: Request,
        token: &AccessToken,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, ClientError> {
        let Some(binding) = token.binding() else { return next.run(request, extensions).await };
        if request.url().scheme() != "https" {
            return Err(unauthorized(over_https().into()));
        }
        let client = self.bound.of(binding, request.url()).map_err(|fault| unauthorized(fault.into()))?;
        Ok(client.execute(request).await?)
    }

    fn token_request(&self, request: &Request, extensions: &Extensions) -> Result<TokenRequest, TokenError> {
        if !is_safe(request.url()) {
            let fault = Misconfigured::new("a token was to be sent over plain http");
            return Err(fault.hint("call the API at its https URL").into());
        }
        let token_request = self.defaults.resolve(extensions.get::<AuthorizationOptions>())?;
        if let Some(fault) = &token_request.refused {
            return Err(fault.clone().into());
        }
        if app_scopes::is_app(&token_request.subject) {
            app_scopes::check(&token_request.scopes)?;
        }
        Ok(token_request)
    }

    async fn token(&self, request: &TokenRequest) -> Result<AccessToken, ClientError> {
        self.tokens.acquire(request).await.map_err(unauthorized)
    }
}

#[async_trait]
impl Middleware for AuthorizationMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, ClientError> {
        let mut token_request = self.token_request(&request, extensions).map_err(unauthorized)?;
        let token = self.token(&token_request).await?;
        request.headers_mut().insert(header::AUTHORIZATION, token.authorization_header());
        let again = request.try_clone();
        let response = self.send(request, &token, extensions, next.clone()).await?;
        let challenge = match response.status() {
            StatusCode::UNAUTHORIZED => consent::claims(response.headers()),
            _ => None,
        };
        let (Some(claims), Some(mut again)) = (challenge, again) else {
            return Ok(response);
        };
        drop(response);
        token_request.claims = Some(claims);
        // Whoever was refused the same token for the same claims, and came first, has asked already.
        token_request.replaces = Some(token.to_hash());
        let token = self.token(&token_request).await?;
        again.headers_mut().insert(header::AUTHORIZATION, token.authorization_header());
        self.send(again, &token, extensions, next).await
    }
}

fn unauthorized(error: TokenError) -> ClientError {
    ClientError::middleware(Unauthorized(error))
}

/// Carries a token error through `reqwest_middleware::Error`, which is transparent: the source of
/// that is the source of what it holds, so a token error put there bare would be skipped.
#[derive(Debug)]
struct Unauthorized(TokenError);

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token for the request: {}", self.0.in_short())
    }
}

impl Error for Unauthorized {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
