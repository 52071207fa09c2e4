//! Who looks into the store without a flight: a flight costs as much as the look, and most tokens that
//! come out of a store are wanted by one caller at a time.
//!
//! Of those who want the same token at once only the first looks alone. The others take a flight, which
//! waits for what the first one finds: no longer than a look may take, because nobody else moves it on.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use entra_abstractions::{AccessToken, StoreKey};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{
    Findings,
    find::{Look, Sight},
    place,
};
use crate::{acquirer::TokenAcquirer, cache::KeyRef};

/// One place for some keys each: two that meet there take turns to look alone, and nothing else.
#[derive(Debug)]
pub(super) struct Alone {
    /// When somebody began to look, in milliseconds since `began`; nothing where nobody does.
    places: [AtomicU64; 255],
    /// Of the highest first byte.
    last: AtomicU64,
    began: Instant,
    is_over: Notify,
}

const NOBODY: u64 = 0;

/// Somebody looks. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Looking<'a> {
    place: &'a AtomicU64,
    since: u64,
    is_over: &'a Notify,
}

/// A look without a flight, for whoever wants what is kept.
#[derive(Debug)]
pub(crate) struct LoneLook<'a> {
    look: Look<'a>,
    began: Instant,
    _looking: Looking<'a>,
}

impl<'a> LoneLook<'a> {
    /// Nothing where there is no store to look into, or where somebody looks for the same.
    pub(crate) fn begin(engine: &'a TokenAcquirer, key: &'a KeyRef<'a>, writes: usize) -> Option<Self> {
        let level = engine.second_level(key)?;
        let (at, began) = (place(key), Instant::now());
        let looking = level.alone.begin(&at, began, level.patience())?;
        let until = began + engine.deadline();
        let look = Look::of(engine, key, level, at, until, writes);
        Some(Self { look, began, _looking: looking })
    }

    /// What it finds that does, or else what a flight need not look for again.
    pub(crate) async fn see(&self) -> Result<AccessToken, Findings> {
        match self.look.once(self.began).await {
            Sight::Token(token) => Ok(token),
            sight => Err(self.look.found(sight)),
        }
    }
}

impl Alone {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            places: [const { AtomicU64::new(NOBODY) }; 255],
            last: AtomicU64::new(NOBODY),
            began: now,
            is_over: Notify::new(),
        }
    }

    /// Nothing where another looks in this place, and not for longer than it may.
    pub(super) fn begin(&self, at: &StoreKey, now: Instant, patience: Duration) -> Option<Looking<'_>> {
        let place = self.place(at);
        let before = place.load(Ordering::Relaxed);
        if before != NOBODY && now < self.end_of(before, patience) {
            return None;
        }
        let since = 1 + u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or_default();
        let taken = place.compare_exchange(before, since, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then(|| Looking { place, since, is_over: &self.is_over })
    }

    /// Waits until nobody looks in this place, or for longer than they may; says whether somebody did.
    pub(super) async fn is_over(&self, at: &StoreKey, now: Instant, patience: Duration) -> bool {
        let place = self.place(at);
        let before = place.load(Ordering::Acquire);
        if before == NOBODY || now >= self.end_of(before, patience) {
            return false;
        }
        let waits = async {
            loop {
                let is_over = self.is_over.notified();
                if place.load(Ordering::Acquire) != before {
                    return;
                }
                is_over.await;
            }
        };
        // Whether they are through or held up, whoever waited goes on.
        drop(timeout_at(self.end_of(before, patience), waits).await);
        true
    }

    fn end_of(&self, since: u64, patience: Duration) -> Instant {
        self.began + Duration::from_millis(since) + patience
    }

    fn place(&self, at: &StoreKey) -> &AtomicU64 {
        // A digest is as good as random.
        let [first, ..] = at.as_bytes();
        self.places.get(usize::from(*first)).unwrap_or(&self.last)
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        // Who took too long may have lost the place to another.
        let own = self.place.compare_exchange(self.since, NOBODY, Ordering::Release, Ordering::Relaxed);
        if own.is_ok() {
            self.is_over.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn one_looks_alone_until_it_is_through() {
        let alone = Alone::new(Instant::now());
        let begin = |first: u8| alone.begin(&StoreKey::from_bytes([first; 32]), Instant::now(), PATIENCE);
        let one = StoreKey::from_bytes([1; 32]);
        assert!(!alone.is_over(&one, Instant::now(), PATIENCE).await);
        let looking = begin(1);
        assert!(looking.is_some() && begin(1).is_none() && begin(255).is_some());
        let mut waits = Box::pin(alone.is_over(&one, Instant::now(), PATIENCE));
        assert!(poll!(&mut waits).is_pending());
        drop(looking);
        assert!(poll!(&mut waits).is_ready() && begin(1).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_held_up_holds_nobody_up() {
        let alone = Alone::new(Instant::now());
        let key = StoreKey::from_bytes([1; 32]);
        let held_up = alone.begin(&key, Instant::now(), PATIENCE);
        let began = Instant::now();
        assert!(alone.is_over(&key, Instant::now(), PATIENCE).await);
        assert!(began.elapsed() <= PATIENCE + Duration::from_millis(2));
        assert!(!alone.is_over(&key, Instant::now(), PATIENCE).await, "nobody waits twice");
        let other = alone.begin(&key, Instant::now(), PATIENCE);
        assert!(other.is_some());
        // The place is the other's by now.
        drop(held_up);
        assert!(alone.begin(&key, Instant::now(), PATIENCE).is_none());
    }
}
