//! Who looks into the store without a flight: a flight costs as much as the look, and most tokens that
//! come out of a store are wanted by one caller at a time.
//!
//! Of those who want the same token at once only the first looks alone. The others take a flight, which
//! waits for what the first one finds.

use std::sync::atomic::{AtomicBool, Ordering};

use entra_abstractions::StoreKey;
use tokio::sync::Notify;

/// One place for some keys each: two that meet there take turns to look alone, and nothing else.
#[derive(Debug)]
pub(super) struct Alone {
    places: [AtomicBool; 255],
    /// Of the highest first byte.
    last: AtomicBool,
    is_free: Notify,
}

/// Somebody looks. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Looking<'a> {
    place: &'a AtomicBool,
    is_free: &'a Notify,
}

impl Default for Alone {
    fn default() -> Self {
        Self {
            places: [const { AtomicBool::new(false) }; 255],
            last: AtomicBool::new(false),
            is_free: Notify::new(),
        }
    }
}

impl Alone {
    /// Nothing where another looks in this place.
    pub(super) fn begin(&self, at: &StoreKey) -> Option<Looking<'_>> {
        let place = self.place(at);
        (!place.swap(true, Ordering::Acquire)).then(|| Looking { place, is_free: &self.is_free })
    }

    /// Whether somebody looks in this place.
    pub(super) fn is_taken(&self, at: &StoreKey) -> bool {
        self.place(at).load(Ordering::Acquire)
    }

    /// Waits until nobody looks in this place.
    pub(super) async fn is_over(&self, at: &StoreKey) {
        loop {
            let is_free = self.is_free.notified();
            if !self.is_taken(at) {
                return;
            }
            is_free.await;
        }
    }

    fn place(&self, at: &StoreKey) -> &AtomicBool {
        // A digest is as good as random.
        let [first, ..] = at.as_bytes();
        self.places.get(usize::from(*first)).unwrap_or(&self.last)
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.place.store(false, Ordering::Release);
        self.is_free.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_looks_alone_until_it_is_through() {
        let alone = Alone::default();
        let (one, other) = (StoreKey::from_bytes([1; 32]), StoreKey::from_bytes([255; 32]));
        alone.is_over(&one).await;
        let looking = alone.begin(&one);
        assert!(looking.is_some() && alone.begin(&one).is_none() && alone.begin(&other).is_some());
        let waits = alone.is_over(&one);
        tokio::pin!(waits);
        assert!(futures_util::poll!(&mut waits).is_pending() && alone.is_taken(&one));
        drop(looking);
        waits.await;
        assert!(alone.begin(&one).is_some());
    }
}
