//! What would be done for a request, and why: a look, for a person who asks where a token comes from.
//!
//! Never: the network, the disk, a flight, a secret, a user's name.

mod store;

use std::{fmt, time::Duration};

use entra_abstractions::{ClientId, Exchange, Misconfigured, Scopes, TenantId, TokenError, TokenRequest};

use crate::{
    acquirer::TokenAcquirer,
    cache::{Age, AnsweredBy, Kept, KeyDigest, Reason, Statistics},
    credential::CredentialReport,
    grant::Grant,
    managed_identity,
    plan::Plan,
    telemetry,
};

pub use store::{StoreFinding, StoreReport};

/// What would be done for a request at this moment. [`TokenAcquirer::explain`] makes one.
///
/// Printed, it is what somebody on call wants to read; the fields are for programs. There is no
/// secret and no user's name in it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explanation {
    /// Who would answer with a token: Entra also where a shared store that was not asked may have it
    /// before ([`TokenAcquirer::explain_with_store`]). Nobody, where the request is refused, a pause is in force, or
    /// the user must sign in first.
    pub answered_by: Option<AnsweredBy>,
    /// What memory has for the request, or why that does not count.
    pub reason: Option<Reason>,
    /// Why no token could ever come of the request.
    pub refused: Option<Misconfigured>,
    /// The digest of the cache key: the same on every instance of the application.
    pub key: Option<KeyDigest>,
    /// Whose token it is: the kind, and a digest where the kind does not say it all.
    pub subject: Option<String>,
    /// The part in which alone the key differs from one that is cached.
    pub differs_in: Option<&'static str>,
    /// How the token would be asked for.
    pub grant: Option<&'static str>,
    /// As which client.
    pub client: ClientId,
    /// In which tenant.
    pub tenant: Option<TenantId>,
    /// What for.
    pub scopes: Scopes,
    /// The host that would be asked, as far as that is known: the regional one only once the region
    /// is. For a managed identity, the one that has its tokens.
    pub host: String,
    /// The token that is cached, if one is.
    pub cached: Option<CachedToken>,
    /// Why Entra would not be asked now.
    pub pause: Option<Pause>,
    /// Whether somebody is fetching this token already.
    pub is_in_flight: bool,
    /// Whether a refresh token is at hand, where the grant lives on one. Of a session, and of a
    /// sign-in that another instance may have had, only the store knows, and it is not asked.
    pub has_refresh_token: Option<bool>,
    /// The store that instances share, where there is one.
    pub store: Option<StoreReport>,
    /// How the application can prove itself, which way it does, and why not by the others.
    pub credentials: Vec<CredentialReport>,
    /// How far this machine's clock and Entra's are apart, as the last answer told.
    pub skew: Duration,
    /// What the whole cache holds.
    pub cache: Statistics,
    /// How many tokens are being fetched at the moment.
    pub flights: usize,
    /// What the tokens of the legs before this one would come from, for an agent.
    pub legs: Vec<Explanation>,
}

/// A token that is cached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedToken {
    /// How old it is: fresh, aging, in its last minute, or ended.
    pub age: Reason,
    /// How long it is valid.
    pub left: Duration,
    /// How long until the next one is asked for behind it.
    pub next_try_in: Duration,
    /// How many tries for the next one have failed.
    pub failures: u32,
}

/// Entra asked to wait, or refused the same request three times within a minute: until then this
/// error answers. A request that is another one after a refusal, by another credential for instance,
/// waits for the former alone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pause {
    /// How long it lasts.
    pub left: Duration,
    /// What Entra said.
    pub error: TokenError,
}

impl TokenAcquirer {
    /// What would be done for a request, and why: from where its token would come, under which key,
    /// how old what is cached is, and what stands in the way.
    ///
    /// A look: nothing is asked of Entra, nothing is read from disk, no flight is started, and
    /// nothing is counted as used.
    ///
    /// ```
    /// use entra_abstractions::{Scopes, TokenRequest};
    /// use entra_token_acquisition::{Application, Reason, TokenAcquirer};
    ///
    /// let application = Application::builder()
    ///     .tenant("contoso.example")
    ///     .client_id("22222222-2222-4222-8222-222222222222")
    ///     .secret("s3cret?%G&=")
    ///     .build()?;
    /// let tokens = TokenAcquirer::builder(application).build()?;
    /// let request = TokenRequest::as_app(Scopes::try_from("api://orders/.default")?);
    ///
    /// let explanation = tokens.explain(&request);
    /// assert_eq!(explanation.reason, Some(Reason::Unseen));
    /// println!("{explanation}"); // from Entra: no token was cached under this key ..
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    pub fn explain(&self, request: &TokenRequest) -> Explanation {
        Explanation::of(self, request)
    }
}

impl Explanation {
    fn of(engine: &TokenAcquirer, request: &TokenRequest) -> Self {
        let mut explanation = Self {
            answered_by: None,
            reason: None,
            refused: None,
            key: None,
            subject: None,
            differs_in: None,
            grant: None,
            client: engine.identity().client.clone(),
            tenant: request.tenant.clone(),
            scopes: request.scopes.clone(),
            host: engine.application().authority_host().to_owned(),
            cached: None,
            pause: None,
            is_in_flight: false,
            has_refresh_token: None,
            store: None,
            credentials: engine.credentials().report(),
            skew: engine.wire().skew(),
            cache: engine.cache_statistics(),
            flights: engine.flights(),
            legs: Vec::new(),
        };
        match engine.plan(request) {
            Ok(plan) => explanation.look(engine, &plan),
            Err(fault) => explanation.refused = Some(fault),
        }
        explanation
    }

    fn look(&mut self, engine: &TokenAcquirer, plan: &Plan) {
        let (cache, key, now) = (engine.cache(), plan.key.as_ref(), engine.now());
        let reason = telemetry::reason(cache, plan);
        self.reason = Some(reason);
        self.key = Some(key.digest());
        self.subject = Some(key.subject().to_string());
        self.differs_in = telemetry::differs_in(cache, plan, reason);
        self.grant = Some(plan.grant.name());
        self.tenant = Some(plan.tenant.clone());
        match engine.host_asked(plan) {
            Ok(host) => self.host = host,
            Err(fault) => self.refused = Some(fault),
        }
        if matches!(plan.grant, Grant::ManagedIdentity(_)) {
            // The host knows whose tenant it is in, and needs no proof.
            self.tenant = None;
            self.credentials.clear();
        }
        self.cached = cache.look(&key, |kept| kept.map(|kept| CachedToken::of(kept, now)));
        let told_to_wait = cache.paused(&plan.key).map(|error| {
            let left = error.exchange().and_then(Exchange::retry_after).unwrap_or_default();
            (left, error)
        });
        let pause = told_to_wait.or_else(|| cache.paused_by_refusals(&plan.key));
        self.pause = pause.map(|(left, error)| Pause { left, error });
        self.is_in_flight = engine.is_in_flight(plan);
        self.has_refresh_token = match plan.grant {
            Grant::Account(_) | Grant::AgentUser(_) => {
                let holds = engine.refresh_tokens().holds(&plan.key);
                (holds || engine.store().is_none()).then_some(holds)
            }
            _ => None,
        };
        self.store = StoreReport::of(engine, plan);
        let must_sign_in = matches!(plan.grant, Grant::Account(_)) && self.has_refresh_token == Some(false);
        let cannot_ask = self.pause.is_some() || must_sign_in;
        let may_try = self.cached.as_ref().is_some_and(|cached| cached.next_try_in.is_zero());
        self.answered_by = match reason {
            _ if self.refused.is_some() => None,
            Reason::Fresh | Reason::Aging => Some(AnsweredBy::Memory),
            _ if self.is_in_flight => Some(AnsweredBy::Flight),
            Reason::Last if cannot_ask || !may_try => Some(AnsweredBy::Memory),
            _ if cannot_ask => None,
            _ => Some(AnsweredBy::Entra),
        };
    }
}

impl CachedToken {
    fn of(kept: &Kept, now: std::time::SystemTime) -> Self {
        let age = match kept.age(now) {
            Age::Fresh => Reason::Fresh,
            Age::Aging => Reason::Aging,
            Age::Last => Reason::Last,
            Age::Ended => Reason::Ended,
        };
        Self { age, left: kept.left(now), next_try_in: kept.next_try_in(now), failures: kept.failures() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Explanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, margin: &str) -> fmt::Result {
        let because = self.reason.map_or("", Reason::sentence);
        match (&self.answered_by, &self.refused) {
            (Some(AnsweredBy::Memory), _) => write!(f, "from memory: {because}"),
            (Some(AnsweredBy::Flight), _) => write!(f, "from a flight that is in the air: {because}"),
            (Some(AnsweredBy::Store), _) => write!(f, "from the shared store: {because}"),
            (Some(AnsweredBy::Entra), _) if self.grant == Some(managed_identity::NAME) => {
                write!(f, "from the host: {because}")
            }
            (Some(AnsweredBy::Entra), _) if self.may_be_in_the_store() => {
                write!(f, "from the shared store if it is there, else from Entra: {because}")
            }
            (Some(AnsweredBy::Entra), _) => write!(f, "from Entra: {because}"),
            (None, Some(fault)) => write!(f, "from nowhere: {fault}"),
            (None, None) if self.pause.is_some() => {
                write!(f, "from nowhere for now: {because}, and Entra is not asked before the pause is over")
            }
            (None, None) => {
                write!(f, "from nowhere: {because}, and no refresh token is kept; the user must sign in")
            }
        }?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            write!(f, "\n{margin}  {name:<11} {value}")
        };
        if let (Some(key), Some(subject)) = (&self.key, &self.subject) {
            line(f, "key", &format_args!("{key}, subject {subject}"))?;
        }
        if let Some(part) = self.differs_in {
            line(f, "hint", &format_args!("a token is cached that differs in its {part} alone"))?;
        }
        let grant = self.grant.unwrap_or("no grant");
        line(f, "asks for", &self.scopes)?;
        match &self.tenant {
            _ if grant == managed_identity::NAME => line(f, "by", &format_args!("{grant} at {}", self.host)),
            tenant => {
                let (tenant, client) = (tenant.as_ref().map_or("", TenantId::as_str), &self.client);
                line(f, "by", &format_args!("{grant} at {}, tenant {tenant}, as client {client}", self.host))
            }
        }?;
        if let Some(CachedToken { age, left, next_try_in, failures }) = &self.cached {
            let (left, next) = (left.as_secs(), next_try_in.as_secs());
            line(f, "token", &format_args!("{age}, {left} s left; the next is asked for in {next} s"))?;
            if *failures > 0 {
                write!(f, ", {failures} tries failed")?;
            }
        }
        if let Some(kept) = self.has_refresh_token {
            line(f, "refresh", &if kept { "a refresh token is kept" } else { "no refresh token is kept" })?;
        }
        if let Some(store) = &self.store {
            line(f, "store", store)?;
        }
        if let Some(Pause { left, error }) = &self.pause {
            line(f, "pause", &format_args!("{} s, because {error}", left.as_secs()))?;
        }
        for credential in &self.credentials {
            line(f, "credential", credential)?;
        }
        if !self.skew.is_zero() {
            line(f, "clock", &format_args!("{} s off Entra's", self.skew.as_secs()))?;
        }
        let Statistics { entries, bytes, evicted } = self.cache;
        line(
            f,
            "cache",
            &format_args!(
                "{entries} tokens, {bytes} bytes, {evicted} evicted so far; {} flights in the air",
                self.flights
            ),
        )?;
        for (leg, number) in self.legs.iter().zip(1..) {
            write!(f, "\n{margin}  before it, leg {number}: ")?;
            leg.write(f, &format!("{margin}  "))?;
        }
        Ok(())
    }
}
