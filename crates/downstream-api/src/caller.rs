//! An API and who calls it: only somebody can call, so the choice cannot be left out.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    Claims, CorrelationId, FmiPath, Misconfigured, Parameter, Scheme, Scopes, SessionKey, TenantId,
    TokenRequest,
};
use http::Method;

use crate::{
    Api, Call,
    body::Body,
    header,
    options::{self, CallOptions},
    path::RelativePath,
};

/// An API and whose token it is called with. Cloning is cheap, and one caller serves any number of
/// calls at once.
///
/// Whatever is said here holds for every call of this caller, and is laid over what is configured.
/// What cannot be sent is told by the call.
#[doc(alias = "DownstreamApiOptions")]
#[derive(Debug, Clone)]
#[must_use = "a caller calls with `get`, `post` and so on"]
pub struct Caller {
    api: Api,
    options: Arc<CallOptions>,
    request: Arc<TokenRequest>,
    refused: Option<Misconfigured>,
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident $method:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&self, path: impl AsRef<str>) -> Call {
            self.method(Method::$method, path)
        }
    )*};
}

impl Caller {
    pub(crate) fn new(api: Api, request: TokenRequest) -> Self {
        let options = Arc::clone(&api.configured().options);
        Self { api, options, request: Arc::new(request), refused: None }
    }

    verbs! {
        /// Gets what is at a path below the configured `RelativePath`.
        #[doc(alias = "GetForUserAsync")]
        #[doc(alias = "GetForAppAsync")]
        get GET,
        /// Posts to a path below the configured `RelativePath`.
        #[doc(alias = "PostForUserAsync")]
        #[doc(alias = "PostForAppAsync")]
        post POST,
        /// Puts to a path below the configured `RelativePath`.
        #[doc(alias = "PutForUserAsync")]
        put PUT,
        /// Patches what is at a path below the configured `RelativePath`.
        #[doc(alias = "PatchForUserAsync")]
        patch PATCH,
        /// Deletes what is at a path below the configured `RelativePath`.
        #[doc(alias = "DeleteForUserAsync")]
        delete DELETE,
        /// Asks for the headers alone of what is at a path below the configured `RelativePath`.
        head HEAD,
        /// Asks what can be done with a path below the configured `RelativePath`.
        options OPTIONS,
    }

    /// Calls a path below the configured `RelativePath` with any method.
    pub fn method(&self, method: Method, path: impl AsRef<str>) -> Call {
        let (path, refused) = match RelativePath::parse(path.as_ref()) {
            Ok(path) => (Some(path), None),
            Err(fault) => (None, Some(fault)),
        };
        self.call_with(method, path, refused)
    }

    /// Calls the configured `RelativePath` itself, with the configured `HttpMethod`.
    #[doc(alias = "CallApiAsync")]
    pub fn call(&self) -> Call {
        self.call_with(self.options.method.clone(), None, None)
    }

    fn call_with(&self, method: Method, path: Option<RelativePath>, refused: Option<Misconfigured>) -> Call {
        Call {
            api: self.api.clone(),
            options: Arc::clone(&self.options),
            request: Arc::clone(&self.request),
            method,
            path,
            body: Body::Empty,
            refused: self.refused.clone().or(refused),
        }
    }

    /// Keeps the user's session under this key, so that work can go on
    /// [`for_session`](Api::for_session) when they are gone and their token has ended. The program
    /// keeps the key beside the work item.
    ///
    /// ```
    /// # use entra_abstractions::{Misconfigured, SessionKey, UserAssertion};
    /// # use entra_downstream_api::{Api, CallError};
    /// # async fn start(api: &Api, user: UserAssertion, queue: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SessionKey::allocate();
    /// api.on_behalf_of(&user).keep_as(key.clone()).get("process/data").empty().await?;
    /// let row = key.expose().to_owned();
    /// // In the worker, later:
    /// api.for_session(&row.parse()?).post("process/complete").empty().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "LongRunningWebApiSessionKey")]
    pub fn keep_as(mut self, key: SessionKey) -> Self {
        self.request = Arc::new(TokenRequest::clone(&self.request).keep_as(key));
        self
    }

    /// Asks for these scopes instead of the configured ones. An application's token needs a
    /// resource's `/.default`.
    pub fn scopes<S: TryInto<Scopes>>(mut self, scopes: S) -> Self
    where
        Misconfigured: From<S::Error>,
    {
        match scopes.try_into() {
            Ok(scopes) => self.as_mut().scopes = scopes,
            Err(fault) => self.refuse(fault.into()),
        }
        self
    }

    /// Asks this tenant instead of the configured one.
    pub fn tenant<T: TryInto<TenantId>>(mut self, tenant: T) -> Self
    where
        Misconfigured: From<T::Error>,
    {
        match tenant.try_into() {
            Ok(tenant) => self.as_mut().tenant = Some(tenant),
            Err(fault) => self.refuse(fault.into()),
        }
        self
    }

    /// Asks for a token that satisfies a claims challenge.
    pub fn claims(mut self, claims: Claims) -> Self {
        self.as_mut().claims = Some(claims);
        self
    }

    /// Asks Entra even where a token is cached.
    pub fn force_refresh(mut self) -> Self {
        self.as_mut().force_refresh = true;
        self
    }

    /// Logs the token request under an id of the caller.
    pub fn correlation_id(mut self, id: CorrelationId) -> Self {
        self.as_mut().correlation_id = Some(id);
        self
    }

    /// Asks with a path below the application's federated identity.
    pub fn fmi_path(mut self, path: FmiPath) -> Self {
        self.as_mut().fmi_path = Some(path);
        self
    }

    /// Shows the token in another way than as `Bearer`.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.as_mut().scheme = scheme;
        self
    }

    /// Signs claims of the application's own into the assertion by which its certificate proves it.
    pub fn client_claims(mut self, claims: Claims) -> Self {
        self.as_mut().client_claims = Some(claims);
        self
    }

    /// Adds a parameter to the token request (not to the call: that is [`Call::query`]).
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.as_mut().parameters.push(parameter);
        self
    }

    /// Calls this base instead of the configured one. Never take it from somebody else's input: the
    /// token goes there.
    pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
        let base = options::base(url.as_ref()).map_err(|fault| fault.at("BaseUrl"));
        if let Some(base) = self.take(base) {
            self.overlay().place.set_base(base);
        }
        self
    }

    /// Replaces the configured `RelativePath`, to which the paths of calls are joined.
    pub fn relative_path(mut self, path: impl AsRef<str>) -> Self {
        if let Some(path) = self.take(RelativePath::parse(path.as_ref())) {
            self.overlay().place.set_relative(path);
        }
        self
    }

    /// Asks for another media type than `application/json`, or the configured one. An empty one
    /// asks for none in particular (`*/*`).
    pub fn accept(mut self, media_type: impl AsRef<str>) -> Self {
        let media_type = media_type.as_ref();
        if media_type.trim().is_empty() {
            self.overlay().accept = None;
        } else if let Some(value) = self.take(header::value_of("accept", media_type)) {
            self.overlay().accept = Some(value);
        }
        self
    }

    /// Says JSON and text bodies to be of this media type.
    pub fn content_type(mut self, media_type: impl AsRef<str>) -> Self {
        if let Some(value) = self.take(header::value_of("content-type", media_type.as_ref())) {
            self.overlay().content_type = Some(value);
        }
        self
    }

    /// Gives a header to every call; see [`Call::header`].
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let added = header::add(&mut self.overlay().headers, name.as_ref(), value.as_ref());
        self.take(added);
        self
    }

    /// Gives a parameter of the query to every call; see [`Call::query`].
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.overlay().set_query(name.as_ref(), value.as_ref());
        self
    }

    /// Gives up each call after this time instead of the configured one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.overlay().timeout = Some(timeout);
        self
    }

    fn refuse(&mut self, fault: Misconfigured) {
        self.as_mut().refused.get_or_insert(fault);
    }

    fn overlay(&mut self) -> &mut CallOptions {
        Arc::make_mut(&mut self.options)
    }

    fn take<T>(&mut self, result: Result<T, Misconfigured>) -> Option<T> {
        result.map_err(|fault| self.refused.get_or_insert(fault)).ok()
    }
}

/// So that whatever can be said of a token request can be said of a caller: agents say
/// `with_agent_identity` this way.
impl AsMut<TokenRequest> for Caller {
    fn as_mut(&mut self) -> &mut TokenRequest {
        Arc::make_mut(&mut self.request)
    }
}
