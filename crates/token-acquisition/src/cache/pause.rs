//! Where Entra asked to wait: for which key, until when. It outlives the call, and nothing else
//! that failed does.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use entra_abstractions::{TokenError, Unavailable};

use super::Key;

#[derive(Debug, Default)]
pub(super) struct Pauses {
    until: Mutex<HashMap<Key, (SystemTime, TokenError)>>,
    count: AtomicUsize,
}

/// More keys than this are not paused at a time; those beyond are asked again.
const MOST: usize = 10_000;

impl Pauses {
    pub(super) fn set(&self, key: &Key, until: SystemTime, error: TokenError, now: SystemTime) {
        let mut pauses = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, (until, _)| *until > now);
        if pauses.len() < MOST {
            pauses.insert(key.clone(), (until, error));
        }
        self.count.store(pauses.len(), Ordering::Relaxed);
    }

    /// The error, with what is left of the wait.
    pub(super) fn get(&self, key: &Key, now: SystemTime) -> Option<TokenError> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let pauses = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, error) = pauses.get(key)?;
        let left = until.duration_since(now).ok().filter(|left| !left.is_zero())?;
        Some(match error {
            TokenError::Unavailable(outage) => Unavailable::clone(outage).with_retry_after(Some(left)).into(),
            other => other.clone(),
        })
    }
}
