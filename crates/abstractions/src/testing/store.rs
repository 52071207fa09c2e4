//! A store in memory that can be told to fail, and what every store must do.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{Clock, EncryptionKeys, SharedStore, StoreError, StoreKey, StoreTokens, StoredEntry};

/// A store in memory, which outlives the acquirers that share it and fails when it is told to.
#[derive(Debug)]
pub struct MemoryStore {
    entries: Mutex<HashMap<StoreKey, StoredEntry>>,
    clock: Arc<dyn Clock>,
    is_away: AtomicBool,
}

impl MemoryStore {
    /// An empty store whose entries end by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::default(), clock, is_away: AtomicBool::new(false) }
    }

    /// From now on every request fails.
    pub fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    /// From now on requests are answered again; nothing was lost.
    pub fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    /// All that is kept, for a test to look into and to spoil.
    pub fn entries(&self) -> HashMap<StoreKey, StoredEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<StoreKey, StoredEntry>) -> T) -> Result<T, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::new("memory", "was told to fail"));
        }
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.expires_at() > now);
        Ok(act(&mut entries))
    }
}

#[async_trait]
impl StoreTokens for MemoryStore {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.with(|entries| entries.get(key).cloned())
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.with(|entries| drop(entries.insert(*key, entry)))
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.with(|entries| match entries.entry(*key) {
            Entry::Vacant(place) => {
                place.insert(entry);
                true
            }
            Entry::Occupied(_) => false,
        })
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.with(|entries| entries.remove(key).is_some())
    }
}

/// Shares a store among the acquirers of a test, encrypted by a key that everybody knows.
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "the key is one")]
pub fn share(store: Arc<dyn StoreTokens>) -> SharedStore {
    let keys = EncryptionKeys::new("ZW50cmEtcnMgdGVzdHMgc2hhcmUgdGhpcyBvbmUga2U=").expect("it is a key");
    SharedStore::encrypted(store, keys)
}

/// What every implementation of [`StoreTokens`] must do: keep, overwrite, remove, let go in time,
/// and tell any two keys apart.
///
/// `clock` is the one by which the store ends its entries; `pass` lets that much time go by.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use entra_abstractions::testing::{ManualClock, MemoryStore, store_conformance};
///
/// # async fn run() {
/// let clock = Arc::new(ManualClock::default());
/// let store = MemoryStore::new(clock.clone());
/// store_conformance(&store, &*clock, async |time| clock.advance(time)).await;
/// # }
/// ```
///
/// # Panics
/// When the store does something else; the message tells what.
#[expect(clippy::expect_used, clippy::panic, reason = "these are assertions of tests")]
pub async fn store_conformance(store: &dyn StoreTokens, clock: &dyn Clock, pass: impl AsyncFn(Duration)) {
    const HOUR: Duration = Duration::from_secs(3_600);
    let get = async |key: &StoreKey| store.get(key).await.expect("a store that is here answers");
    let put = async |key: &StoreKey, bytes: &[u8], life: Duration| {
        let entry = StoredEntry::new(bytes, clock.now() + life);
        store.put(key, entry).await.expect("a store that is here keeps");
    };
    let holds = async |key: &StoreKey, bytes: &[u8], what: &str| match get(key).await {
        Some(entry) => assert_eq!(entry.bytes(), bytes, "{what}"),
        None => panic!("{what}: nothing is kept"),
    };

    let key = StoreKey::digest(["conformance", "one"]);
    assert!(get(&key).await.is_none(), "a key that nobody put has nothing");
    assert!(!store.remove(&key).await.expect("a store that is here removes"), "nothing was removed");

    put(&key, b"first", HOUR).await;
    holds(&key, b"first", "what was put is kept").await;
    put(&key, b"second, which is longer", HOUR).await;
    holds(&key, b"second, which is longer", "what is put replaces").await;
    put(&key, b"", HOUR).await;
    holds(&key, b"", "nothing is a value, too").await;
    assert!(store.remove(&key).await.expect("a store that is here removes"), "an entry was removed");
    assert!(get(&key).await.is_none(), "what was removed is gone");
    assert!(!store.remove(&key).await.expect("a store that is here removes"), "it is removed once");

    // Bytes that end a string, a line, a statement or a path, or that are no text at all.
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let big = every_byte.repeat(256);
    let hostile = [[0; 32], [0xff; 32], *b"'; DROP TABLE tokens; --\r\n\0../*\""];
    let alike = hostile.iter().flat_map(|bytes| {
        // The same but for one bit at either end, and for the case of letters.
        let (mut first, mut last) = (*bytes, *bytes);
        first[0] ^= 0x20;
        last[31] ^= 1;
        [*bytes, first, last]
    });
    let keys: Vec<StoreKey> = alike.map(StoreKey::from_bytes).collect();
    for (index, key) in keys.iter().enumerate() {
        put(key, format!("value {index}").as_bytes(), HOUR).await;
    }
    for (index, key) in keys.iter().enumerate() {
        holds(key, format!("value {index}").as_bytes(), "keys that look alike are told apart").await;
    }
    for (key, bytes) in keys.iter().zip([&every_byte, &big]) {
        put(key, bytes, HOUR).await;
        holds(key, bytes, "any bytes are kept as they are").await;
    }
    for key in &keys {
        assert!(store.remove(key).await.expect("a store that is here removes"), "an entry was removed");
    }

    let put_new = async |key: &StoreKey, bytes: &[u8], life: Duration| {
        let entry = StoredEntry::new(bytes, clock.now() + life);
        store.put_new(key, entry).await.expect("a store that is here keeps")
    };
    let key = StoreKey::digest(["conformance", "new"]);
    assert!(put_new(&key, b"first", Duration::from_secs(2)).await, "nothing was there: it is kept");
    assert!(!put_new(&key, b"second", HOUR).await, "something is there: it is not kept");
    holds(&key, b"first", "what was there stays").await;
    pass(Duration::from_secs(4)).await;
    assert!(put_new(&key, b"third", HOUR).await, "what was there has ended: it is kept");
    holds(&key, b"third", "what is new is kept").await;
    assert!(store.remove(&key).await.expect("a store that is here removes"), "an entry was removed");
    assert!(put_new(&key, b"fourth", HOUR).await, "what was there is removed: it is kept");
    store.remove(&key).await.expect("a store that is here removes");

    let (short, long) =
        (StoreKey::digest(["conformance", "short"]), StoreKey::digest(["conformance", "long"]));
    put(&short, b"short", Duration::from_secs(2)).await;
    put(&long, b"long", Duration::from_secs(2)).await;
    put(&long, b"long", HOUR).await;
    holds(&short, b"short", "an entry is kept until its time").await;
    pass(Duration::from_secs(4)).await;
    assert!(get(&short).await.is_none(), "an entry whose time has passed is gone");
    holds(&long, b"long", "a later put gives a later time").await;
    put(&long, b"over", Duration::ZERO).await;
    assert!(get(&long).await.is_none(), "what has ended when it is put is not there");
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
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
    fn the_store_of_tests_is_one() {
        let clock = Arc::new(ManualClock::default());
        let store = MemoryStore::new(clock.clone());
        run(store_conformance(&store, &*clock, async |time| clock.advance(time)));
        assert!(store.entries().len() <= 1);
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
