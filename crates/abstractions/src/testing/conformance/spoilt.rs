//! What somebody else put under a key, behind the store's back, is what cannot be opened: neither
//! nothing, nor an error that would make the whole store look away.

use super::{HOUR, Trial};
use crate::{Clock, EncryptionKeys, Kept, SharedStore, StoreTokens, StoredEntry};

/// What takes the place of a value, in the very server that keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spoilt {
    /// A few bytes that no version of this library writes.
    Foreign,
    /// A little more than the mebibyte that an entry may have.
    TooLarge,
}

/// What a store must do with values that were spoilt. `spoil` is told what the one value that is
/// there then becomes; it goes past the store, and leaves the key and the end as they are.
///
/// # Panics
/// When the store does something else; the message tells what.
#[expect(clippy::expect_used, reason = "these are assertions of tests")]
pub async fn store_spoilt_conformance(
    store: impl StoreTokens + Clone + 'static,
    clock: &dyn Clock,
    spoil: impl AsyncFn(Spoilt),
) {
    let keys = EncryptionKeys::new("c3BvaWx0IHNwb2lsdCBzcG9pbHQgc3BvaWx0IHNwby4=").expect("it is a key");
    let shared = SharedStore::encrypted(std::sync::Arc::new(store.clone()), keys);
    let trial = Trial::new(&store, clock);
    let key = trial.key("spoilt");
    let entry = StoredEntry::new(*b"a refresh token", clock.now() + HOUR);
    for what in [Spoilt::Foreign, Spoilt::TooLarge] {
        shared.put(&key, &entry).await.expect("a store that is here keeps");
        spoil(what).await;
        let kept = shared.get(&key).await.expect("a store that is here answers");
        assert!(
            matches!(kept, Kept::Unreadable(_)),
            "{what:?}: it cannot be opened, and is not nothing: {kept:?}"
        );
        assert!(!trial.put_new(&key, b"new", HOUR).await, "{what:?}: something is there");
        shared.put(&key, &entry).await.expect("a store that is here keeps");
        let kept = shared.get(&key).await.expect("a store that is here answers");
        assert!(kept.entry().is_some(), "{what:?}: what is put takes its place");
        spoil(what).await;
        assert!(trial.remove(&key).await, "{what:?}: it can be removed");
        assert!(trial.get(&key).await.is_none(), "{what:?}: what was removed is gone");
    }
}
