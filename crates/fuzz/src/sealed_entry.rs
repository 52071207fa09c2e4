//! What a shared store answers, which others may have written.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use entra_abstractions::{
    Clock, Kept, SharedStore, StoreKey, StoreTokens, StoredEntry,
    testing::{ManualClock, MemoryStore, share},
};

/// Whatever bytes they are, they are told apart from an entry; and the same bytes, sealed, are
/// opened under their own key, never under another one, nor where a bit of them was changed.
///
/// # Panics
/// Where that does not hold.
pub fn sealed_entry(input: &[u8]) {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>));
    let shared: SharedStore = share(Arc::clone(&store) as Arc<dyn StoreTokens>);
    let entry = |bytes: &[u8]| StoredEntry::new(bytes, clock.now() + Duration::from_secs(60));
    let (here, elsewhere) = (StoreKey::digest([input]), StoreKey::digest([b"elsewhere"]));
    let put = |key: &StoreKey, bytes: &[u8]| done(store.put(key, entry(bytes))).is_ok();
    let look = |key: &StoreKey| done(shared.get(key)).ok();

    assert!(put(&here, input));
    assert!(matches!(look(&here), Some(Kept::Unreadable(_))), "nobody sealed it");

    assert!(done(shared.put(&here, &entry(input))).is_ok());
    assert!(look(&here) == Some(Kept::Entry(entry(input))), "it was sealed here");
    let Some(sealed) = done(store.get(&here)).ok().flatten() else { return };
    assert!(put(&elsewhere, sealed.bytes()));
    assert!(matches!(look(&elsewhere), Some(Kept::Unreadable(_))), "it was moved");
    let bit = input.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let mut changed = sealed.bytes().to_vec();
    let place = bit / 8 % changed.len();
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= 1 << (bit % 8);
    }
    assert!(put(&here, &changed));
    assert!(matches!(look(&here), Some(Kept::Unreadable(_))), "it was changed");
}

/// A store in memory never waits.
fn done<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}
