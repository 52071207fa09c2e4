//! The one request: what token is wanted, for whom, and how fresh.

use std::{fmt, sync::Arc};

use crate::{
    AccountId, AgentId, AgentSubject, AgentUser, Claims, CorrelationId, ManagedIdentityId, Misconfigured,
    OnBehalfOf, Scheme, Scopes, SessionKey, Subject, TenantId, TokenHash, User, UserAssertion,
};

/// A request for a token.
///
/// All fields are public and the struct is exhaustive on purpose: the cache key is made by
/// destructuring it, so that a new field does not compile until somebody has decided whether it
/// shapes the token.
///
/// ```
/// use entra_abstractions::{Scopes, TenantId, TokenRequest};
///
/// let request = TokenRequest::as_app(Scopes::try_from("https://graph.microsoft.com/.default")?)
///     .tenant(TenantId::new("contoso.example")?);
/// assert_eq!(request.scopes.as_str(), "https://graph.microsoft.com/.default");
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "AcquireTokenOptions")]
#[doc(alias = "AuthorizationHeaderProviderOptions")]
#[doc(alias = "TokenAcquisitionOptions")]
#[expect(clippy::exhaustive_structs, reason = "a new field must fail to compile where keys are made")]
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What the token is for.
    pub scopes: Scopes,
    /// Whose token it is.
    pub subject: Subject,
    /// How it will be shown to the API.
    pub scheme: Scheme,
    /// The tenant to ask instead of the configured one.
    pub tenant: Option<TenantId>,
    /// The path below the application's federated identity.
    pub fmi_path: Option<FmiPath>,
    /// Further parameters of the token request.
    pub parameters: Vec<Parameter>,
    /// Claims that a challenge asked for: the cached token is replaced by one that has them.
    pub claims: Option<Claims>,
    /// Claims of the application's own about itself, signed into the assertion by which a certificate
    /// proves it; they shape the token.
    pub client_claims: Option<Claims>,
    /// Asks Entra even where a token is cached, and replaces it.
    pub force_refresh: bool,
    /// The token that an API refused: what is cached answers only if it is another one, fetched for
    /// the same claims. So those whose calls were refused together ask Entra once.
    pub replaces: Option<TokenHash>,
    /// The id under which both sides log this call; one is made where none is given.
    pub correlation_id: Option<CorrelationId>,
    /// What a builder method could not do; `acquire` returns it.
    pub refused: Option<Misconfigured>,
}

impl TokenRequest {
    /// Asks for a subject's token.
    pub fn new(scopes: Scopes, subject: Subject) -> Self {
        Self {
            scopes,
            subject,
            scheme: Scheme::Bearer,
            tenant: None,
            fmi_path: None,
            parameters: Vec::new(),
            claims: None,
            client_claims: None,
            force_refresh: false,
            replaces: None,
            correlation_id: None,
            refused: None,
        }
    }

    /// Asks for the application's own token; scopes end in `/.default`.
    #[doc(alias = "GetTokenForAppAsync")]
    #[doc(alias = "CreateAuthorizationHeaderForAppAsync")]
    pub fn as_app(scopes: Scopes) -> Self {
        Self::new(scopes, Subject::App)
    }

    /// Asks for a token on behalf of the user who called this API.
    #[doc(alias = "GetTokenForUserAsync")]
    #[doc(alias = "CreateAuthorizationHeaderForUserAsync")]
    pub fn on_behalf_of(scopes: Scopes, user: &impl AsRef<UserAssertion>) -> Self {
        Self::new(scopes, Subject::User(User::OnBehalfOf(OnBehalfOf::new(user.as_ref().clone()))))
    }

    /// Asks for a token of the user whose session was kept under this key.
    #[doc(alias = "AcquireTokenInLongRunningProcess")]
    pub fn for_session(scopes: Scopes, key: &SessionKey) -> Self {
        Self::new(scopes, Subject::User(User::Session(key.clone())))
    }

    /// Asks for a token of a user who signed in before.
    pub fn for_account(scopes: Scopes, account: AccountId) -> Self {
        Self::new(scopes, Subject::User(User::Account(account)))
    }

    /// Asks for the token of an agent's own user account.
    #[doc(alias = "WithAgentUserIdentity")]
    pub fn as_agent_user(scopes: Scopes, agent: AgentId, user: AgentUser) -> Self {
        Self::new(scopes, Subject::Agent(agent, AgentSubject::AgentUser(user)))
    }

    /// Asks for the token of a managed identity of the host.
    #[doc(alias = "AcquireTokenForManagedIdentity")]
    pub fn as_managed_identity(scopes: Scopes, id: ManagedIdentityId) -> Self {
        Self::new(scopes, Subject::ManagedIdentity(id))
    }

    /// Keeps the user's session under this key, so that work on their behalf can go on
    /// [`for_session`](Self::for_session) when they are gone. Only a request on behalf of a caller
    /// begins a session; any other is refused.
    ///
    /// ```
    /// use entra_abstractions::{Scopes, SessionKey, TokenRequest, UserAssertion};
    ///
    /// # let assertion = UserAssertion::new("eyJ0eXAi.eyJ0aWQi.c2ln")?;
    /// let scopes = Scopes::try_from("User.Read")?;
    /// let key = SessionKey::new("job-17")?;
    /// let now = TokenRequest::on_behalf_of(scopes.clone(), &assertion).keep_as(key.clone());
    /// let later = TokenRequest::for_session(scopes, &key);
    /// # assert!(now.refused.is_none() && later.refused.is_none());
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    #[doc(alias = "InitiateLongRunningProcessInWebApi")]
    #[must_use]
    pub fn keep_as(mut self, key: SessionKey) -> Self {
        let (Subject::User(User::OnBehalfOf(user))
        | Subject::Agent(_, AgentSubject::User(User::OnBehalfOf(user)))) = &mut self.subject
        else {
            return self.refuse(
                Misconfigured::new("a session is kept for a caller, and this request is on behalf of none")
                    .hint("begin with on_behalf_of, while the user's token is at hand"),
            );
        };
        user.keep_as = Some(key);
        self
    }

    /// Asks this tenant instead of the configured one.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Asks for a token that satisfies a claims challenge.
    #[must_use]
    pub fn claims(mut self, claims: Claims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Signs claims of the application's own into the assertion by which its certificate proves it:
    /// what Entra checks, or writes into the token. They cannot change the claims that make an
    /// assertion what it is (`aud`, `iss`, `sub`, `jti`, `nbf`, `exp`).
    #[doc(alias = "WithClientClaims")]
    #[doc(alias = "IDWEB_CLIENT_ASSERTION_CLAIMS")]
    #[doc(alias = "WithExtraClientAssertionClaims")]
    #[must_use]
    pub fn client_claims(mut self, claims: Claims) -> Self {
        self.client_claims = Some(claims);
        self
    }

    /// Asks Entra even where a token is cached.
    #[must_use]
    pub fn force_refresh(mut self) -> Self {
        self.force_refresh = true;
        self
    }

    /// Asks for another token than this one, which an API refused: Entra is asked only where it is
    /// still the cached one, or the cached one was not fetched for the claims of this request.
    #[doc(alias = "WithAccessTokenSha256ToRefresh")]
    #[must_use]
    pub fn replacing(mut self, refused: TokenHash) -> Self {
        self.replaces = Some(refused);
        self
    }

    /// Shows the token in another way than as `Bearer`.
    #[doc(alias = "WithProofOfPossession")]
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// Logs this call under an id of the caller.
    #[must_use]
    pub fn correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }

    /// Asks with a path below the application's federated identity.
    #[must_use]
    pub fn fmi_path(mut self, path: FmiPath) -> Self {
        self.fmi_path = Some(path);
        self
    }

    /// Adds a parameter to the token request.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Notes that a builder method could not do what it was asked; the first note stays.
    #[must_use]
    pub fn refuse(mut self, fault: Misconfigured) -> Self {
        self.refused.get_or_insert(fault);
        self
    }
}

impl AsMut<TokenRequest> for TokenRequest {
    fn as_mut(&mut self) -> &mut TokenRequest {
        self
    }
}

/// A path below an application's federated managed identity (`fmi_path`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FmiPath(Arc<str>);

impl FmiPath {
    /// Takes a path such as `SomeFmiPath/Path`, or an agent's id.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is empty or holds control characters.
    pub fn new(path: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let path = path.as_ref();
        if path.trim().is_empty() || path.len() > 1024 || path.chars().any(char::is_control) {
            return Err(Misconfigured::new("the fmi path is empty or holds control characters"));
        }
        Ok(Self(path.into()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FmiPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&AgentId> for FmiPath {
    fn from(agent: &AgentId) -> Self {
        Self(agent.as_str().into())
    }
}

/// One more parameter of a token request. Its value may be a secret, so `Debug` does not print it.
#[doc(alias = "ExtraQueryParameters")]
#[doc(alias = "ExtraHeadersParameters")]
#[doc(alias = "WithExtraBodyParameters")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Parameter {
    name: Arc<str>,
    value: Arc<str>,
    place: Place,
    shapes_token: bool,
}

/// Where a parameter is sent.
#[expect(clippy::exhaustive_enums, reason = "a token request has no other place for parameters")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the query of the token endpoint's URL.
    Query,
    /// In the form.
    Body,
    /// As a header; it replaces the library's own of that name, unless the request would not be one without it.
    Header,
}

impl Parameter {
    /// A parameter that changes what token comes back, and so is part of the cache key.
    pub fn shaping(place: Place, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Self { name: name.as_ref().into(), value: value.as_ref().into(), place, shapes_token: true }
    }

    /// A parameter that does not change what token comes back.
    pub fn passing(place: Place, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Self { shapes_token: false, ..Self::shaping(place, name, value) }
    }

    /// What the application says of itself beside its federated path (`attributes`), as JSON; the
    /// token repeats it.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is not a JSON object.
    #[doc(alias = "WithAttributes")]
    pub fn attributes(json: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let json = json.as_ref().trim();
        if !serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(json)
            .is_ok_and(|object| !object.is_empty())
        {
            return Err(Misconfigured::new("the attributes are not a JSON object"));
        }
        Ok(Self::shaping(Place::Body, "attributes", json))
    }

    /// Tokens of attributes (`attribute_tokens`), in whatever order.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is none, or one has a blank within.
    #[doc(alias = "WithAttributeTokens")]
    pub fn attribute_tokens<T: AsRef<str>>(
        tokens: impl IntoIterator<Item = T>,
    ) -> Result<Self, Misconfigured> {
        let mut sorted = std::collections::BTreeSet::new();
        for token in tokens {
            let token = token.as_ref().trim();
            if token.contains(char::is_whitespace) {
                return Err(Misconfigured::new("an attribute token has a blank within")
                    .hint("give each token by itself"));
            }
            if !token.is_empty() {
                sorted.insert(token.to_owned());
            }
        }
        if sorted.is_empty() {
            return Err(Misconfigured::new("there is no attribute token"));
        }
        Ok(Self::shaping(Place::Body, "attribute_tokens", Vec::from_iter(sorted).join(" ")))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Where it is sent.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Whether it is part of the cache key.
    pub fn shapes_token(&self) -> bool {
        self.shapes_token
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({:?} {:?})", self.place, self.name)
    }
}
