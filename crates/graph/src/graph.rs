//! Microsoft Graph, as an application calls it: where it is, and who gets the tokens.

use std::sync::Arc;

use entra_abstractions::{
    AccountId, AcquireToken, AgentId, AgentUser, ManagedIdentityId, Misconfigured, Scopes, Section,
    SessionKey, TokenRequest, UserAssertion,
};
use entra_downstream_api::{Api, Caller, HttpSettings};
use url::Url;

use crate::{GraphBuilder, GraphCaller};

/// Microsoft Graph, ready to be called. Cloning is cheap; make it once, at start-up.
///
/// Whose token is used is said first, the verb after it: `graph.on_behalf_of(&user).get("me")`.
#[doc(alias = "GraphServiceClient")]
#[doc(alias = "AddMicrosoftGraph")]
#[doc(alias = "GraphServiceClientOptions")]
#[derive(Debug, Clone)]
pub struct Graph(Arc<Configured>);

/// What [`GraphBuilder`] found to be right.
#[derive(Debug)]
pub(crate) struct Configured {
    pub(crate) api: Api,
    pub(crate) base: Url,
    /// The scope of the application's own token, where the configured scopes have one.
    pub(crate) default_scope: Option<Scopes>,
    /// The names of the parameters that are put into every query.
    pub(crate) query: Vec<String>,
    pub(crate) http: HttpSettings,
}

impl Graph {
    /// Graph of the public cloud, version 1.0; delegated tokens for `User.Read`, and the
    /// application's for `/.default`.
    ///
    /// # Errors
    /// [`Misconfigured`] when no HTTP client can be made: the developer must act.
    pub fn new(tokens: impl AcquireToken + 'static) -> Result<Self, Misconfigured> {
        Self::builder().build(tokens)
    }

    /// Graph as a section describes it, such as `GraphBeta`: the keys of a downstream API, with
    /// `BaseUrl` and `Scopes` optional.
    ///
    /// # Errors
    /// [`Misconfigured`] with everything that is wrong, each fault with its path: the developer
    /// must act.
    #[doc(alias = "AddMicrosoftGraph")]
    pub fn from_section(
        section: &Section,
        tokens: impl AcquireToken + 'static,
    ) -> Result<Self, Misconfigured> {
        Self::builder().section(section).build(tokens)
    }

    /// Graph as the program describes it, or partly so.
    pub fn builder() -> GraphBuilder {
        GraphBuilder::default()
    }

    /// Calls with the application's own token.
    #[doc(alias = "WithAppOnly")]
    pub fn as_app(&self) -> GraphCaller {
        self.caller(self.0.api.as_app())
    }

    /// Calls with the token of a managed identity of the host.
    pub fn as_managed_identity(&self, id: ManagedIdentityId) -> GraphCaller {
        self.caller(self.0.api.as_managed_identity(id))
    }

    /// Calls on behalf of the user who called this program.
    pub fn on_behalf_of(&self, user: &impl AsRef<UserAssertion>) -> GraphCaller {
        self.caller(self.0.api.on_behalf_of(user))
    }

    /// Calls for the user whose session was kept under this key.
    pub fn for_session(&self, key: &SessionKey) -> GraphCaller {
        self.caller(self.0.api.for_session(key))
    }

    /// Calls for a user who signed in to this program before.
    #[doc(alias = "WithUser")]
    pub fn for_account(&self, account: &AccountId) -> GraphCaller {
        self.caller(self.0.api.for_account(account))
    }

    /// Calls as the user account of an agent.
    #[doc(alias = "WithAgentUserIdentity")]
    pub fn as_agent_user<A, U>(&self, agent: A, user: U) -> GraphCaller
    where
        A: TryInto<AgentId>,
        U: TryInto<AgentUser>,
        Misconfigured: From<A::Error> + From<U::Error>,
    {
        self.caller(self.0.api.as_agent_user(agent, user))
    }

    /// Calls as the configuration says: as the application where `RequestAppToken` is set, else on
    /// behalf of this user. Whoever knows who calls says so instead.
    pub fn as_configured(&self, user: Option<&UserAssertion>) -> GraphCaller {
        self.caller(self.0.api.as_configured(user))
    }

    fn caller(&self, mut caller: Caller) -> GraphCaller {
        use entra_abstractions::Subject::{Agent, App, ManagedIdentity, User};
        let request: &mut TokenRequest = caller.as_mut();
        match (&request.subject, &self.0.default_scope) {
            (App | ManagedIdentity(_), Some(scope)) => request.scopes = scope.clone(),
            (App | ManagedIdentity(_), None) | (User(_) | Agent(..), _) => {}
        }
        GraphCaller::new(self.clone(), caller)
    }

    pub(crate) fn configured(&self) -> &Configured {
        &self.0
    }
}

impl From<Configured> for Graph {
    fn from(configured: Configured) -> Self {
        Self(Arc::new(configured))
    }
}
