//! Requests that were refused again and again: the third identical refusal within a minute makes the
//! next wait a few seconds, before Entra breaks the loop for much longer (AADSTS50196).
//!
//! Identical is what would be sent, its proof included, and what was answered: after a corrected
//! secret or a new sign-in another request is made, which waits for nothing.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use entra_abstractions::{Exchange, TokenError};

use super::Key;

#[derive(Debug, Default)]
pub(super) struct Refusals {
    by_request: Mutex<HashMap<Request, Refused>>,
    count: AtomicUsize,
}

/// For which key, and what was sent.
type Request = (Key, u64);

#[derive(Debug)]
struct Refused {
    error: TokenError,
    /// When the last ones came, the oldest first.
    times: [SystemTime; ENOUGH],
    until: SystemTime,
    /// How long the next pause is.
    pause: Duration,
}

/// So many identical refusals are a loop.
const ENOUGH: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// Short, because a consent that is given meanwhile changes nothing in what is sent.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// More keys than this are not watched at a time.
const MOST: usize = 10_000;

const EXPLANATION: &str =
    "not asked again for some seconds, because the same request was refused three times within a minute";

impl Refusals {
    /// Notes that Entra refused this request, for good until somebody changes something.
    pub(super) fn note(&self, key: &Key, fingerprint: u64, error: &TokenError, now: SystemTime) {
        if !matches!(error, TokenError::InteractionRequired(_) | TokenError::Rejected(_)) {
            return;
        }
        let mut by_request = self.by_request.lock().unwrap_or_else(PoisonError::into_inner);
        if by_request.len() >= MOST {
            by_request.retain(|_, refused| refused.is_recent(now));
        }
        let request = (key.clone(), fingerprint);
        let again =
            by_request.get_mut(&request).filter(|refused| refused.is_same(error) && refused.is_recent(now));
        if let Some(refused) = again {
            refused.again(now);
        } else if by_request.len() < MOST {
            let times = [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH, now];
            let (error, until, pause) = (error.clone(), SystemTime::UNIX_EPOCH, FIRST_PAUSE);
            by_request.insert(request, Refused { error, times, until, pause });
        }
        self.count.store(by_request.len(), Ordering::Relaxed);
    }

    /// The refusal again, while it makes no sense to ask for another, and for how long that is.
    pub(super) fn get(&self, key: &Key, fingerprint: u64, now: SystemTime) -> Option<(Duration, TokenError)> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let by_request = self.by_request.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = by_request.get(&(key.clone(), fingerprint))?;
        refused.pause(now)
    }

    /// The longest pause of a key, whatever is sent for it, and the refusal that began it.
    pub(super) fn of_key(&self, key: &Key, now: SystemTime) -> Option<(Duration, TokenError)> {
        let by_request = self.by_request.lock().unwrap_or_else(PoisonError::into_inner);
        let own = by_request.iter().filter(|((own, _), _)| own == key);
        own.filter_map(|(_, refused)| refused.pause(now)).max_by_key(|(left, _)| *left)
    }
}

impl Refused {
    /// What is left of the pause, if one is in force, and the error that explains it.
    fn pause(&self, now: SystemTime) -> Option<(Duration, TokenError)> {
        let left = self.until.duration_since(now).ok().filter(|left| !left.is_zero())?;
        Some((left, self.error.clone().explained(EXPLANATION)))
    }

    fn again(&mut self, now: SystemTime) {
        self.times.rotate_left(1);
        if let Some(last) = self.times.last_mut() {
            *last = now;
        }
        let first = self.times.first().copied().unwrap_or(now);
        if now.duration_since(first).is_ok_and(|apart| apart <= WITHIN) {
            self.until = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A refusal that nobody met with another within a minute is not part of a loop.
    fn is_recent(&self, now: SystemTime) -> bool {
        let last = self.times.last().copied().unwrap_or(now);
        now.duration_since(last.max(self.until)).map_or(true, |apart| apart <= WITHIN)
    }

    fn is_same(&self, error: &TokenError) -> bool {
        let told = |error: &TokenError| {
            error.exchange().map(|exchange| {
                (
                    Exchange::error(exchange).map(str::to_owned),
                    exchange.suberror().map(str::to_owned),
                    exchange.aadsts().to_vec(),
                )
            })
        };
        told(&self.error) == told(error)
    }
}
