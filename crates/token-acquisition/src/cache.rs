//! The tokens that are kept, in memory: exact keys, one record for each token, bounded by bytes,
//! read without a lock.

mod copies;
mod departed;
mod digest;
mod entry;
mod key;
mod nearly;
mod pause;
mod reason;
mod refusals;
mod window;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, Claims, Clock, Exchange, TokenError, TokenHash};
use foldhash::fast::RandomState;
use papaya::{HashMap, ResizeMode};

#[cfg(feature = "opentelemetry")]
pub(crate) use copies::place;
use departed::Departed;
pub use digest::KeyDigest;
pub(crate) use entry::Entry;
pub(crate) use key::{Identity, Key, KeyRef, Owner, OwnerRef};
use pause::Pauses;
pub use reason::{AnsweredBy, Reason};
use refusals::Refusals;
pub(crate) use window::{Age, Window};

use crate::{telemetry, wire::ASSERTION_ENDED};

/// What the cache has for a key.
#[derive(Debug)]
pub(crate) enum Cached {
    /// Serve it.
    Fresh(AccessToken),
    /// Serve it; whether it is time to fetch the next one behind it.
    Aging(AccessToken, bool),
    /// Serve it only if no newer one can be had; whether it is time to try.
    Last(AccessToken, bool),
    /// Nothing, or nothing of use.
    Missing,
}

/// The store of tokens.
#[derive(Debug)]
pub(crate) struct Cache {
    tokens: HashMap<Key, Arc<Entry>, RandomState>,
    pauses: Pauses,
    departed: Departed,
    refusals: Refusals,
    clock: Arc<dyn Clock>,
    budget: usize,
    bytes: AtomicUsize,
    evicted: AtomicU64,
    swept_at: AtomicU64,
}

/// How often, at most, a write looks for tokens that ended.
const SWEEP_EVERY: u64 = 300;

/// What a map's slot and an entry take beside the token and its key, about.
const OVERHEAD: usize = 512;

impl Cache {
    pub(crate) fn new(clock: Arc<dyn Clock>, budget: usize) -> Self {
        Self {
            // A write finishes what it begins: a table that is half moved makes every read look twice.
            tokens: HashMap::builder()
                .hasher(RandomState::default())
                .resize_mode(ResizeMode::Blocking)
                .build(),
            pauses: Pauses::default(),
            departed: Departed::default(),
            refusals: Refusals::default(),
            clock,
            budget,
            bytes: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            swept_at: AtomicU64::new(0),
        }
    }

    /// Looks a key up, without a copy of what is there.
    #[inline]
    pub(crate) fn look<T>(&self, key: &KeyRef<'_>, then: impl FnOnce(Option<&Entry>) -> T) -> T {
        then(self.tokens.pin().get(key).map(|entry| &**entry))
    }

    pub(crate) fn get(&self, key: &KeyRef<'_>) -> Cached {
        self.look(key, |entry| entry.map_or(Cached::Missing, |entry| entry.serve(self.clock.now())))
    }

    /// What there is for a key, or why there is nothing.
    pub(crate) fn reason(&self, key: &KeyRef<'_>) -> Reason {
        match self.look(key, |entry| entry.map(|entry| entry.age(self.clock.now()))) {
            Some(Age::Fresh) => Reason::Fresh,
            Some(Age::Aging) => Reason::Aging,
            Some(Age::Last) => Reason::Last,
            Some(Age::Ended) => Reason::Ended,
            None => self.departed.reason(key).unwrap_or(Reason::Unseen),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The entry itself, for a handle that keeps it.
    pub(crate) fn entry(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.tokens.pin().get(key).map(Arc::clone)
    }

    /// What a request whose token was refused may have instead.
    pub(crate) fn instead_of(
        &self,
        key: &KeyRef<'_>,
        refused: TokenHash,
        claims: Option<&Claims>,
    ) -> Option<AccessToken> {
        self.look(key, |entry| entry?.instead_of(refused, claims, self.now()))
    }

    /// Keeps a token, and which challenge it met; it replaces the one of this key, whatever that is.
    pub(crate) fn put(&self, key: Key, token: AccessToken, claims: Option<Claims>, window: Window) {
        let now = self.clock.now();
        if window.age(now) == Age::Ended {
            return;
        }
        let size = token.size() + OVERHEAD;
        let entry = Arc::new(Entry::new(token, claims, window, size, now));
        let replaced = self.tokens.pin().insert(key, entry).map(|entry| entry.replace());
        self.bytes.fetch_add(size, Ordering::Relaxed);
        if let Some(size) = replaced {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        self.tidy(seconds(now));
    }

    /// Notes that fetching the next token failed. A valid token stays, unless Entra says that it
    /// is over: that the user must act, or may no longer.
    pub(crate) fn failed(&self, key: &Key, error: &TokenError) {
        let now = self.clock.now();
        // Whatever was refused: who is asked to wait and does not, is refused the longer.
        let retry_after = error.exchange().and_then(Exchange::retry_after);
        if let Some(wait) = retry_after {
            self.pauses.set(key, now + wait, error.clone(), now);
        }
        let tokens = self.tokens.pin();
        if is_over(error) {
            if let Some(entry) = tokens.remove(key) {
                self.bytes.fetch_sub(entry.replace(), Ordering::Relaxed);
                self.departed.note(key, Reason::Over);
                telemetry::removed(&key.as_ref());
            }
        } else if let Some(entry) = tokens.get(key).filter(|entry| entry.age(now) != Age::Ended) {
            entry.back_off(now, retry_after);
            telemetry::served_on(&key.as_ref(), error, entry.left(now));
        }
    }

    /// Lets go of all tokens of a session, and says whether there were any. It walks over all that
    /// is kept: a session ends once.
    pub(crate) fn end_session(&self, identity: &Identity, session: &[u8; 32]) -> bool {
        let mut had_any = false;
        self.tokens.pin().retain(|key, entry| {
            let ends = key.is_of_session(identity, session);
            if ends {
                had_any = true;
                self.bytes.fetch_sub(entry.replace(), Ordering::Relaxed);
            }
            !ends
        });
        had_any
    }

    /// The error with which Entra asked to wait, while the wait lasts.
    pub(crate) fn paused(&self, key: &Key) -> Option<TokenError> {
        self.pauses.get(key, self.clock.now())
    }

    /// Notes that Entra refused a request of this fingerprint.
    pub(crate) fn refused(&self, key: &Key, fingerprint: u64, error: &TokenError) {
        self.refusals.note(key, fingerprint, error, self.clock.now());
    }

    /// The refusal of this very request, where it came so often that asking again makes no sense yet,
    /// and for how long that is.
    pub(crate) fn refused_of_late(&self, key: &Key, fingerprint: u64) -> Option<(Duration, TokenError)> {
        self.refusals.get(key, fingerprint, self.clock.now())
    }

    /// What is left of the pause of a key after such refusals, whatever would be sent now.
    pub(crate) fn paused_by_refusals(&self, key: &Key) -> Option<(Duration, TokenError)> {
        self.refusals.of_key(key, self.clock.now())
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            entries: self.tokens.len(),
            bytes: self.bytes.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
        }
    }

    /// Lets ended tokens go now and then, and the longest unused ones when the budget is spent.
    /// It costs a walk over all entries, at most once for each tenth of the budget written.
    fn tidy(&self, now: u64) {
        let over_budget = self.bytes.load(Ordering::Relaxed) > self.budget;
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        // One writer sweeps; the others go on.
        let due = now.saturating_sub(swept_at) >= SWEEP_EVERY
            && self.swept_at.compare_exchange(swept_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if !due && !over_budget {
            return;
        }
        let tokens = self.tokens.pin();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        tokens.retain(|key, entry| {
            let keep = entry.age(at) != Age::Ended;
            if !keep {
                self.departed.note(key, Reason::Ended);
                self.bytes.fetch_sub(entry.replace(), Ordering::Relaxed);
            }
            keep
        });
        if self.bytes.load(Ordering::Relaxed) <= self.budget {
            return;
        }
        let mut evicted = 0;
        let mut oldest: Vec<(u64, Key)> =
            tokens.iter().map(|(key, entry)| (entry.used_at(), key.clone())).collect();
        oldest.sort_unstable_by_key(|(used_at, _)| *used_at);
        for (_, key) in oldest {
            if self.bytes.load(Ordering::Relaxed) <= self.budget / 10 * 9 {
                break;
            }
            if let Some(entry) = tokens.remove(&key) {
                self.bytes.fetch_sub(entry.replace(), Ordering::Relaxed);
                evicted += 1;
                self.departed.note(&key, Reason::Evicted);
            }
        }
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        telemetry::evicted(evicted, self.budget);
    }
}

/// Whether an error says that the token at hand is over, too: that the user must act, or that the
/// grant no longer stands. Whatever else went wrong is no reason to let go of a valid token.
pub(crate) fn is_over(error: &TokenError) -> bool {
    match error {
        // That the token ended with which the user called says nothing of the one it became.
        TokenError::InteractionRequired(error) => !error.exchange().aadsts().contains(&ASSERTION_ENDED),
        // Of an application or an agent's user: what a user would have to act on, an administrator must.
        TokenError::Rejected(refusal) => {
            let over = ["invalid_grant", "interaction_required", "consent_required", "login_required"];
            refusal.exchange().error().is_some_and(|error| over.contains(&error))
        }
        _ => false,
    }
}

/// What the cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// The tokens that are kept.
    pub entries: usize,
    /// The bytes that they take, about.
    pub bytes: usize,
    /// How many were let go before their end, to keep within the budget.
    pub evicted: u64,
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
