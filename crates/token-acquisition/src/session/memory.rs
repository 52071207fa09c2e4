//! Where sessions are kept when no store is shared: in this process, bounded in number.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use entra_abstractions::{Clock, StoreError, StoreKey, StoreTokens, StoredEntry};

/// Sessions of this process alone.
pub(super) struct Memory {
    clock: Arc<dyn Clock>,
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<StoreKey, (u64, StoredEntry)>,
    uses: u64,
}

/// About 200 MB of refresh tokens.
const MOST: usize = 100_000;

impl Memory {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, most: MOST, kept: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, kept: &mut Kept, key: &StoreKey, entry: StoredEntry) {
        let used = kept.next_use();
        kept.entries.insert(*key, (used, entry));
        if kept.entries.len() > self.most {
            let now = self.clock.now();
            kept.entries.retain(|_, (_, entry)| entry.expires_at() > now);
        }
        if kept.entries.len() > self.most {
            kept.let_go(self.most / 10);
        }
    }
}

impl Kept {
    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// The longest unused go first.
    fn let_go(&mut self, how_many: usize) {
        let mut uses: Vec<u64> = self.entries.values().map(|(used, _)| *used).collect();
        uses.sort_unstable();
        if let Some(bound) = uses.get(how_many).copied() {
            self.entries.retain(|_, (used, _)| *used >= bound);
        }
    }
}

#[async_trait]
impl StoreTokens for Memory {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let now = self.clock.now();
        Ok(self.with(|kept| {
            let used = kept.next_use();
            let (last_used, entry) = kept.entries.get_mut(key)?;
            *last_used = used;
            Some(entry.clone()).filter(|entry| entry.expires_at() > now)
        }))
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.with(|kept| self.keep(kept, key, entry));
        Ok(())
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.with(|kept| {
            let is_new = kept.entries.get(key).is_none_or(|(_, there)| there.expires_at() <= now);
            if is_new {
                self.keep(kept, key, entry);
            }
            is_new
        }))
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.with(|kept| kept.entries.remove(key)).is_some_and(|(_, entry)| entry.expires_at() > now))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use entra_abstractions::testing::{ManualClock, store_conformance};

    use super::*;

    #[tokio::test]
    async fn it_does_what_every_store_must() {
        let clock = Arc::new(ManualClock::default());
        let memory = Memory::new(Arc::clone(&clock) as Arc<_>);
        store_conformance(&memory, &*clock, async |time| clock.advance(time)).await;
    }

    #[tokio::test]
    async fn the_longest_unused_make_room() {
        let clock = Arc::new(ManualClock::default());
        let memory = Memory { most: 20, ..Memory::new(Arc::clone(&clock) as Arc<_>) };
        let key = |number: u8| StoreKey::from_bytes([number; 32]);
        let entry = StoredEntry::new(*b"s3cret", clock.now() + Duration::from_secs(60));
        for number in 0..20 {
            memory.put(&key(number), entry.clone()).await.unwrap();
        }
        assert!(memory.get(&key(0)).await.unwrap().is_some());
        memory.put(&key(20), entry).await.unwrap();
        assert!(memory.get(&key(0)).await.unwrap().is_some(), "it was used last");
        assert!(memory.get(&key(1)).await.unwrap().is_none(), "it was not");
        assert!(memory.get(&key(20)).await.unwrap().is_some());
    }
}
