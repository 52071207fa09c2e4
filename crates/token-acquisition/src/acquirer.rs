//! The corridor: from a request to a token, past the cache and, where it must be, onto a flight.

mod binder;
mod miss;
mod rooms;

use std::{fmt, sync::Arc, time::Duration};

use entra_abstractions::{
    AccessToken, AcquireToken, Acquiring, AgentId, BindTokens, Misconfigured, ProvideAssertion, Secret,
    SessionKey, TokenError, TokenRequest,
};
use tokio::runtime::Handle;
use tracing::{Instrument, Span};

use crate::{
    application::Application,
    builder::TokenAcquirerBuilder,
    cache::{AnsweredBy, Cache, Cached, Entry, Identity, Kept, KeyRef, Reason, Resting, Statistics, is_over},
    credential::{CredentialChain, CredentialReport},
    endpoint::Endpoints,
    fetch::{Purpose, fetch},
    flight::{Boarded, Flights},
    handle::TokenHandle,
    managed_identity::Platform,
    plan::{Plan, check, is_renewal, key_of},
    refresh::RefreshTokens,
    second_level::{Findings, SecondLevel},
    session::{self, Sessions},
    sign_in::{AuthorizationCode, SignedIn},
    telemetry::{self, Asked, Metrics},
    wire::Wire,
};
use rooms::destination;

/// Acquires tokens as one application: from its cache, or from Entra.
///
/// Make one for each application and clone it freely: clones share the cache. It spawns a task
/// only while something is fetched.
///
/// # Security
/// A client secret, certificate or assertion is sent to the configured authority only, over
/// `https` (loopback excepted), and no redirect is followed.
#[doc(alias = "ITokenAcquirer")]
#[doc(alias = "ITokenAcquirerFactory")]
#[doc(alias = "ConfidentialClientApplication")]
#[derive(Clone)]
pub struct TokenAcquirer(Arc<Engine>);

/// What acts under one client id.
pub(crate) struct Engine {
    pub(crate) identity: Arc<Identity>,
    pub(crate) credentials: CredentialChain,
    pub(crate) shared: Arc<Shared>,
}

/// What an application and its agents have in common.
pub(crate) struct Shared {
    pub(crate) application: Application,
    pub(crate) wire: Wire,
    /// What hands out the tokens of managed identities.
    pub(crate) platform: Platform,
    pub(crate) endpoints: Endpoints,
    pub(crate) cache: Cache,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) sessions: Sessions,
    /// What is shared with other instances, where anything is.
    pub(crate) second_level: Option<Arc<SecondLevel>>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) metrics: Metrics,
    /// How long one flight may take, whatever it waits for.
    pub(crate) deadline: Duration,
    /// By how many thousandths of the window this process asks for its next tokens later than the table says.
    pub(crate) early: u32,
}

impl TokenAcquirer {
    /// Begins an acquirer for an application.
    #[doc(alias = "EnableTokenAcquisitionToCallDownstreamApi")]
    pub fn builder(application: Application) -> TokenAcquirerBuilder {
        TokenAcquirerBuilder::new(application)
    }

    pub(crate) fn from_engine(engine: Engine) -> Self {
        Self(Arc::new(engine))
    }

    /// The application this acquires for.
    pub fn application(&self) -> &Application {
        &self.0.shared.application
    }

    /// A handle on the token of one request: its key is resolved once, so that a warm token costs
    /// next to nothing. Claims and forced refresh of the request are dropped: a handle is for the
    /// token that is at hand.
    ///
    /// # Errors
    /// [`Misconfigured`] when no token could ever come of the request.
    pub fn handle(&self, request: TokenRequest) -> Result<TokenHandle, Misconfigured> {
        let request = TokenRequest { claims: None, force_refresh: false, replaces: None, ..request };
        let key = key_of(&self.0.identity, &request)?.to_key();
        Ok(TokenHandle::new(self.clone(), request, key))
    }

    /// The same acquirer under an agent's client id: same HTTP client, clock, cache and flights.
    /// The agent proves itself by the assertions of this provider.
    ///
    /// `AgentIdentities` of the crate `entra-agent-identities` makes and keeps these.
    #[must_use]
    pub fn acting_as(&self, agent: &AgentId, proof: Arc<dyn ProvideAssertion>) -> Self {
        let own = &self.0.identity;
        // An agent's id and a client's are the same identifier; both were checked when made.
        let client = entra_abstractions::ClientId::new(agent.as_str()).unwrap_or_else(|_| own.client.clone());
        let identity = Identity::new(
            own.instance.clone(),
            client,
            own.tenant.clone(),
            own.app_tenant.clone(),
            own.tenant_at.clone(),
        );
        Self::from_engine(Engine {
            identity: Arc::new(identity),
            credentials: CredentialChain::of_assertion(proof),
            shared: Arc::clone(&self.0.shared),
        })
    }

    /// Ends a sign-in: redeems the code, and keeps the user's tokens under the account that
    /// [`SignedIn`] names, for [`TokenRequest::for_account`].
    ///
    /// # Errors
    /// [`TokenError`] says who must act.
    #[doc(alias = "AddAccountToCacheFromAuthorizationCodeAsync")]
    pub async fn redeem_code(&self, code: AuthorizationCode) -> Result<SignedIn, TokenError> {
        code.redeem(self).await
    }

    /// Takes over a refresh token that the application kept elsewhere, as when it migrates from
    /// another library.
    ///
    /// # Errors
    /// [`TokenError`] says who must act.
    #[doc(alias = "AcquireTokenByRefreshToken")]
    pub async fn redeem_refresh_token(
        &self,
        token: Secret,
        scopes: entra_abstractions::Scopes,
    ) -> Result<SignedIn, TokenError> {
        crate::sign_in::take_over(self, token, scopes).await
    }

    /// Ends a long-running session: what is kept of it, and its tokens, here and in the shared
    /// store. Says whether there was anything to end. Whoever asks for it afterwards learns that it
    /// is lost; another instance may use a token that it has for as long as that is valid.
    ///
    /// An agent's sessions are its own: `AgentIdentities::end_session` ends those.
    ///
    /// # Errors
    /// [`TokenError::Unavailable`] when the store cannot be reached; try again later.
    #[doc(alias = "StopLongRunningProcessInWebApiAsync")]
    pub async fn end_session(&self, key: &SessionKey) -> Result<bool, TokenError> {
        session::end(self, key.sha256()).await
    }

    /// Waits until nothing is being fetched, and what was is in the store where one is shared:
    /// before a process ends, or a test looks. For a store that is away it waits some seconds.
    pub async fn settled(&self) {
        self.0.shared.flights.settled().await;
        if let Some(level) = &self.0.shared.second_level {
            level.settled().await;
        }
    }

    /// What is known of each of the application's credentials, in their order: which one is in use,
    /// and why each other one was passed over. Reads and asks nothing.
    #[doc(alias = "ICertificatesObserver")]
    pub fn credential_reports(&self) -> Vec<CredentialReport> {
        self.0.credentials.report()
    }

    /// What the cache holds.
    pub fn cache_statistics(&self) -> Statistics {
        self.0.shared.cache.statistics()
    }

    /// As [`acquire`](AcquireToken::acquire), borrowing nothing: for those who wrap an acquirer and
    /// hold it only for the moment.
    pub fn acquire_detached(&self, request: &TokenRequest) -> Acquiring<'static> {
        self.at_hand(request).unwrap_or_else(|| {
            if let Err(fault) = self.checked(request) {
                return Acquiring::ready(Err(fault.into()));
            }
            let (tokens, request) = (self.clone(), request.clone());
            Acquiring::fetching(async move { tokens.acquire(&request).await })
        })
    }

    /// What memory and the flights in the air have for a request; nothing where that is not enough.
    #[inline]
    fn at_hand(&self, request: &TokenRequest) -> Option<Acquiring<'static>> {
        // By reference: it is large, and moving what was just written makes the processor wait.
        let key = key_of(&self.0.identity, request);
        let key = match &key {
            Ok(key) => key,
            Err(fault) => return Some(Acquiring::ready(Err(fault.clone().into()))),
        };
        // What is cached must not answer a challenge or a forced refresh.
        if is_renewal(request) {
            return self.renew(key, request);
        }
        self.cache().look(key, |kept| match kept {
            Some(Kept::Awake(entry)) => self.serve(entry, request),
            Some(Kept::Resting(resting)) => self.serve_once(key, resting, request),
            None => None,
        })
    }

    /// A token at rest serves one call in a second; with the next, or when it gets old, it is woken.
    #[cold]
    fn serve_once(
        &self,
        key: &KeyRef<'_>,
        resting: &Resting,
        request: &TokenRequest,
    ) -> Option<Acquiring<'static>> {
        let now = self.now();
        let Some(token) = resting.once(now) else {
            return self.serve(&*self.cache().entry(key)?, request);
        };
        self.metrics().fresh();
        if telemetry::is_detailed() {
            telemetry::served(key, Reason::Fresh, resting.left(now), false);
        }
        Some(Acquiring::ready(Ok(token)))
    }

    /// The walk past the cache. Nearly every token that is asked for is fresh.
    #[inline]
    pub(crate) fn serve(&self, entry: &Entry, request: &TokenRequest) -> Option<Acquiring<'static>> {
        let now = self.now();
        match entry.fresh(now) {
            Some(token) => {
                self.metrics().fresh();
                if telemetry::is_detailed() {
                    self.tell_served(entry, request, Reason::Fresh);
                }
                Some(Acquiring::ready(Ok(token)))
            }
            None => self.serve_by_age(entry, entry.serve(now), request),
        }
    }

    #[cold]
    fn tell_served(&self, entry: &Entry, request: &TokenRequest, reason: Reason) {
        if let Ok(key) = key_of(&self.0.identity, request) {
            telemetry::served(&key, reason, entry.left(self.now()), entry.is_stale());
        }
    }

    fn served_late(&self, entry: &Entry, request: &TokenRequest, reason: Reason) {
        self.metrics().asked(AnsweredBy::Memory, reason);
        if entry.is_stale() {
            self.metrics().stale(entry.left(self.now()));
        }
        if telemetry::is_detailed() {
            self.tell_served(entry, request, reason);
        }
    }

    #[cold]
    fn serve_by_age(
        &self,
        entry: &Entry,
        cached: Cached,
        request: &TokenRequest,
    ) -> Option<Acquiring<'static>> {
        Some(match cached {
            Cached::Fresh(token) => Acquiring::ready(Ok(token)),
            Cached::Aging(token, due) => {
                self.served_late(entry, request, Reason::Aging);
                if due {
                    drop(self.refresh_behind(request));
                }
                Acquiring::ready(Ok(token))
            }
            Cached::Last(token, due) => self.wait_or_serve(entry, request, token, due),
            Cached::Missing => return None,
        })
    }

    /// What is cached will not do, unless somebody whose token was refused, too, has fetched another.
    #[cold]
    fn renew(&self, key: &KeyRef<'_>, request: &TokenRequest) -> Option<Acquiring<'static>> {
        let refused = request.replaces.filter(|_| !request.force_refresh)?;
        let token = self.cache().instead_of(key, refused, request.claims.as_ref())?;
        let reason = if request.claims.is_some() { Reason::Claims } else { Reason::Refused };
        self.metrics().asked(AnsweredBy::Memory, reason);
        if telemetry::is_detailed() {
            let now = self.now();
            self.cache().look(key, |kept| {
                kept.map(|kept| telemetry::served(key, Reason::Fresh, kept.left(now), kept.failures() > 0))
            });
        }
        Some(Acquiring::ready(Ok(token)))
    }

    /// The last minute: a flight that is due begins at once, so that whoever asks in the same moment
    /// finds it in the air. Where none is, a try failed a moment ago: the token is valid, so it serves.
    #[cold]
    fn wait_or_serve(
        &self,
        entry: &Entry,
        request: &TokenRequest,
        token: AccessToken,
        due: bool,
    ) -> Acquiring<'static> {
        let flight = if due { self.refresh_behind(request) } else { self.flight(request) };
        let Some(flight) = flight else {
            self.served_late(entry, request, Reason::Last);
            return Acquiring::ready(Ok(token));
        };
        Acquiring::fetching(async move { flight.await.or_else(|error| or_if_still_valid(token, error)) })
    }

    pub(crate) fn plan(&self, request: &TokenRequest) -> Result<Plan, Misconfigured> {
        Ok(Plan::new(&self.checked(request)?, request))
    }

    /// The key of a request that Entra could answer.
    fn checked<'a>(&'a self, request: &'a TokenRequest) -> Result<KeyRef<'a>, Misconfigured> {
        let key = key_of(&self.0.identity, request)?;
        check(self.application().authority(), &key, request)?;
        Ok(key)
    }

    /// The flight that is in the air for this request.
    fn flight(&self, request: &TokenRequest) -> Option<Boarded> {
        let plan = self.plan(request).ok()?;
        let flight = self.0.shared.flights.join(&destination(&plan))?;
        if let Some(asked) = Asked::new(self.metrics(), self.cache(), &plan) {
            asked.tell(self.metrics(), AnsweredBy::Flight);
        }
        Some(flight)
    }

    fn board(&self, plan: Arc<Plan>, purpose: Purpose, seen: Option<(Findings, Span)>) -> Boarded {
        let (mut asked, mut seen) = (Asked::new(self.metrics(), self.cache(), &plan), seen);
        let flight = self.0.shared.flights.board(destination(&plan), || {
            let (mut asked, seen) = (asked.take(), seen.take());
            // Where a store may answer, only the flight knows who does.
            if self.second_level(&plan.key.as_ref()).is_none()
                && let Some(asked) = asked.take()
            {
                asked.tell(self.metrics(), AnsweredBy::Entra);
            }
            self.clone().flown(plan, purpose, asked, seen)
        });
        if let Some(asked) = asked {
            asked.tell(self.metrics(), AnsweredBy::Flight);
        }
        if let Some((_, span)) = seen {
            telemetry::joined(&span);
        }
        flight
    }

    /// One flight, told as one span.
    fn flown(
        self,
        plan: Arc<Plan>,
        purpose: Purpose,
        asked: Option<Asked>,
        seen: Option<(Findings, Span)>,
    ) -> impl Future<Output = Result<AccessToken, TokenError>> + use<> {
        let is_behind = purpose == Purpose::Refresh;
        let (seen, span) = seen.unzip();
        let span = span.unwrap_or_else(|| {
            telemetry::acquiring(&plan.key.as_ref(), plan.grant.name(), plan.correlation_id, is_behind)
        });
        let flight = async move {
            let shared = Arc::clone(&self.0.shared);
            let result = fetch(self, Arc::clone(&plan), purpose, asked, seen).await;
            telemetry::landed(&shared.metrics, &plan.key.as_ref(), is_behind, result.as_ref().err());
            result
        };
        flight.instrument(span)
    }

    /// Starts a flight that nobody need wait for. Without a runtime there is nothing to start it on;
    /// the token at hand is good, so nothing is lost.
    fn refresh_behind(&self, request: &TokenRequest) -> Option<Boarded> {
        let _runtime = Handle::try_current().ok()?;
        Some(self.board(Arc::new(self.plan(request).ok()?), Purpose::Refresh, None))
    }
}

/// A good token is never thrown away because the next one cannot be had: not when Entra is away,
/// and not when the application's own credential is refused, or cannot be read. That the user must
/// act, they learn.
fn or_if_still_valid(token: AccessToken, error: TokenError) -> Result<AccessToken, TokenError> {
    if is_over(&error) { Err(error) } else { Ok(token) }
}

impl AcquireToken for TokenAcquirer {
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        self.at_hand(request).unwrap_or_else(|| self.fly(request))
    }

    fn binder(&self) -> Option<&dyn BindTokens> {
        Some(self)
    }
}

impl fmt::Debug for TokenAcquirer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAcquirer")
            .field("client", &self.0.identity.client)
            .field("tenant", &self.0.identity.tenant)
            .field("instance", &self.0.identity.instance)
            .finish_non_exhaustive()
    }
}
