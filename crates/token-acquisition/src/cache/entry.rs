//! One token that is used often or gets old, and when the next one may be asked for.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, AccountId, Claims, TokenHash};

use super::{
    Age, Cached, Window,
    copies::Copies,
    size::shared,
    window::{instant, seconds},
};

#[derive(Debug)]
pub(crate) struct Entry {
    token: Copies,
    /// The challenge that it was fetched to meet.
    claims: Option<Claims>,
    window: Window,
    /// Whether a newer token, or none, stands under the key by now: a handle looks again.
    replaced: AtomicBool,
    used_at: AtomicU32,
    /// Before this second no next token is asked for.
    next_try_at: AtomicU32,
    failures: AtomicU32,
}

/// How long after one try the next is made behind a good token; it doubles while they fail.
const FIRST_WAIT: u32 = 30;
const LONGEST_WAIT: u32 = 300;

impl Entry {
    pub(super) fn new(token: AccessToken, claims: Option<Claims>, window: Window, now: u32) -> Self {
        Self {
            token: Copies::of(token),
            claims,
            window,
            replaced: AtomicBool::new(false),
            used_at: AtomicU32::new(now),
            next_try_at: AtomicU32::new(0),
            failures: AtomicU32::new(0),
        }
    }

    /// The token, if there is no more to be said than that.
    #[inline]
    pub(crate) fn fresh(&self, now: SystemTime) -> Option<AccessToken> {
        let now = seconds(now);
        (self.window.age_at(now) == Age::Fresh).then(|| {
            self.touch(now);
            self.token.mine()
        })
    }

    /// What a caller gets at this time, and whether it is up to this caller to start a flight.
    pub(crate) fn serve(&self, now: SystemTime) -> Cached {
        let now = seconds(now);
        match self.window.age_at(now) {
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
            self.touch(seconds(now));
            token
        })
    }

    pub(crate) fn age(&self, now: SystemTime) -> Age {
        self.window.age(now)
    }

    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    pub(super) fn replace(&self) {
        self.replaced.store(true, Ordering::Release);
    }

    /// How many bytes of memory it takes, about, with copies for a few threads.
    pub(super) fn size(&self) -> usize {
        let claims = self.claims.as_ref().map_or(0, |claims| shared(claims.as_str().len()));
        shared(size_of::<Self>()) + self.token.size() + claims
    }

    pub(super) fn used_at(&self) -> u32 {
        self.used_at.load(Ordering::Relaxed)
    }

    pub(super) fn account(&self) -> Option<AccountId> {
        self.token.mine().account()
    }

    /// How long until the next token is asked for behind this one, as far as it is decided: until it
    /// ages, or until the next try may be made.
    pub(crate) fn next_try_in(&self, now: SystemTime) -> Duration {
        let next = instant(self.next_try_at.load(Ordering::Relaxed));
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
        let asked = u32::try_from(retry_after.unwrap_or_default().as_secs()).unwrap_or(u32::MAX);
        self.next_try_at.store(seconds(now).saturating_add(wait.max(asked)), Ordering::Relaxed);
    }

    fn may_try(&self, now: u32) -> bool {
        let next = self.next_try_at.load(Ordering::Relaxed);
        // One caller wins; the others go on with the token they have.
        now >= next
            && self
                .next_try_at
                .compare_exchange(next, now.saturating_add(FIRST_WAIT), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn touch(&self, now: u32) {
        // Written once a second at most: a line that everybody writes is a line that nobody reads fast.
        if self.used_at.load(Ordering::Relaxed) != now {
            self.used_at.store(now, Ordering::Relaxed);
        }
    }
}
