//! The tokens that are kept, in memory: exact keys, one record for each token, bounded by bytes,
//! read without a lock.
//!
//! The map stands in parts ([`Shard`]), so that no write has more to do than a part has.

mod copies;
mod departed;
mod digest;
mod entry;
mod kept;
mod key;
mod nearly;
mod pause;
mod reason;
mod refusals;
mod shard;
mod size;
mod slot;
mod window;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, Claims, Clock, Exchange, TokenError, TokenHash};
use seize::Collector;

#[cfg(feature = "opentelemetry")]
pub(crate) use copies::place;
use departed::Departed;
pub use digest::KeyDigest;
pub(crate) use entry::Entry;
pub(crate) use kept::{Kept, Resting};
pub(crate) use key::{Identity, Key, KeyRef, Owner, OwnerRef};
use pause::Pauses;
pub use reason::{AnsweredBy, Reason};
use refusals::Refusals;
use shard::{Left, Shard};
#[cfg(not(test))]
use slot::Realms;
#[cfg(test)]
pub(crate) use slot::Realms;
use slot::Slot;
pub(crate) use slot::{Realm, Sought};
use window::seconds;
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
    first: Shard,
    /// So many that with the first they are a power of two.
    others: Box<[Shard]>,
    realms: Realms,
    pauses: Pauses,
    departed: Departed,
    refusals: Refusals,
    clock: Arc<dyn Clock>,
    budget: usize,
    evicted: AtomicU64,
    writes: AtomicUsize,
    /// Whoever holds it, looks for what has ended.
    sweep: Mutex<Sweep>,
}

/// How far the search for ended tokens has come.
#[derive(Debug, Default)]
struct Sweep {
    /// When the last one was through.
    done_at: u32,
    /// The part that is next.
    next: usize,
}

/// As much of the budget as is worth a part of its own: a walk over it takes well below a millisecond.
const SHARE: usize = 4 * 1024 * 1024;

/// The parts of a cache, at most: each costs some memory, also where it is empty.
const MOST_SHARDS: usize = 64;

/// How often, at most, a write looks for tokens that ended, whoever's they are.
const SWEEP_EVERY: u32 = 300;

/// So many are looked at by one write, and some more: the next one goes on from there.
const SWEPT_AT_ONCE: usize = 10_000;

impl Cache {
    pub(crate) fn new(clock: Arc<dyn Clock>, budget: usize) -> Self {
        // One for all parts: what waits to be freed in it is not counted by anyone.
        let collector = Arc::new(Collector::new());
        let shards = (budget / SHARE).clamp(1, MOST_SHARDS);
        let shards = 1 << shards.ilog2();
        Self {
            first: Shard::new(&collector),
            others: (1..shards).map(|_| Shard::new(&collector)).collect(),
            realms: Realms::default(),
            pauses: Pauses::default(),
            departed: Departed::default(),
            refusals: Refusals::default(),
            clock,
            budget,
            evicted: AtomicU64::new(0),
            writes: AtomicUsize::new(0),
            sweep: Mutex::default(),
        }
    }

    /// Looks a key up, without a copy of what is there.
    #[inline]
    pub(crate) fn look<T>(&self, key: &KeyRef<'_>, then: impl FnOnce(Option<&Kept>) -> T) -> T {
        let sought = self.seek(key);
        then(self.shard(sought.hash()).tokens.pin().get(&sought))
    }

    /// A key, hashed once for all that is done with it.
    #[inline]
    pub(crate) fn seek<'a>(&self, key: &'a KeyRef<'a>) -> Sought<'a> {
        self.realms.seek(key)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard {
        let place = (hash >> 48) as usize & self.others.len();
        // One past the end stands for the first.
        self.others.get(place).unwrap_or(&self.first)
    }

    fn shards(&self) -> impl Iterator<Item = &Shard> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn get(&self, key: &KeyRef<'_>) -> Cached {
        let now = self.clock.now();
        let once = self.look(key, |kept| match kept {
            None => Some(Cached::Missing),
            Some(Kept::Resting(resting)) => resting.once(now).map(Cached::Fresh),
            Some(Kept::Awake(entry)) => Some(entry.serve(now)),
        });
        once.unwrap_or_else(|| self.entry(key).map_or(Cached::Missing, |entry| entry.serve(now)))
    }

    /// What there is for a key, or why there is nothing.
    pub(crate) fn reason(&self, key: &KeyRef<'_>) -> Reason {
        match self.look(key, |entry| entry.map(|entry| entry.age(self.clock.now()))) {
            Some(Age::Fresh) => Reason::Fresh,
            Some(Age::Aging) => Reason::Aging,
            Some(Age::Last) => Reason::Last,
            Some(Age::Ended) => Reason::Ended,
            None => self.departed.reason(self.realms.seek(key).hash()).unwrap_or(Reason::Unseen),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// How many tokens were put here: whoever finds it unchanged need not look again.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// The entry itself, for a handle that keeps it, and for whoever asks twice; awake.
    #[cold]
    pub(crate) fn entry(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        let sought = self.realms.seek(key);
        self.shard(sought.hash()).wake(&sought)
    }

    /// What a request whose token was refused may have instead.
    pub(crate) fn instead_of(
        &self,
        key: &KeyRef<'_>,
        refused: TokenHash,
        claims: Option<&Claims>,
    ) -> Option<AccessToken> {
        self.look(key, |kept| kept?.instead_of(refused, claims, self.now()))
    }

    /// What the keys have in common that are like this one, where any was kept of late.
    pub(crate) fn realm(&self, sought: &Sought<'_>) -> Option<Arc<Realm>> {
        self.realms.known(sought)
    }

    /// Keeps a token, and which challenge it met; it replaces the one of this key, whatever that is.
    /// Returns it as it is kept: it shares with others what they have in common.
    pub(crate) fn put(
        &self,
        key: &KeyRef<'_>,
        token: AccessToken,
        claims: Option<Claims>,
        window: Window,
    ) -> AccessToken {
        let sought = self.seek(key);
        let realm = self.realm(&sought);
        self.put_sought(sought, realm, token, claims, window)
    }

    /// The same, for whoever has looked for the key and its realm before.
    pub(crate) fn put_sought(
        &self,
        sought: Sought<'_>,
        realm: Option<Arc<Realm>>,
        token: AccessToken,
        claims: Option<Claims>,
        window: Window,
    ) -> AccessToken {
        let now = seconds(self.clock.now());
        if window.age_at(now) == Age::Ended {
            return token;
        }
        let (slot, token) = self.realms.settle(sought, realm, token);
        let shard = self.shard(sought.hash());
        shard.put(slot, Kept::new(token.clone(), claims, window, now));
        self.make_room(shard, now);
        // A part that is written to seldom has its turn, too: what all parts have in common grows.
        let turn = self.writes.fetch_add(1, Ordering::Relaxed) as u64;
        self.make_room(self.shard(turn << 48), now);
        self.sweep(now);
        token
    }

    /// What each part may take.
    fn share(&self) -> usize {
        self.budget.saturating_sub(self.realms.bytes()) / (1 + self.others.len())
    }

    fn make_room(&self, shard: &Shard, now: u32) {
        let mut evicted = 0;
        shard.make_room(now, self.share(), |slot, left| {
            evicted += u64::from(left == Left::ForRoom);
            self.note(slot, left);
        });
        if evicted > 0 {
            self.evicted.fetch_add(evicted, Ordering::Relaxed);
            telemetry::evicted(evicted, self.budget);
        }
    }

    /// Lets ended tokens go now and then, also those for which nobody asks any more.
    fn sweep(&self, now: u32) {
        // One writer sweeps; the others go on.
        let Ok(mut sweep) = self.sweep.try_lock() else { return };
        if now.saturating_sub(sweep.done_at) < SWEEP_EVERY {
            return;
        }
        let mut looked_at = 0;
        for shard in self.shards().skip(sweep.next) {
            if looked_at >= SWEPT_AT_ONCE {
                return;
            }
            looked_at += shard.tokens.len();
            shard.sweep(now, |slot, left| self.note(slot, left));
            sweep.next += 1;
        }
        *sweep = Sweep { done_at: now, next: 0 };
    }

    fn note(&self, slot: &Slot, left: Left) {
        let reason = match left {
            Left::AtItsEnd => Reason::Ended,
            Left::ForRoom => Reason::Evicted,
        };
        self.departed.note(slot.hash(), reason);
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
        let reference = key.as_ref();
        if is_over(error) {
            let sought = self.realms.seek(&reference);
            if self.shard(sought.hash()).remove(&sought) {
                self.departed.note(sought.hash(), Reason::Over);
                telemetry::removed(&reference);
            }
        } else if let Some(entry) = self.entry(&reference).filter(|entry| entry.age(now) != Age::Ended) {
            entry.back_off(now, retry_after);
            telemetry::served_on(&reference, error, entry.left(now));
        }
    }

    /// Lets go of all tokens of a session, and says whether there were any. It walks over all that
    /// is kept: a session ends once.
    pub(crate) fn end_session(&self, identity: &Identity, session: &[u8; 32]) -> bool {
        let mut had_any = false;
        for shard in self.shards() {
            shard.retain(|slot, _| !slot.as_ref().is_of_session(identity, session), |_, _| had_any = true);
        }
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
            entries: self.shards().map(|shard| shard.tokens.len()).sum(),
            bytes: self.realms.bytes() + self.shards().map(Shard::bytes).sum::<usize>(),
            evicted: self.evicted.load(Ordering::Relaxed),
        }
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
    /// The bytes of memory that they take.
    pub bytes: usize,
    /// How many were let go before their end, to keep within the budget.
    pub evicted: u64,
}

#[cfg(test)]
mod tests;
