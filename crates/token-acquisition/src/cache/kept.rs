//! What the map has for a key: a token at rest, or an entry that is used often or gets old.
//!
//! A million users have a million tokens, of which each is used now and then. At rest a token takes
//! little more than its text. Where it is asked for twice within a second it is woken: it gets the
//! headers and counts by which a hit allocates nothing and threads do not wait for each other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, AccountId, Claims, TokenHash};

use super::{Age, Entry, Window, size::allocated, slot::Slot, window::seconds};

#[derive(Debug)]
pub(crate) enum Kept {
    Resting(Resting),
    Awake(Arc<Entry>),
}

/// A token at rest.
#[derive(Debug)]
pub(crate) struct Resting {
    token: AccessToken,
    window: Window,
    used_at: AtomicU32,
}

/// What the map's node and its place in the table take, where a node is an allocation of its own and
/// half of the places, of nine bytes each, are taken.
const NODE: usize = allocated(size_of::<(Slot, Kept)>()) + 18;

impl Kept {
    pub(super) fn new(token: AccessToken, claims: Option<Claims>, window: Window, now: u32) -> Self {
        match claims {
            None => Self::Resting(Resting { token, window, used_at: AtomicU32::new(now) }),
            // Few are, so there is no room for it in one at rest.
            Some(_) => Self::Awake(Arc::new(Entry::new(token, claims, window, now))),
        }
    }

    /// How many bytes of memory it takes, its key among them.
    pub(super) fn size(&self) -> usize {
        NODE + match self {
            Self::Resting(resting) => resting.token.size(),
            Self::Awake(entry) => entry.size(),
        }
    }

    /// When it was used last; of two in the same second, one that is awake is worth more.
    pub(super) fn used_at(&self) -> (u32, bool) {
        match self {
            Self::Resting(resting) => (resting.used_at.load(Ordering::Relaxed), false),
            Self::Awake(entry) => (entry.used_at(), true),
        }
    }

    /// Tells the handles that have it that it is gone.
    pub(super) fn replace(&self) {
        if let Self::Awake(entry) = self {
            entry.replace();
        }
    }

    pub(super) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Resting(resting) => resting.token.account(),
            Self::Awake(entry) => entry.account(),
        }
    }

    pub(crate) fn age(&self, now: SystemTime) -> Age {
        match self {
            Self::Resting(resting) => resting.window.age(now),
            Self::Awake(entry) => entry.age(now),
        }
    }

    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        match self {
            Self::Resting(resting) => resting.left(now),
            Self::Awake(entry) => entry.left(now),
        }
    }

    pub(crate) fn next_try_in(&self, now: SystemTime) -> Duration {
        match self {
            Self::Resting(resting) => resting.window.aging_at().duration_since(now).unwrap_or_default(),
            Self::Awake(entry) => entry.next_try_in(now),
        }
    }

    pub(crate) fn failures(&self) -> u32 {
        match self {
            Self::Resting(_) => 0,
            Self::Awake(entry) => entry.failures(),
        }
    }

    pub(super) fn instead_of(
        &self,
        refused: TokenHash,
        claims: Option<&Claims>,
        now: SystemTime,
    ) -> Option<AccessToken> {
        match self {
            Self::Resting(resting) => {
                let usable = claims.is_none() && resting.window.age(now) != Age::Ended;
                (usable && resting.token.to_hash() != refused).then(|| {
                    resting.used_at.store(seconds(now), Ordering::Relaxed);
                    resting.token.clone()
                })
            }
            Self::Awake(entry) => entry.instead_of(refused, claims, now),
        }
    }
}

impl Resting {
    /// The token, if it is fresh and was not asked for in this second before.
    pub(crate) fn once(&self, now: SystemTime) -> Option<AccessToken> {
        let second = seconds(now);
        let is_first = self.used_at.swap(second, Ordering::Relaxed) != second;
        (is_first && self.window.age_at(second) == Age::Fresh).then(|| self.token.clone())
    }

    pub(super) fn wake(&self) -> Entry {
        Entry::new(self.token.clone(), None, self.window, self.used_at.load(Ordering::Relaxed))
    }

    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        self.token.expires_at().duration_since(now).unwrap_or_default()
    }
}
