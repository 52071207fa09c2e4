//! The credential: an acquirer, whose token it gives, and the trait of the Azure SDK.

use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::policies::Policy,
    time::OffsetDateTime,
};
use entra_abstractions::{
    AccountId, AcquireToken, AgentId, AgentSubject, AgentUser, ManagedIdentityId, Misconfigured, Scheme,
    Scopes, SessionKey, Subject, TokenError, TokenRequest, User, UserAssertion,
};

use crate::{CurrentTokenPolicy, asked::Asked, context, error};

/// A credential for the clients of the Azure SDK, over any acquirer. The scopes are the client's;
/// whose token it gives, and from which tenant, is said here.
///
/// It is a value: what is said makes a new one and leaves this one as it was, so that requests that
/// are served side by side cannot change each other's.
///
/// ```
/// # use entra_abstractions::{AcquireToken, Misconfigured, TenantId, UserAssertion};
/// # fn example(tokens: impl AcquireToken + 'static, user: UserAssertion) -> Result<(), Misconfigured> {
/// use entra_azure_credential::EntraCredential;
///
/// let credential = EntraCredential::new(tokens); // the application's own token
/// let for_user = credential.on_behalf_of(&user);
/// let fabrikam = TenantId::new("fabrikam.example")?;
/// let elsewhere = credential.with(|request| request.tenant(fabrikam));
/// # let _ = (for_user, elsewhere);
/// # Ok(())
/// # }
/// ```
///
/// # Security
/// A client of the Azure SDK keeps the token that its credential gave, and sends it for everybody
/// who calls through that client. So make a client for each user, or give the one client a
/// [policy](Self::policy); making one is cheap where they share a transport.
#[doc(alias = "MicrosoftIdentityTokenCredential")]
#[doc(alias = "AddMicrosoftIdentityAzureTokenCredential")]
#[doc(alias = "TokenAcquirerTokenCredential")]
#[doc(alias = "TokenAcquirerAppTokenCredential")]
#[doc(alias = "TokenCredential")]
#[derive(Clone)]
pub struct EntraCredential {
    tokens: Arc<dyn AcquireToken>,
    /// Its scopes are a placeholder: those of the client take their place.
    request: TokenRequest,
    /// What clients asked with before, ready to be asked again.
    asked: Arc<Asked>,
}

impl EntraCredential {
    /// A credential that gives the application's own token.
    pub fn new(tokens: impl AcquireToken + 'static) -> Self {
        Self::of(Arc::new(tokens), TokenRequest::as_app(placeholder()))
    }

    fn of(tokens: Arc<dyn AcquireToken>, request: TokenRequest) -> Self {
        Self { tokens, request, asked: Arc::default() }
    }

    /// One that gives the application's own token.
    #[doc(alias = "RequestAppToken")]
    #[must_use]
    pub fn as_app(&self) -> Self {
        self.subject(Subject::App)
    }

    /// One that gives tokens on behalf of the user who called this program.
    #[must_use]
    pub fn on_behalf_of(&self, user: &impl AsRef<UserAssertion>) -> Self {
        self.subject(Subject::User(User::OnBehalfOf(user.as_ref().clone().into())))
    }

    /// One that gives tokens of the user whose session was kept under this key.
    #[must_use]
    pub fn for_session(&self, key: &SessionKey) -> Self {
        self.subject(Subject::User(User::Session(key.clone())))
    }

    /// One that gives tokens of a user who signed in to this program before.
    #[must_use]
    pub fn for_account(&self, account: &AccountId) -> Self {
        self.subject(Subject::User(User::Account(account.clone())))
    }

    /// One that gives tokens of an agent's own user account. An agent's other tokens are had by
    /// `with_agent_identity` of `entra-agent-identities`, as on every request.
    #[doc(alias = "WithAgentUserIdentity")]
    #[must_use]
    pub fn as_agent_user<A, U>(&self, agent: A, user: U) -> Self
    where
        A: TryInto<AgentId>,
        U: TryInto<AgentUser>,
        Misconfigured: From<A::Error> + From<U::Error>,
    {
        let named =
            agent.try_into().map_err(Misconfigured::from).and_then(|agent| Ok((agent, user.try_into()?)));
        match named {
            Ok((agent, user)) => self.subject(Subject::Agent(agent, AgentSubject::AgentUser(user))),
            Err(fault) => self.with(|request| request.refuse(fault)),
        }
    }

    /// One that gives the token of a managed identity of the host.
    #[must_use]
    pub fn as_managed_identity(&self, id: ManagedIdentityId) -> Self {
        self.subject(Subject::ManagedIdentity(id))
    }

    /// One whose tokens are asked for with something else said of the request: a tenant, a
    /// correlation id, a session to keep. Its scopes are the client's, whatever is said here.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(TokenRequest) -> TokenRequest) -> Self {
        Self::of(Arc::clone(&self.tokens), change(self.request.clone()))
    }

    fn subject(&self, subject: Subject) -> Self {
        self.with(|request| TokenRequest { subject, ..request })
    }

    /// A policy for the `per_try_policies` of a client whose service takes tokens for these scopes:
    /// each try goes out with the token as it is then, and a claims challenge is answered once.
    ///
    /// # Errors
    /// [`Misconfigured`] when the scopes are none: the developer must act.
    pub fn policy<S: TryInto<Scopes>>(&self, scopes: S) -> Result<Arc<dyn Policy>, Misconfigured>
    where
        Misconfigured: From<S::Error>,
    {
        let scopes = scopes.try_into()?;
        let request = TokenRequest { scopes, ..self.request.clone() };
        Ok(Arc::new(CurrentTokenPolicy::new(Arc::clone(&self.tokens), request)))
    }

    /// The token, where it is at hand.
    fn at_hand(&self, scopes: &[&str]) -> Option<Result<AccessToken, TokenError>> {
        let result = self.tokens.acquire(self.asked.find(scopes)?).now().ok()?;
        Some(result.and_then(|token| shown(&token)))
    }

    /// What is asked for these scopes; remembered for the next time.
    fn request(&self, scopes: &[&str]) -> Result<TokenRequest, TokenError> {
        if let Some(fault) = &self.request.refused {
            return Err(fault.clone().into());
        }
        if let Some(known) = self.asked.find(scopes) {
            return Ok(known.clone());
        }
        let request = TokenRequest { scopes: Scopes::new(scopes)?, ..self.request.clone() };
        self.asked.remember(scopes, &request);
        Ok(request)
    }

    async fn fetch(
        &self,
        scopes: &[&str],
        options: Option<&TokenRequestOptions<'_>>,
    ) -> Result<AccessToken, TokenError> {
        let mut request = self.request(scopes)?;
        if let Some(options) = options {
            context::apply(&options.method_options.context, &mut request);
        }
        shown(&self.tokens.acquire(&request).await?)
    }
}

#[async_trait]
impl TokenCredential for EntraCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let says_more =
            options.as_ref().is_some_and(|options| context::says_more(&options.method_options.context));
        if !says_more && let Some(result) = self.at_hand(scopes) {
            return result.map_err(error::of_credential);
        }
        // In a box of its own, so that the one around a token that is at hand stays small.
        Box::pin(self.fetch(scopes, options.as_ref())).await.map_err(error::of_credential)
    }
}

/// So that whatever can be said of a token request can be said of a credential: agents say
/// `with_agent_identity` this way.
impl AsMut<TokenRequest> for EntraCredential {
    fn as_mut(&mut self) -> &mut TokenRequest {
        self.asked = Arc::default();
        &mut self.request
    }
}

/// As the clients of the Azure SDK take it.
impl From<EntraCredential> for Arc<dyn TokenCredential> {
    fn from(credential: EntraCredential) -> Self {
        Arc::new(credential)
    }
}

impl fmt::Debug for EntraCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraCredential")
            .field("subject", &self.request.subject)
            .field("tenant", &self.request.tenant)
            .finish_non_exhaustive()
    }
}

/// The token in the SDK's form. It writes `Bearer` before it, so no other scheme may come here.
fn shown(token: &entra_abstractions::AccessToken) -> Result<AccessToken, TokenError> {
    match token.scheme() {
        Scheme::Bearer => {
            // Whole seconds: a calendar's fractions cost more than they tell.
            let seconds = token.expires_at().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let expires_on = i64::try_from(seconds.as_secs()).map(OffsetDateTime::from_unix_timestamp);
            let expires_on = expires_on.ok().and_then(Result::ok).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            Ok(AccessToken::new(token.secret().expose().to_owned(), expires_on))
        }
        Scheme::Pop(_) | Scheme::MtlsPop => {
            Err(Misconfigured::new("the clients of the Azure SDK send bearer tokens only")
                .hint("ask for no other scheme in the credential's request")
                .into())
        }
    }
}

#[expect(clippy::expect_used, reason = "a constant that a test reads, too")]
fn placeholder() -> Scopes {
    Scopes::try_from("https://management.azure.com/.default").expect("it is a scope")
}
