//! The store: four questions, each one statement.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{Clock, StoreError, StoreKey, StoreTokens, StoredEntry};

use crate::{
    cleanup::Cleaning,
    dialect::{Dialect, MAX_VALUE},
    error::{Failure, Kind},
    pool::Pool,
    question::{Read, Write, milliseconds, time},
};

/// A table of one database.
#[derive(Debug)]
pub(crate) struct Table<D: Dialect> {
    pool: Arc<Pool<D>>,
    clock: Arc<dyn Clock>,
    cleaning: Cleaning,
}

impl<D: Dialect> Table<D> {
    pub(crate) fn new(pool: Arc<Pool<D>>, clock: Arc<dyn Clock>, cleaning: Cleaning) -> Self {
        Self { pool, clock, cleaning }
    }

    fn now(&self) -> i64 {
        milliseconds(self.clock.now())
    }

    fn error(&self, failure: &Failure) -> StoreError {
        StoreError::new(self.pool.dialect().name(), failure.to_string())
    }

    fn check_size(&self, entry: &StoredEntry) -> Result<(), StoreError> {
        if entry.bytes().len() <= MAX_VALUE {
            return Ok(());
        }
        Err(StoreError::new(self.pool.dialect().name(), "keeps no entry of more than 1 MiB"))
    }

    /// Whether a row changed.
    async fn write(&self, write: Write) -> Result<bool, StoreError> {
        let changed = self.pool.ask(write).await;
        match &changed {
            Err(failure) if failure.kind() == Kind::Full => {
                self.cleaning.begin_for_room(&self.pool, self.now());
            }
            Err(_) => {}
            Ok(_) => self.cleaning.begin_if_due(&self.pool, self.now()),
        }
        changed.map(|rows| rows > 0).map_err(|failure| self.error(&failure))
    }
}

#[async_trait]
impl<D: Dialect> StoreTokens for Table<D> {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let row = self.pool.ask(Read { key: *key, now: self.now() }).await;
        let row = row.map_err(|failure| self.error(&failure))?;
        Ok(row.map(|(value, expires_at)| match value {
            Some(value) => StoredEntry::new(value, time(expires_at)),
            None => StoredEntry::unreadable(),
        }))
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.check_size(&entry)?;
        self.write(Write::Put { key: *key, entry }).await.map(drop)
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.check_size(&entry)?;
        self.write(Write::PutNew { key: *key, entry, now: self.now() }).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.write(Write::Remove { key: *key, now: self.now() }).await
    }
}
