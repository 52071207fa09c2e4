//! What tokens requests are sent with: the middleware's defaults, and what a request says otherwise.

use std::{fmt, sync::Arc};

use entra_abstractions::{
    AccountId, AgentId, AgentSubject, AgentUser, Claims, CorrelationId, Misconfigured, Scheme, Scopes,
    SessionKey, Subject, TenantId, TokenRequest, User, UserAssertion,
};

/// What token a request is sent with: scopes, whose it is, and whatever else can be said of a
/// [`TokenRequest`].
///
/// As an extension of a request, it is laid over the middleware's defaults: what it does not say,
/// they say. Unlike .NET, where it replaces them and an agent that is named for one request loses
/// the scopes.
///
/// ```
/// use entra_downstream_api::AuthorizationOptions;
///
/// let defaults = AuthorizationOptions::new().scopes("api://orders/read").as_app();
/// let for_this_request = AuthorizationOptions::new().change(|request| request.force_refresh());
/// # let _ = (defaults, for_this_request);
/// ```
#[doc(alias = "MicrosoftIdentityMessageHandlerOptions")]
#[doc(alias = "WithAuthenticationOptions")]
#[derive(Clone, Default)]
pub struct AuthorizationOptions {
    scopes: Option<Scopes>,
    subject: Option<Subject>,
    changes: Vec<Change>,
    refused: Option<Misconfigured>,
}

type Change = Arc<dyn Fn(TokenRequest) -> TokenRequest + Send + Sync>;

impl AuthorizationOptions {
    /// Says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a token with these scopes.
    #[must_use]
    pub fn scopes<S: TryInto<Scopes>>(mut self, scopes: S) -> Self
    where
        Misconfigured: From<S::Error>,
    {
        match scopes.try_into() {
            Ok(scopes) => self.scopes = Some(scopes),
            Err(fault) => self.refused = self.refused.or(Some(fault.into())),
        }
        self
    }

    /// Sends the application's own token. Delegated scopes of a single resource that are the
    /// middleware's defaults become that resource's `/.default`.
    #[doc(alias = "RequestAppToken")]
    #[must_use]
    pub fn as_app(self) -> Self {
        self.subject(Subject::App)
    }

    /// Sends a token on behalf of the user who called this program.
    #[must_use]
    pub fn on_behalf_of(self, user: &impl AsRef<UserAssertion>) -> Self {
        self.subject(Subject::User(User::OnBehalfOf(user.as_ref().clone().into())))
    }

    /// Keeps the session of the user on whose behalf the token is sent under this key, for work that
    /// goes on [`for_session`](Self::for_session).
    #[doc(alias = "LongRunningWebApiSessionKey")]
    #[must_use]
    pub fn keep_as(self, key: SessionKey) -> Self {
        self.change(move |request| request.keep_as(key.clone()))
    }

    /// Sends a token of the user whose session was kept under this key.
    #[must_use]
    pub fn for_session(self, key: &SessionKey) -> Self {
        self.subject(Subject::User(User::Session(key.clone())))
    }

    /// Sends a token of a user who signed in to this program before.
    #[must_use]
    pub fn for_account(self, account: AccountId) -> Self {
        self.subject(Subject::User(User::Account(account)))
    }

    /// Sends a token of an agent's own user account.
    #[doc(alias = "WithAgentUserIdentity")]
    #[must_use]
    pub fn as_agent_user<A, U>(mut self, agent: A, user: U) -> Self
    where
        A: TryInto<AgentId>,
        U: TryInto<AgentUser>,
        Misconfigured: From<A::Error> + From<U::Error>,
    {
        let named =
            agent.try_into().map_err(Misconfigured::from).and_then(|agent| Ok((agent, user.try_into()?)));
        match named {
            Ok((agent, user)) => self.subject(Subject::Agent(agent, AgentSubject::AgentUser(user))),
            Err(fault) => {
                self.refused = self.refused.or(Some(fault));
                self
            }
        }
    }

    /// Sends a token of this subject.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Asks this tenant instead of the application's.
    #[must_use]
    pub fn tenant<T: TryInto<TenantId>>(mut self, tenant: T) -> Self
    where
        Misconfigured: From<T::Error>,
    {
        match tenant.try_into() {
            Ok(tenant) => self.change(move |request| request.tenant(tenant.clone())),
            Err(fault) => {
                self.refused = self.refused.or(Some(fault.into()));
                self
            }
        }
    }

    /// Sends the application's own token bound to its certificate, over a connection with that one
    /// (RFC 8705). `.change(|request| request.with_agent_identity(&agent))` sends an agent's.
    #[doc(alias = "MTLS_POP")]
    #[must_use]
    pub fn bound(self) -> Self {
        self.as_app().change(|request| TokenRequest { scheme: Scheme::MtlsPop, ..request })
    }

    /// Asks for a token that satisfies a claims challenge.
    #[must_use]
    pub fn claims(self, claims: Claims) -> Self {
        self.change(move |request| request.claims(claims.clone()))
    }

    /// Logs the token request under an id of the caller.
    #[must_use]
    pub fn correlation_id(self, id: CorrelationId) -> Self {
        self.change(move |request| request.correlation_id(id))
    }

    /// Says anything else of the token request, agents included:
    /// `.change(move |request| request.with_agent_identity(&agent))`. Changes are made in the order
    /// in which they were said, the defaults' first, once scopes and subject are known.
    #[must_use]
    pub fn change(mut self, change: impl Fn(TokenRequest) -> TokenRequest + Send + Sync + 'static) -> Self {
        self.changes.push(Arc::new(change));
        self
    }

    /// What these defaults ask for, where it is a bound token; what they leave to the request, they say
    /// nothing about.
    pub(crate) fn bound_request(&self) -> Result<Option<TokenRequest>, Misconfigured> {
        if let Some(fault) = &self.refused {
            return Err(fault.clone());
        }
        let scopes = match &self.scopes {
            Some(scopes) => scopes.to_default().unwrap_or_else(|_| scopes.clone()),
            None => Scopes::try_from("https://graph.microsoft.com/.default")?,
        };
        let subject = self.subject.clone().unwrap_or(Subject::App);
        let request =
            self.changes.iter().fold(TokenRequest::new(scopes, subject), |request, change| change(request));
        Ok(Some(request).filter(|request| request.scheme == Scheme::MtlsPop))
    }

    /// The token request that these defaults and a request's own options make.
    pub(crate) fn resolve(&self, own: Option<&Self>) -> Result<TokenRequest, Misconfigured> {
        if let Some(fault) = own.and_then(|own| own.refused.as_ref()).or(self.refused.as_ref()) {
            return Err(fault.clone());
        }
        let subject = own.and_then(|own| own.subject.as_ref()).or(self.subject.as_ref());
        let Some(subject) = subject else {
            return Err(Misconfigured::new(
                "neither the middleware nor the request says whose token to send",
            )
            .hint("say as_app or on_behalf_of in their AuthorizationOptions"));
        };
        let said = own.and_then(|own| own.scopes.as_ref());
        let Some(scopes) = said.or(self.scopes.as_ref()) else {
            return Err(Misconfigured::new("neither the middleware nor the request says scopes")
                .hint("say them in their AuthorizationOptions"));
        };
        let changes = self.changes.iter().chain(own.into_iter().flat_map(|own| &own.changes));
        let mut request = changes
            .fold(TokenRequest::new(scopes.clone(), subject.clone()), |request, change| change(request));
        // Those of the request itself are taken at their word: they are refused if they cannot be.
        if said.is_none()
            && crate::app_scopes::is_app(&request.subject)
            && let Ok(default) = request.scopes.to_default()
        {
            request.scopes = default;
        }
        Ok(request)
    }
}

impl fmt::Debug for AuthorizationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationOptions")
            .field("scopes", &self.scopes)
            .field("subject", &self.subject)
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(defaults: &AuthorizationOptions, own: &AuthorizationOptions) -> Result<TokenRequest, String> {
        defaults.resolve(Some(own)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_request_is_laid_over_the_defaults() {
        let defaults =
            AuthorizationOptions::new().scopes("api://orders/read").as_app().tenant("contoso.example");
        let agent = AgentId::new("33333333-3333-4333-8333-333333333333").unwrap();
        let own = AuthorizationOptions::new().change(move |request| TokenRequest {
            subject: Subject::Agent(agent.clone(), AgentSubject::App),
            ..request
        });
        let request = told(&defaults, &own).unwrap();
        assert_eq!(request.scopes.as_str(), "api://orders/.default");
        assert!(matches!(request.subject, Subject::Agent(_, AgentSubject::App)));
        assert_eq!(request.tenant.unwrap().as_str(), "contoso.example");
        let own = AuthorizationOptions::new().as_agent_user("3333", "bob.o'hara@contoso.example");
        let request = told(&defaults, &own).unwrap();
        assert!(matches!(request.subject, Subject::Agent(_, AgentSubject::AgentUser(AgentUser::Upn(_)))));
        assert_eq!(request.scopes.as_str(), "api://orders/read");
        assert!(told(&defaults, &AuthorizationOptions::new().as_agent_user("", "x@y")).is_err());
        let own = AuthorizationOptions::new().scopes("api://other/.default").tenant("fabrikam.example");
        let request = told(&defaults, &own).unwrap();
        assert_eq!(request.scopes.as_str(), "api://other/.default");
        assert_eq!(request.tenant.unwrap().as_str(), "fabrikam.example");
    }

    #[test]
    fn scopes_and_subject_must_come_from_somewhere() {
        let nothing = AuthorizationOptions::new();
        assert!(told(&nothing, &nothing).unwrap_err().contains("whose token"));
        assert!(nothing.resolve(None).is_err());
        assert!(told(&nothing.clone().as_app(), &nothing).unwrap_err().contains("says scopes"));
        assert!(told(&nothing.clone().as_app(), &nothing.clone().scopes("api://a/.default")).is_ok());
        assert!(
            told(&nothing.clone().as_app().scopes("a/.default"), &nothing.tenant("your-tenant-id")).is_err()
        );
    }
}
