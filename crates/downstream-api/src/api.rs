//! An API that is called, by its name: where it is, what it wants, and who gets the tokens.

use std::sync::Arc;

use entra_abstractions::{
    AccountId, AcquireToken, AgentId, AgentSubject, AgentUser, ManagedIdentityId, Misconfigured, OnBehalfOf,
    Section, SessionKey, Subject, TokenRequest, User, UserAssertion, section::nearest,
};

use crate::{ApiBuilder, Caller, bound::Connections, builder::Protocol, options::CallOptions};

/// A protected API, ready to be called. Cloning is cheap; make it once, at start-up.
///
/// Whose token is used is said first, the verb after it: `api.on_behalf_of(&user).get("items")`.
#[doc(alias = "IDownstreamApi")]
#[doc(alias = "DownstreamApi")]
#[derive(Clone)]
pub struct Api(Arc<Configured>);

/// What [`ApiBuilder`] found to be right.
pub(crate) struct Configured {
    pub(crate) name: Arc<str>,
    pub(crate) options: Arc<CallOptions>,
    /// The configured token request; its subject is said by the caller.
    pub(crate) request: TokenRequest,
    /// The one session that is configured for all calls of users.
    pub(crate) session: Option<SessionKey>,
    pub(crate) is_anonymous: bool,
    pub(crate) as_app: bool,
    /// As whom it is called where the application calls.
    pub(crate) managed_identity: Option<ManagedIdentityId>,
    pub(crate) response_limit: usize,
    pub(crate) client: reqwest::Client,
    /// Nothing where the program gave a client of its own.
    pub(crate) bound: Option<Connections>,
    pub(crate) protocol: Protocol,
    pub(crate) tokens: Arc<dyn AcquireToken>,
}

impl Api {
    /// The API of this name in a section that holds several, usually `DownstreamApis`.
    ///
    /// # Errors
    /// [`Misconfigured`] with everything that is wrong, each fault with its path: the developer
    /// must act.
    #[doc(alias = "AddDownstreamApi")]
    #[doc(alias = "AddDownstreamApis")]
    pub fn new(
        name: &str,
        apis: &Section,
        tokens: impl AcquireToken + 'static,
    ) -> Result<Self, Misconfigured> {
        let section = apis.section(name);
        if section.is_absent() || name.trim().is_empty() {
            return Err(unknown(name, apis));
        }
        ApiBuilder::new(name).section(&section).build(tokens)
    }

    /// The API of a section of its own; it is named as the last part of the section's path.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_section(
        section: &Section,
        tokens: impl AcquireToken + 'static,
    ) -> Result<Self, Misconfigured> {
        let name = section.path().rsplit('.').next().unwrap_or_default();
        ApiBuilder::new(name).section(section).build(tokens)
    }

    /// An API that is described in the program, or partly so:
    /// `Api::builder("Orders").section(&section).client(client)`.
    pub fn builder(name: impl Into<String>) -> ApiBuilder {
        ApiBuilder::new(name)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Calls with the application's own token, or with that of the managed identity that
    /// `AcquireTokenOptions` names. Delegated scopes of a single resource, as documents
    /// configure them, become that resource's `/.default`; those of several resources, or a scope
    /// that is said for the call and is not `/.default`, are refused by the call.
    #[doc(alias = "GetForAppAsync")]
    #[doc(alias = "CallApiForAppAsync")]
    pub fn as_app(&self) -> Caller {
        self.caller(self.app_request(match &self.0.managed_identity {
            Some(id) => Subject::ManagedIdentity(id.clone()),
            None => Subject::App,
        }))
    }

    /// Calls with the token of a managed identity of the host; scopes as for
    /// [`as_app`](Self::as_app).
    pub fn as_managed_identity(&self, id: ManagedIdentityId) -> Caller {
        self.caller(self.app_request(Subject::ManagedIdentity(id)))
    }

    fn app_request(&self, subject: Subject) -> TokenRequest {
        let mut request = self.request(subject);
        // What has no default is left for the call to refuse, unless the caller says other scopes.
        if let Ok(scopes) = request.scopes.to_default() {
            request.scopes = scopes;
        }
        request
    }

    /// Calls on behalf of the user who called this program. For work that outlives their token, say
    /// [`keep_as`](Caller::keep_as) too.
    #[doc(alias = "GetForUserAsync")]
    #[doc(alias = "CallApiForUserAsync")]
    pub fn on_behalf_of(&self, user: &impl AsRef<UserAssertion>) -> Caller {
        let user = OnBehalfOf { assertion: user.as_ref().clone(), keep_as: self.0.session.clone() };
        self.caller(self.request(Subject::User(User::OnBehalfOf(user))))
    }

    /// Calls for the user whose session was kept under this key: in work that goes on when they are
    /// gone.
    pub fn for_session(&self, key: &SessionKey) -> Caller {
        self.caller(self.request(Subject::User(User::Session(key.clone()))))
    }

    /// Calls for a user who signed in to this program before.
    pub fn for_account(&self, account: &AccountId) -> Caller {
        self.caller(self.request(Subject::User(User::Account(account.clone()))))
    }

    /// Calls as the user account of an agent.
    #[doc(alias = "WithAgentUserIdentity")]
    pub fn as_agent_user<A, U>(&self, agent: A, user: U) -> Caller
    where
        A: TryInto<AgentId>,
        U: TryInto<AgentUser>,
        Misconfigured: From<A::Error> + From<U::Error>,
    {
        let named =
            agent.try_into().map_err(Misconfigured::from).and_then(|agent| Ok((agent, user.try_into()?)));
        self.caller(match named {
            Ok((agent, user)) => self.request(Subject::Agent(agent, AgentSubject::AgentUser(user))),
            Err(fault) => self.request(Subject::App).refuse(fault),
        })
    }

    /// Calls as the configuration says: as the managed identity that `AcquireTokenOptions` names, as
    /// the application where `RequestAppToken` is set, without a token where `Anonymous` is, else on
    /// behalf of this user; without one, for the session that `LongRunningWebApiSessionKey` names.
    /// For hosts that are driven by configuration; whoever knows who calls says so instead.
    pub fn as_configured(&self, user: Option<&UserAssertion>) -> Caller {
        match (user, &self.0.session) {
            _ if self.0.is_anonymous => self.anonymously(),
            _ if self.0.as_app || self.0.managed_identity.is_some() => self.as_app(),
            (Some(user), _) => self.on_behalf_of(user),
            (None, Some(session)) => self.for_session(session),
            (None, None) => {
                let fault = Misconfigured::new(format!(
                    "API {} is called for a user, and there is none",
                    self.name()
                ));
                self.caller(
                    self.request(Subject::App)
                        .refuse(fault.hint("set RequestAppToken to call as the application")),
                )
            }
        }
    }

    /// Calls without a token, where the configuration says `Anonymous`.
    pub fn anonymously(&self) -> Caller {
        let request = self.request(Subject::App);
        if self.0.is_anonymous {
            return Caller::new(self.clone(), request);
        }
        let fault = Misconfigured::new(format!("API {} is called with a token", self.name()));
        Caller::new(self.clone(), request.refuse(fault.hint("say \"Anonymous\": true if it takes none")))
    }

    fn caller(&self, request: TokenRequest) -> Caller {
        let request = match (&request.subject, &self.0.managed_identity) {
            _ if self.0.is_anonymous => request.refuse(self.takes_no_token()),
            (Subject::User(_) | Subject::Agent(..), Some(_)) => request.refuse(self.is_called_by_the_host()),
            (Subject::User(_), None) if self.0.protocol != Protocol::Token => {
                request.refuse(self.is_called_by_the_application())
            }
            (Subject::ManagedIdentity(_), _) if self.0.protocol == Protocol::Certificate => {
                request.refuse(self.is_called_by_the_application())
            }
            _ => request,
        };
        Caller::new(self.clone(), request)
    }

    /// Unlike .NET, where the managed identity's token goes out in the name of whoever was asked for.
    fn is_called_by_the_host(&self) -> Misconfigured {
        Misconfigured::new(format!("API {} is configured to be called as a managed identity", self.name()))
            .hint("call it as_app(), or remove ManagedIdentity from its AcquireTokenOptions")
    }

    fn is_called_by_the_application(&self) -> Misconfigured {
        let what = match self.0.protocol {
            Protocol::Certificate => "takes the application's certificate alone",
            Protocol::Token | Protocol::BoundToken => {
                "takes bound tokens, and only an application's own can be bound"
            }
        };
        Misconfigured::new(format!("API {} {what}", self.name())).hint("call it as_app(), or as an agent")
    }

    /// A program that thinks it calls as somebody must not find that it called as nobody.
    pub(crate) fn takes_no_token(&self) -> Misconfigured {
        Misconfigured::new(format!("API {} is configured to be called without a token", self.name()))
            .hint("call it anonymously()")
    }

    fn request(&self, subject: Subject) -> TokenRequest {
        TokenRequest { subject, ..self.0.request.clone() }
    }

    pub(crate) fn configured(&self) -> &Configured {
        &self.0
    }
}

impl From<Configured> for Api {
    fn from(configured: Configured) -> Self {
        Self(Arc::new(configured))
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("name", &self.0.name)
            .field("base_url", &self.0.options.place.base().as_str())
            .field("scopes", &self.0.request.scopes)
            .finish_non_exhaustive()
    }
}

fn unknown(name: &str, apis: &Section) -> Misconfigured {
    let known: Vec<&str> = apis.names().collect();
    let hint = match (nearest(name, &known), known.is_empty()) {
        (Some(meant), _) => format!("did you mean {meant}? configured are: {}", known.join(", ")),
        (None, false) => format!("configured are: {}", known.join(", ")),
        (None, true) => "none is configured in this section".to_owned(),
    };
    Misconfigured::new(format!("no API is called \"{}\"", name.escape_debug())).at(apis.path()).hint(hint)
}
