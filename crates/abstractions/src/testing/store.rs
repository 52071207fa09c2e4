//! A store in memory that can be told to fail.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::pending,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use crate::{Clock, EncryptionKeys, SharedStore, StoreError, StoreKey, StoreTokens, StoredEntry};

/// A store in memory, which outlives the acquirers that share it and fails when it is told to.
#[derive(Debug)]
pub struct MemoryStore {
    entries: Mutex<HashMap<StoreKey, StoredEntry>>,
    clock: Arc<dyn Clock>,
    is_away: AtomicBool,
    hangs: AtomicBool,
}

impl MemoryStore {
    /// An empty store whose entries end by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            entries: Mutex::default(),
            clock,
            is_away: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
        }
    }

    /// From now on every request fails.
    pub fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    /// From now on no request is ever answered, as of a machine whose power is cut.
    pub fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// From now on requests are answered again; nothing was lost.
    pub fn come_back(&self) {
        self.hangs.store(false, Ordering::SeqCst);
        self.is_away.store(false, Ordering::SeqCst);
    }

    /// All that is kept, for a test to look into and to spoil.
    pub fn entries(&self) -> HashMap<StoreKey, StoredEntry> {
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.expires_at() > now);
        entries.clone()
    }

    async fn with<T>(
        &self,
        key: &StoreKey,
        act: impl FnOnce(Entry<'_, StoreKey, StoredEntry>) -> T + Send,
    ) -> Result<T, StoreError> {
        if self.hangs.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::new("memory", "was told to fail"));
        }
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.get(key).is_some_and(|entry| entry.expires_at() <= now) {
            entries.remove(key);
        }
        Ok(act(entries.entry(*key)))
    }
}

#[async_trait]
impl StoreTokens for MemoryStore {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.with(key, |place| match place {
            Entry::Occupied(kept) => Some(kept.get().clone()),
            Entry::Vacant(_) => None,
        })
        .await
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.with(key, |place| {
            place.insert_entry(entry);
        })
        .await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.with(key, |place| match place {
            Entry::Vacant(room) => {
                room.insert(entry);
                true
            }
            Entry::Occupied(_) => false,
        })
        .await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.with(key, |place| match place {
            Entry::Occupied(kept) => {
                kept.remove();
                true
            }
            Entry::Vacant(_) => false,
        })
        .await
    }
}

/// Shares a store among the acquirers of a test, encrypted by a key that everybody knows.
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "the key is one")]
pub fn share(store: Arc<dyn StoreTokens>) -> SharedStore {
    let keys = EncryptionKeys::new("ZW50cmEtcnMgdGVzdHMgc2hhcmUgdGhpcyBvbmUga2U=").expect("it is a key");
    SharedStore::encrypted(store, keys)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use super::*;
    use crate::testing::ManualClock;

    /// Runs a future that never waits.
    fn run<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn it_goes_and_comes_back() {
        let store = MemoryStore::new(Arc::new(ManualClock::default()));
        let key = StoreKey::from_bytes([7; 32]);
        let entry = StoredEntry::new(*b"s3cret", ManualClock::default().now() + Duration::from_secs(1));
        run(store.put(&key, entry.clone())).unwrap();
        store.go_away();
        let error = run(store.get(&key)).unwrap_err();
        assert_eq!(error.to_string(), "token store memory: was told to fail");
        assert!(run(store.put(&key, entry)).is_err() && run(store.remove(&key)).is_err());
        store.come_back();
        assert!(run(store.get(&key)).unwrap().is_some());
        assert!(!format!("{store:?}").contains("s3cret"));
    }
}
