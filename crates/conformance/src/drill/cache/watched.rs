//! A store that counts how often it had what was asked for.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use entra_abstractions::{StoreError, StoreKey, StoreTokens, StoredEntry};

#[derive(Debug)]
pub(super) struct Watched {
    store: Arc<dyn StoreTokens>,
    hits: AtomicU64,
}

impl Watched {
    pub(super) fn new(store: Arc<dyn StoreTokens>) -> Self {
        Self { store, hits: AtomicU64::new(0) }
    }

    /// How often it had what was asked for.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl StoreTokens for Watched {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let found = self.store.get(key).await;
        if matches!(found, Ok(Some(_))) {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.store.put(key, entry).await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.store.put_new(key, entry).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.store.remove(key).await
    }
}
