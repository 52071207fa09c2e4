//! Validates access tokens for one API. The corridor: split, key, signature, claims.

mod builder;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use entra_abstractions::{
    Authority, ClientId, Clock, Misconfigured, Section, UserAssertion, section::nearest,
};

use crate::{
    AuthenticatedUser, ClientCertificate, Denial, Flaw, Protect, Require,
    certificate::Proxies,
    config::Config,
    confirmation::{self, Shown},
    json::Members,
    keyring::Keyring,
    metadata::Metadata,
    rules::Rules,
    token::{Header, Token},
};

pub use builder::TokenValidatorBuilder;

/// Validates the access tokens that callers send to one API.
///
/// It fetches the authority's signing keys when the first token comes, and keeps them. Cloning is
/// cheap; clones share keys.
///
/// ```
/// # use entra_abstractions::Section;
/// use entra_web_api::{Require, TokenValidator};
///
/// # let section = Section::new("AzureAd", serde_json::json!({
/// #     "Instance": "https://login.microsoftonline.com/",
/// #     "TenantId": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
/// #     "ClientId": "00001111-aaaa-2222-bbbb-3333cccc4444",
/// # }));
/// // Usually: settings.section("AzureAd")
/// let validator = TokenValidator::from_section(&section)?;
/// let every_route = validator.layer();
/// let this_route = validator.require(Require::scope("access_as_user"));
/// # let _ = (every_route, this_route);
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "AddMicrosoftIdentityWebApi")]
#[doc(alias = "JwtBearerHandler")]
#[derive(Clone, Debug)]
pub struct TokenValidator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Rules,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    policies: BTreeMap<String, Require>,
    proxies: Option<Proxies>,
}

impl TokenValidator {
    /// The validator that a section such as `AzureAd` describes. No request is made here.
    ///
    /// # Errors
    /// [`Misconfigured`] with every fault of the section and its path: the developer must act.
    pub fn from_section(section: &Section) -> Result<Self, Misconfigured> {
        Self::builder(section).build()
    }

    /// The same, with what a configuration file cannot say.
    pub fn builder(section: &Section) -> TokenValidatorBuilder {
        TokenValidatorBuilder::new(Config::read(section))
    }

    /// A validator configured in code, for the API of this app registration.
    ///
    /// ```
    /// use entra_abstractions::{Authority, ClientId, TenantId};
    /// use entra_web_api::TokenValidator;
    ///
    /// let tenant = TenantId::new("aaaabbbb-0000-cccc-1111-dddd2222eeee")?;
    /// let authority = Authority::new("https://login.microsoftonline.com", tenant)?;
    /// let client = ClientId::new("00001111-aaaa-2222-bbbb-3333cccc4444")?;
    /// let validator = TokenValidator::for_client(authority, &client).audience("api://orders").build()?;
    /// # let _ = validator;
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    pub fn for_client(authority: Authority, client: &ClientId) -> TokenValidatorBuilder {
        TokenValidatorBuilder::new(Config::new(authority, client))
    }

    /// Validates a bearer token, without the `Bearer` before it. One that is bound to a certificate is
    /// none.
    ///
    /// # Errors
    /// [`Denial::InvalidToken`] says what is wrong with it; [`Denial::Unavailable`] that the keys
    /// to tell could not be fetched.
    pub async fn validate(&self, token: &str) -> Result<AuthenticatedUser, Denial> {
        self.validate_shown(token, Shown::Bearer).await
    }

    /// Validates a token that was shown as bound (`mtls_pop`), without that word before it, over a
    /// connection with this certificate.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); also when the token is not bound, or to another certificate.
    #[doc(alias = "MTLS_POP")]
    pub async fn validate_bound(
        &self,
        token: &str,
        certificate: &ClientCertificate,
    ) -> Result<AuthenticatedUser, Denial> {
        self.validate_shown(token, Shown::Bound(Some(certificate))).await
    }

    pub(crate) async fn validate_shown(
        &self,
        token: &str,
        shown: Shown<'_>,
    ) -> Result<AuthenticatedUser, Denial> {
        let token = Token::split(token)?;
        let now = self.0.clock.now();
        let header = match self.check_with_keys_at_hand(&token, shown, now)? {
            Checked::Good(user) => return Ok(user),
            Checked::NoKey(header) => header,
        };
        self.0.rules.precheck(&Members::read(&token.payload()?).ok_or(NOT_JSON)?, seconds(now))?;
        let metadata = self.0.keyring.with_key(&header.kid, now).await.map_err(Denial::Unavailable)?;
        self.check(&token, shown, &header, &metadata, now)
    }

    /// The proxies whose word on certificates counts.
    pub(crate) fn proxies(&self) -> Option<&Proxies> {
        self.0.proxies.as_ref()
    }

    /// Validates a bearer token with the keys at hand: nothing is fetched and nobody waits. `None` where
    /// that takes a key that is not there.
    pub fn validate_now(&self, token: &str) -> Option<Result<AuthenticatedUser, Denial>> {
        let checked = Token::split(token)
            .map_err(Denial::from)
            .and_then(|token| self.check_with_keys_at_hand(&token, Shown::Bearer, self.0.clock.now()));
        match checked {
            Ok(Checked::Good(user)) => Some(Ok(user)),
            Ok(Checked::NoKey(_)) => None,
            Err(denial) => Some(Err(denial)),
        }
    }

    /// A tower layer that lets requests with a valid token in, and no other.
    pub fn layer(&self) -> Protect {
        Protect::new(self.clone())
    }

    /// A tower layer that lets requests in whose token fulfils a requirement.
    #[doc(alias = "RequireAuthorization")]
    #[doc(alias = "AuthorizeAttribute")]
    pub fn require(&self, requirement: Require) -> Protect {
        self.layer().require(requirement)
    }

    /// A tower layer for one of the policies that the builder was given.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is none of that name.
    pub fn require_policy(&self, name: &str) -> Result<Protect, Misconfigured> {
        if let Some(requirement) = self.0.policies.get(name) {
            return Ok(self.require(requirement.clone()));
        }
        let known: Vec<_> = self.0.policies.keys().map(String::as_str).collect();
        let fault = Misconfigured::new(format!("there is no policy \"{name}\""));
        Err(match nearest(name, &known) {
            Some(known) => fault.hint(format!("did you mean {known}?")),
            None => fault.hint("name it with TokenValidator::builder(..).policy(..)"),
        })
    }

    /// Whether this is the same validator, or a clone of it.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn check_with_keys_at_hand(
        &self,
        token: &Token<'_>,
        shown: Shown<'_>,
        now: SystemTime,
    ) -> Result<Checked, Denial> {
        let current = self.0.keyring.current();
        let Some(metadata) = current.as_ref() else {
            return Ok(Checked::NoKey(token.read_header()?));
        };
        self.0.keyring.renew_if_old(metadata, now);
        if let Some(header) = metadata.keys.remembered(token.header) {
            return self.check(token, shown, header, metadata, now).map(Checked::Good);
        }
        let header = token.read_header()?;
        if !metadata.keys.knows(&header.kid) {
            return Ok(Checked::NoKey(header));
        }
        self.check(token, shown, &header, metadata, now).map(Checked::Good)
    }

    fn check(
        &self,
        token: &Token<'_>,
        shown: Shown<'_>,
        header: &Header,
        metadata: &Metadata,
        now: SystemTime,
    ) -> Result<AuthenticatedUser, Denial> {
        let key = metadata.keys.verify(token, header)?;
        let payload = token.payload()?;
        let claims = Members::read(&payload).ok_or(NOT_JSON)?;
        let (tenant, granted) = self.0.rules.check(&claims, key.issuer.as_deref(), metadata, seconds(now))?;
        confirmation::check(&claims, &payload, shown)?;
        let assertion =
            UserAssertion::new(token.text).ok().ok_or(Flaw::Malformed("the token holds white space"))?;
        let user = AuthenticatedUser::new(assertion, &claims, tenant, granted);
        Ok(user(payload))
    }
}

/// What the keys at hand can tell.
enum Checked {
    Good(AuthenticatedUser),
    /// The key that this header names is not among them.
    NoKey(Header),
}

fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

const NOT_JSON: Flaw = Flaw::Malformed("the token's payload is not a JSON object with each member once");
