//! Graph and who calls it: only somebody can call, so the choice cannot be left out.

use std::time::Duration;

use entra_abstractions::{Misconfigured, Scopes, SessionKey, TenantId, TokenRequest};
use entra_downstream_api::Caller;
use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use crate::{
    Batch, DeltaLink, Graph, GraphCall, GraphError, Pages, UploadSession,
    builder::{BETA, V1},
};

/// Graph and whose token it is called with. Cloning is cheap, and one caller serves any number of
/// requests at once.
#[doc(alias = "GraphAuthenticationOptions")]
#[doc(alias = "WithAuthenticationOptions")]
#[derive(Debug, Clone)]
#[must_use = "a caller calls with `get`, `post` and so on"]
pub struct GraphCaller {
    graph: Graph,
    caller: Caller,
    base: Url,
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident $method:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&self, path: impl AsRef<str>) -> GraphCall {
            GraphCall::new(self.clone(), Method::$method, path.as_ref())
        }
    )*};
}

impl GraphCaller {
    pub(crate) fn new(graph: Graph, caller: Caller) -> Self {
        let base = graph.configured().base.clone();
        Self { graph, caller, base }
    }

    verbs! {
        /// Gets what is at a path, such as `me` or `users/{id}/messages`.
        get GET,
        /// Posts to a path.
        post POST,
        /// Changes what is at a path.
        patch PATCH,
        /// Puts to a path.
        put PUT,
        /// Deletes what is at a path.
        delete DELETE,
    }

    /// What changed since a delta link was given; Graph says when it is
    /// [too old](crate::Refusal::wants_resync).
    pub fn changes_since<T: DeserializeOwned>(&self, link: &DeltaLink) -> Pages<T> {
        Pages::linked(self.clone(), link.as_str().to_owned())
    }

    /// Several requests at once; what is added to it must be of this caller's Graph.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// Begins a large upload: posts what describes the item to a path that ends in
    /// `createUploadSession`.
    ///
    /// # Errors
    /// As a [call](GraphCall::json); [`GraphError::Call`] too when Graph names no address that
    /// content may be sent to.
    pub async fn upload_session<T: Serialize + ?Sized>(
        &self,
        path: impl AsRef<str>,
        item: &T,
    ) -> Result<UploadSession, GraphError> {
        UploadSession::begin(self, path.as_ref(), item).await
    }

    /// Calls `beta`.
    pub fn beta(self) -> Self {
        self.version(BETA)
    }

    /// Calls version 1.0.
    pub fn v1(self) -> Self {
        self.version(V1)
    }

    fn version(mut self, version: &str) -> Self {
        let path = self.base.path().trim_end_matches('/');
        let root = [V1, BETA].iter().find_map(|known| path.strip_suffix(known)).unwrap_or(path);
        let path = format!("{}/{version}", root.trim_end_matches('/'));
        self.base.set_path(&path);
        self.caller = self.caller.base_url(&self.base);
        self
    }

    /// Asks for these scopes instead of the configured ones.
    #[doc(alias = "WithScopes")]
    pub fn scopes<S: TryInto<Scopes>>(mut self, scopes: S) -> Self
    where
        Misconfigured: From<S::Error>,
    {
        self.caller = self.caller.scopes(scopes);
        self
    }

    /// Asks this tenant instead of the configured one.
    pub fn tenant<T: TryInto<TenantId>>(mut self, tenant: T) -> Self
    where
        Misconfigured: From<T::Error>,
    {
        self.caller = self.caller.tenant(tenant);
        self
    }

    /// Keeps the session of the user on whose behalf Graph is called under this key.
    pub fn keep_as(mut self, key: SessionKey) -> Self {
        self.caller = self.caller.keep_as(key);
        self
    }

    /// Gives a header to every request.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.caller = self.caller.header(name, value);
        self
    }

    /// Gives up each request after this time instead of the configured one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.caller = self.caller.timeout(timeout);
        self
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// The same caller at the root of the host, for links that Graph gave.
    pub(crate) fn at(&self, root: &str) -> Self {
        let mut there = self.clone();
        there.caller = there.caller.base_url(root).relative_path("");
        there
    }
}

/// So that whatever can be said of a token request can be said of a caller: agents say
/// `with_agent_identity` this way.
impl AsMut<TokenRequest> for GraphCaller {
    fn as_mut(&mut self) -> &mut TokenRequest {
        self.caller.as_mut()
    }
}
