//! Collects what configuration and program say about an [`Api`].

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, Claims, CorrelationId, Faults, FmiPath, HttpSettings, ManagedIdentityId, Misconfigured,
    Parameter, Scheme, Scopes, Section, SessionKey, TenantId,
};
use http::Method;
use reqwest::Client;

use crate::{Api, check::checked, config};

/// Describes an API. What is said later replaces what was said before; what is wrong is told by
/// [`build`](Self::build), all of it.
///
/// ```no_run
/// # fn example(tokens: impl entra_abstractions::AcquireToken + 'static) -> Result<(), entra_abstractions::Misconfigured> {
/// use entra_downstream_api::Api;
///
/// let orders = Api::builder("Orders")
///     .base_url("https://orders.example/v1")
///     .scopes("api://orders/read")
///     .timeout(std::time::Duration::from_secs(5))
///     .build(tokens)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "an API is made by `build`"]
pub struct ApiBuilder {
    pub(crate) name: String,
    /// Where it is configured; in the program, its name.
    pub(crate) path: String,
    pub(crate) base_url: Option<String>,
    pub(crate) relative_path: Option<String>,
    pub(crate) method: Method,
    pub(crate) scopes: Result<Vec<String>, Misconfigured>,
    pub(crate) is_anonymous: bool,
    pub(crate) protocol: Protocol,
    pub(crate) as_app: bool,
    pub(crate) accept: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) token: TokenOptions,
    pub(crate) faults: Faults,
    pub(crate) client: Option<Client>,
    pub(crate) http: HttpSettings,
    pub(crate) response_limit: usize,
}

/// What is shown to an API: `ProtocolScheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A token.
    Token,
    /// A token that is bound to the application's certificate, over connections with that one.
    BoundToken,
    /// The application's certificate alone.
    Certificate,
}

/// `AcquireTokenOptions`: what is configured about the token request beside its scopes.
#[derive(Debug, Default)]
pub(crate) struct TokenOptions {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) claims: Option<Claims>,
    pub(crate) correlation_id: Option<CorrelationId>,
    pub(crate) fmi_path: Option<FmiPath>,
    /// As whom the API is called, instead of the application.
    pub(crate) managed_identity: Option<ManagedIdentityId>,
    pub(crate) session: Option<SessionKey>,
    pub(crate) force_refresh: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) client_claims: Option<Claims>,
    pub(crate) scheme: Option<Scheme>,
}

impl ApiBuilder {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            path: name.clone(),
            name,
            base_url: None,
            relative_path: None,
            method: Method::GET,
            scopes: Ok(Vec::new()),
            is_anonymous: false,
            protocol: Protocol::Token,
            as_app: false,
            accept: None,
            content_type: None,
            headers: Vec::new(),
            query: Vec::new(),
            timeout: None,
            token: TokenOptions::default(),
            faults: Faults::default(),
            client: None,
            http: HttpSettings::default(),
            response_limit: RESPONSE_LIMIT,
        }
    }

    /// Takes what is configured in a section, as in `DownstreamApis.Orders`.
    pub fn section(mut self, section: &Section) -> Self {
        config::read(section, &mut self);
        self
    }

    /// Where the API is: an absolute `https` URL, whose own path is kept.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The path below the base to which the paths of calls are joined.
    pub fn relative_path(mut self, path: impl Into<String>) -> Self {
        self.relative_path = Some(path.into());
        self
    }

    /// The method of [`Caller::call`](crate::Caller::call); `GET` where nothing is said.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// What tokens are asked for.
    pub fn scopes<S: TryInto<Scopes>>(mut self, scopes: S) -> Self
    where
        Misconfigured: From<S::Error>,
    {
        self.scopes = match scopes.try_into() {
            Ok(scopes) => Ok(scopes.iter().map(str::to_owned).collect()),
            Err(fault) => Err(fault.into()),
        };
        self
    }

    /// Says that the API takes no token.
    pub fn anonymous(mut self) -> Self {
        self.is_anonymous = true;
        self
    }

    /// Calls with tokens that are bound to the application's certificate, over connections with that
    /// certificate (RFC 8705): who steals such a token cannot use it. Only the application's own tokens,
    /// and those of agents, can be bound. `ProtocolScheme: "MTLS_POP"` says the same.
    #[doc(alias = "MTLS_POP")]
    pub fn bound_tokens(mut self) -> Self {
        self.protocol = Protocol::BoundToken;
        self.as_app = true;
        self
    }

    /// Calls without a token, over connections with the application's certificate.
    /// `ProtocolScheme: "MTLS"` says the same. An application that can have none is refused by
    /// [`build`](Self::build).
    #[doc(alias = "MTLS")]
    pub fn client_certificate(mut self) -> Self {
        self.protocol = Protocol::Certificate;
        self
    }

    /// Lets [`Api::as_configured`] call as the application.
    pub fn request_app_token(mut self) -> Self {
        self.as_app = true;
        self
    }

    /// The media type that is asked for; `application/json` where nothing is said, `*/*` for an
    /// empty one.
    pub fn accept(mut self, media_type: impl Into<String>) -> Self {
        self.accept = Some(media_type.into());
        self
    }

    /// The media type of JSON and text bodies.
    pub fn content_type(mut self, media_type: impl Into<String>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    /// A header of every call; see [`Call::header`](crate::Call::header).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A parameter of every call's query.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// The time after which a call is given up, body included; 30 s where nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The tenant that is asked for tokens, instead of the application's.
    pub fn tenant<T: TryInto<TenantId>>(mut self, tenant: T) -> Self
    where
        Misconfigured: From<T::Error>,
    {
        match tenant.try_into() {
            Ok(tenant) => self.token.tenant = Some(tenant),
            Err(fault) => {
                self.faults.add(Misconfigured::from(fault).at(self.path_of("AcquireTokenOptions.Tenant")));
            }
        }
        self
    }

    /// The longest body that is read into memory; 16 MiB where nothing is said. Longer ones are
    /// read in [chunks](crate::Response::chunk).
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.response_limit = bytes;
        self
    }

    /// Calls through this client, with its own redirects, proxies and timeouts: only a `Timeout`
    /// that is configured replaces them. Let it not follow redirects to other origins.
    #[doc(alias = "HttpClientName")]
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Builds the API's own client from these settings.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// The API, if nothing is wrong.
    ///
    /// # Errors
    /// [`Misconfigured`] with everything that is wrong, each fault with its path: the developer
    /// must act.
    pub fn build(self, tokens: impl AcquireToken + 'static) -> Result<Api, Misconfigured> {
        checked(self, Arc::new(tokens)).map(Api::from)
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

const RESPONSE_LIMIT: usize = 16 * 1024 * 1024;
