//! One token that is kept, and when the next one may be asked for.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, AccountId, Claims, TokenHash};

use super::{Age, Cached, Window, copies::Copies, seconds};

#[derive(Debug)]
pub(crate) struct Entry {
    token: Copies,
    /// The challenge that it was fetched to meet.
    claims: Option<Claims>,
    window: Window,
    size: usize,
    /// Whether a newer token, or none, stands under the key by now: a handle looks again.
    replaced: AtomicBool,
    used_at: AtomicU64,
    /// Before this second no next token is asked for.
    next_try_at: AtomicU64,
    failures: AtomicU32,
}

/// How long after one try the next is made behind a good token; it doubles while they fail.
const FIRST_WAIT: u64 = 30;
const LONGEST_WAIT: u64 = 300;

impl Entry {
    pub(super) fn new(
        token: AccessToken,
        claims: Option<Claims>,
        window: Window,
        size: usize,
        now: SystemTime,
    ) -> Self {
        Self {
            token: Copies::of(token),
            claims,
            window,
            size,
            replaced: AtomicBool::new(false),
            used_at: AtomicU64::new(seconds(now)),
            next_try_at: AtomicU64::new(0),
            failures: AtomicU32::new(0),
        }
    }

    /// The token, if there is no more to be said than that.
    #[inline]
    pub(crate) fn fresh(&self, now: SystemTime) -> Option<AccessToken> {
        (self.window.age(now) == Age::Fresh).then(|| {
            self.touch(now);
            self.token.mine()
        })
    }

    /// What a caller gets at this time, and whether it is up to this caller to start a flight.
    pub(crate) fn serve(&self, now: SystemTime) -> Cached {
        match self.window.age(now) {
            Age::Fresh => {
                self.touch(now);
                Cached::Fresh(self.token.mine())
            }
            Age::Aging => {
                self.touch(now);
                Cached::Aging(self.token.mine(), self.may_try(now))
            }
            Age::Last => Cached::Last(self.token.mine(), self.may_try(now)),
            Age::Ended => Cached::Missing,
        }
    }

    /// The token, if it is another one than was refused and meets the same challenge: somebody whose
    /// call was refused, too, has fetched it meanwhile.
    pub(crate) fn instead_of(
        &self,
        refused: TokenHash,
        claims: Option<&Claims>,
        now: SystemTime,
    ) -> Option<AccessToken> {
        if self.age(now) == Age::Ended || self.claims.as_ref() != claims {
            return None;
        }
        let token = self.token.mine();
        (token.to_hash() != refused).then(|| {
            self.touch(now);
            token
        })
    }

    pub(crate) fn age(&self, now: SystemTime) -> Age {
        self.window.age(now)
    }

    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    pub(super) fn replace(&self) -> usize {
        self.replaced.store(true, Ordering::Release);
        self.size
    }

    pub(super) fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }

    pub(super) fn account(&self) -> Option<AccountId> {
        self.token.mine().account().cloned()
    }

    /// How long until the next token is asked for behind this one, as far as it is decided: until it
    /// ages, or until the next try may be made.
    pub(crate) fn next_try_in(&self, now: SystemTime) -> Duration {
        let next = SystemTime::UNIX_EPOCH + Duration::from_secs(self.next_try_at.load(Ordering::Relaxed));
        self.window.aging_at().max(next).duration_since(now).unwrap_or_default()
    }

    /// How many tries for the next token failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether the last try for the next token failed.
    pub(crate) fn is_stale(&self) -> bool {
        self.failures() > 0
    }

    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        self.token.mine().expires_at().duration_since(now).unwrap_or_default()
    }

    /// Waits longer after each failure; what the server says counts for more.
    pub(super) fn back_off(&self, now: SystemTime, retry_after: Option<Duration>) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        let wait = (FIRST_WAIT << failures.min(4)).min(LONGEST_WAIT);
        let wait = wait.max(retry_after.unwrap_or_default().as_secs());
        self.next_try_at.store(seconds(now) + wait, Ordering::Relaxed);
    }

    fn may_try(&self, now: SystemTime) -> bool {
        let now = seconds(now);
        let next = self.next_try_at.load(Ordering::Relaxed);
        // One caller wins; the others go on with the token they have.
        now >= next
            && self
                .next_try_at
                .compare_exchange(next, now + FIRST_WAIT, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn touch(&self, now: SystemTime) {
        let now = seconds(now);
        // Written once a second at most: a line that everybody writes is a line that nobody reads fast.
        if self.used_at.load(Ordering::Relaxed) != now {
            self.used_at.store(now, Ordering::Relaxed);
        }
    }
}
