//! Why there is no token, split by who must act.

mod clock_skew;
mod diagnosis;
mod exchange;
mod misconfigured;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::{Challenge, Claims, Scopes, StoreError};

pub use clock_skew::ClockSkew;
pub use diagnosis::{Diagnosis, Owner};
pub use exchange::Exchange;
pub use misconfigured::{Fault, Faults, Misconfigured};

/// Why a token could not be had. The variant says who must act; nothing in it, however printed,
/// holds a secret or a user's name.
///
/// It is cheap to clone: everybody who waited for the same request gets the same error.
#[doc(alias = "MsalServiceException")]
#[doc(alias = "MsalException")]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TokenError {
    /// The user: sign in again, consent, or pass a further check.
    InteractionRequired(InteractionRequired),
    /// Nobody: Entra is throttling, failing or unreachable. Try again later.
    Unavailable(Unavailable),
    /// The administrator, or whoever owns the app registration.
    Rejected(Rejected),
    /// The developer: this program or its configuration.
    Misconfigured(Misconfigured),
}

impl TokenError {
    /// Finds the token error in the chain of another error's sources, for instance in what came
    /// out of `reqwest-middleware`.
    pub fn in_chain<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TokenError> {
        let mut link = Some(error);
        while let Some(current) = link {
            if let Some(found) = current.downcast_ref::<TokenError>() {
                return Some(found);
            }
            link = current.source();
        }
        None
    }

    /// What the user must agree to, where it is the user who must act.
    pub fn challenge(&self) -> Option<&InteractionRequired> {
        match self {
            Self::InteractionRequired(challenge) => Some(challenge),
            Self::Unavailable(_) | Self::Rejected(_) | Self::Misconfigured(_) => None,
        }
    }

    /// Whether trying later, with nothing changed, may succeed.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The token store that is away, where that is why: it is the only source of a long-running
    /// session, and of a sign-in that this process does not remember.
    pub fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Unavailable(outage) => outage.store(),
            Self::InteractionRequired(_) | Self::Rejected(_) | Self::Misconfigured(_) => None,
        }
    }

    /// What was asked and what Entra said, where a request was made.
    pub fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::InteractionRequired(error) => Some(error.exchange()),
            Self::Unavailable(error) => Some(error.exchange()),
            Self::Rejected(error) => Some(error.exchange()),
            Self::Misconfigured(_) => None,
        }
    }

    /// The same error, saying that the application was to be proven by the credential that is
    /// configured at this place.
    #[must_use]
    pub fn to_prove(self, credential: impl Into<Arc<str>>) -> Self {
        let credential = credential.into();
        match self {
            Self::InteractionRequired(mut error) => {
                Arc::make_mut(&mut error.0).exchange.proves.get_or_insert(credential);
                Self::InteractionRequired(error)
            }
            Self::Unavailable(mut error) => {
                Arc::make_mut(&mut error.0).exchange.proves.get_or_insert(credential);
                Self::Unavailable(error)
            }
            Self::Rejected(mut error) => {
                Arc::make_mut(&mut error.0).exchange.proves.get_or_insert(credential);
                Self::Rejected(error)
            }
            Self::Misconfigured(error) => Self::Misconfigured(error.at(&*credential)),
        }
    }

    /// The same error, saying in which leg of a longer exchange, and for whom, it happened.
    #[must_use]
    pub fn in_leg(self, leg: impl Into<String>) -> Self {
        let leg = leg.into();
        match self {
            Self::Misconfigured(error) => Self::Misconfigured(error.in_leg(leg)),
            other => other.change(|exchange| {
                exchange.leg.get_or_insert(leg);
            }),
        }
    }

    /// The same error, with a word of this program on why it comes now.
    #[must_use]
    pub fn explained(self, explanation: &'static str) -> Self {
        self.change(|exchange| *exchange = std::mem::take(exchange).with_explanation(Some(explanation)))
    }

    fn change(self, change: impl FnOnce(&mut Exchange)) -> Self {
        match self {
            Self::InteractionRequired(mut error) => {
                change(&mut Arc::make_mut(&mut error.0).exchange);
                Self::InteractionRequired(error)
            }
            Self::Unavailable(mut error) => {
                change(&mut Arc::make_mut(&mut error.0).exchange);
                Self::Unavailable(error)
            }
            Self::Rejected(mut error) => {
                change(&mut Arc::make_mut(&mut error.0).exchange);
                Self::Rejected(error)
            }
            Self::Misconfigured(error) => Self::Misconfigured(error),
        }
    }

    /// Who must act, and Entra's codes: a few words for those who wrap this error and have it as
    /// their source, such as `the user must consent (invalid_grant AADSTS65001)`.
    pub fn in_short(&self) -> impl fmt::Display + '_ {
        InShort(self)
    }
}

struct InShort<'a>(&'a TokenError);

impl fmt::Display for InShort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            TokenError::InteractionRequired(error) if error.is_consent_required() => "the user must consent",
            TokenError::InteractionRequired(_) => "the user must sign in again",
            TokenError::Unavailable(error) => error.what(),
            TokenError::Rejected(_) => "refused",
            TokenError::Misconfigured(_) => "this program is misconfigured",
        })?;
        match self.0.exchange() {
            Some(exchange) => exchange.write_codes(f),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InteractionRequired(error) => error.fmt(f),
            Self::Unavailable(error) => error.fmt(f),
            Self::Rejected(error) => error.fmt(f),
            Self::Misconfigured(error) => error.fmt(f),
        }
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(error) => error.source(),
            Self::Misconfigured(error) => error.source(),
            Self::InteractionRequired(_) | Self::Rejected(_) => None,
        }
    }
}

/// The user must act: sign in again, consent, or satisfy a policy.
#[doc(alias = "MsalUiRequiredException")]
#[doc(alias = "MicrosoftIdentityWebChallengeUserException")]
#[derive(Debug, Clone)]
pub struct InteractionRequired(Arc<Interaction>);

#[derive(Debug, Clone)]
struct Interaction {
    exchange: Exchange,
    scopes: Scopes,
    claims: Option<Claims>,
    lost: Option<LostSession>,
}

/// Why a long-running session gets no more tokens. Either way the user must call again, so that a
/// new one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostSession {
    /// Nothing is kept under its key: it never began, was ended, was refused before, was not used for
    /// too long, or was kept by a process that is no more and shared no store.
    NotKept,
    /// What was kept is over: Entra refused the user's refresh token, as it has expired or was
    /// revoked.
    Refused,
}

impl InteractionRequired {
    /// Says that for these scopes the user must act.
    pub fn new(exchange: Exchange, scopes: Scopes, claims: Option<Claims>) -> Self {
        Self(Arc::new(Interaction { exchange, scopes, claims, lost: None }))
    }

    /// With the reason why a long-running session is over.
    #[must_use]
    pub fn with_lost_session(mut self, why: LostSession) -> Self {
        Arc::make_mut(&mut self.0).lost = Some(why);
        self
    }

    /// Why the long-running session is over for which a token was asked, where it is.
    pub fn lost_session(&self) -> Option<LostSession> {
        self.0.lost
    }

    /// What was asked and what was answered.
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// The scopes to sign in, or consent, for.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// The claims that the sign-in must satisfy; pass them on as they are.
    pub fn claims(&self) -> Option<&Claims> {
        self.0.claims.as_ref()
    }

    /// Whether it is consent that is missing (`suberror` `consent_required`, AADSTS65001).
    pub fn is_consent_required(&self) -> bool {
        self.0.exchange.is_about_consent()
    }

    /// The `WWW-Authenticate` challenge with which a web API tells its caller.
    pub fn to_challenge(&self) -> Challenge {
        // `insufficient_claims` promises claims; without any, the caller is told what else it is.
        let error = match self.claims() {
            Some(_) => "insufficient_claims",
            None if self.is_consent_required() => "consent_required",
            None => "interaction_required",
        };
        let challenge = Challenge::bearer().with("error", error).with("scope", self.scopes().as_str());
        match self.claims() {
            Some(claims) => challenge.with("claims", claims.to_base64()),
            None => challenge,
        }
    }
}

impl fmt::Display for InteractionRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match self.0.lost {
            Some(LostSession::NotKept) => "the session is lost: the user must call again",
            Some(LostSession::Refused) => "the session is over: the user must sign in and call again",
            None if self.is_consent_required() => "the user must consent",
            None => "the user must sign in again",
        };
        write!(f, "{act} for {}: {}", self.0.scopes, self.0.exchange)
    }
}

impl Error for InteractionRequired {}

/// Nobody needs to act: Entra throttles, fails, or cannot be reached or understood.
#[derive(Debug, Clone)]
pub struct Unavailable(Arc<Outage>);

#[derive(Debug, Clone)]
struct Outage {
    exchange: Exchange,
    what: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Unavailable {
    /// Says what is unavailable, in words such as `throttled` or `the connection broke`.
    pub fn new(exchange: Exchange, what: impl Into<String>) -> Self {
        Self(Arc::new(Outage { exchange, what: what.into(), source: None }))
    }

    /// With the time after which a try makes sense again: an hour at the most.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        let outage = Arc::make_mut(&mut self.0);
        outage.exchange = std::mem::take(&mut outage.exchange).with_retry_after(retry_after);
        self
    }

    /// With the error underneath, which must already be free of URLs' queries and secrets.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    /// What was asked and what was answered.
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// The token store that is away, where that is why: it is the only source of a long-running
    /// session, and of a sign-in that this process does not remember.
    pub fn store(&self) -> Option<&StoreError> {
        self.0.source.as_deref().and_then(|source| source.downcast_ref())
    }

    /// What is unavailable, in a few words.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// How long to wait before the next try, where the other side said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.exchange.retry_after()
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.what, self.0.exchange)?;
        match self.retry_after() {
            Some(wait) => write!(f, ", try again after {} s", wait.as_secs_f32().ceil()),
            None => Ok(()),
        }
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The administrator or the owner of the app registration must act: Entra refused the application.
#[derive(Debug, Clone)]
pub struct Rejected(Arc<Refusal>);

#[derive(Debug, Clone)]
struct Refusal {
    exchange: Exchange,
    claims: Option<Claims>,
}

impl Rejected {
    /// Says that Entra refused, for good until somebody changes something.
    pub fn new(exchange: Exchange) -> Self {
        Self(Arc::new(Refusal { exchange, claims: None }))
    }

    /// With the claims that came with the refusal.
    #[must_use]
    pub fn with_claims(mut self, claims: Option<Claims>) -> Self {
        Arc::make_mut(&mut self.0).claims = claims;
        self
    }

    /// What was asked and what was answered.
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// The claims that came with the refusal, where Entra sent some.
    pub fn claims(&self) -> Option<&Claims> {
        self.0.claims.as_ref()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.0.exchange)
    }
}

impl Error for Rejected {}

macro_rules! into_token_error {
    ($($variant:ident),*) => {$(
        impl From<$variant> for TokenError {
            fn from(error: $variant) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

into_token_error!(InteractionRequired, Unavailable, Rejected, Misconfigured);
