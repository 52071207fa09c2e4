//! What every store must do, asked of a store.

mod concurrency;
mod ends;
mod outage;
mod sealed;
mod spoilt;

use std::time::Duration;

use futures_util::future::join;

use crate::{Clock, SessionKey, StoreKey, StoreTokens, StoredEntry};

pub use outage::store_outage_conformance;
pub use spoilt::{Spoilt, store_spoilt_conformance};

/// What every implementation of [`StoreTokens`] must do: keep, overwrite, remove, let go in time,
/// tell any two keys apart, take any bytes, let one of many win, and keep what is sealed as it is.
///
/// `clock` is the one by which the store ends its entries; `pass` lets that much time go by. Against
/// a server whose clock nobody holds it waits for some three seconds.
///
/// ```
/// use std::sync::Arc;
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
pub async fn store_conformance(store: &dyn StoreTokens, clock: &dyn Clock, pass: impl AsyncFn(Duration)) {
    let trial = Trial::new(store, clock);
    trial.an_entry_is_kept_replaced_and_removed().await;
    trial.keys_that_look_alike_are_told_apart().await;
    trial.any_bytes_are_kept_as_they_are().await;
    trial.one_of_many_wins().await;
    trial.whole_entries_are_read_while_many_write().await;
    trial.what_is_spoilt_is_told_apart_from_nothing().await;
    trial.keys_are_rotated_and_nothing_is_lost().await;
    trial.a_clock_may_be_off().await;
    let ending = trial.put_what_ends().await;
    pass(ends::PASSES_BEFORE).await;
    trial.what_has_not_ended_is_there(&ending).await;
    // What has no clock that can be held passes the time with work.
    join(pass(ends::PASSES), trial.many_keys(10_000)).await;
    trial.what_has_ended_is_gone(ending).await;
}

/// One store, asked under keys that no other trial uses.
struct Trial<'a> {
    store: &'a dyn StoreTokens,
    clock: &'a dyn Clock,
    run: SessionKey,
}

const HOUR: Duration = Duration::from_secs(3_600);

#[expect(clippy::expect_used, clippy::panic, reason = "these are assertions of tests")]
impl<'a> Trial<'a> {
    fn new(store: &'a dyn StoreTokens, clock: &'a dyn Clock) -> Self {
        Self { store, clock, run: SessionKey::allocate() }
    }

    fn key(&self, name: impl AsRef<str>) -> StoreKey {
        StoreKey::digest(["conformance", self.run.expose(), name.as_ref()])
    }

    fn entry(&self, bytes: &[u8], life: Duration) -> StoredEntry {
        StoredEntry::new(bytes, self.clock.now() + life)
    }

    async fn get(&self, key: &StoreKey) -> Option<StoredEntry> {
        self.store.get(key).await.expect("a store that is here answers")
    }

    async fn put(&self, key: &StoreKey, bytes: &[u8], life: Duration) {
        self.store.put(key, self.entry(bytes, life)).await.expect("a store that is here keeps");
    }

    async fn put_new(&self, key: &StoreKey, bytes: &[u8], life: Duration) -> bool {
        self.store
            .put_new(key, self.entry(bytes, life))
            .await
            .expect("a store that is here keeps what is new")
    }

    async fn remove(&self, key: &StoreKey) -> bool {
        self.store.remove(key).await.expect("a store that is here removes")
    }

    async fn holds(&self, key: &StoreKey, bytes: &[u8], what: &str) {
        match self.get(key).await {
            Some(entry) => assert!(entry.bytes() == bytes, "{what}: other bytes came"),
            None => panic!("{what}: nothing is kept"),
        }
    }

    async fn an_entry_is_kept_replaced_and_removed(&self) {
        let key = self.key("one");
        assert!(self.get(&key).await.is_none(), "a key that nobody put has nothing");
        assert!(!self.remove(&key).await, "nothing was removed");

        self.put(&key, b"first", HOUR).await;
        self.holds(&key, b"first", "what was put is kept").await;
        let end = self.get(&key).await.map(|entry| entry.expires_at());
        let life = end.and_then(|end| end.duration_since(self.clock.now()).ok()).unwrap_or_default();
        assert!(life.abs_diff(HOUR) < Duration::from_secs(60), "an entry knows its end");
        self.put(&key, b"second, which is longer", HOUR).await;
        self.holds(&key, b"second, which is longer", "what is put replaces").await;
        self.put(&key, b"", HOUR).await;
        self.holds(&key, b"", "nothing is a value, too").await;
        assert!(self.remove(&key).await, "an entry was removed");
        assert!(self.get(&key).await.is_none(), "what was removed is gone");
        assert!(!self.remove(&key).await, "it is removed once");

        assert!(self.put_new(&key, b"first", HOUR).await, "nothing was there: what is new is kept");
        assert!(!self.put_new(&key, b"second", HOUR).await, "something is there: what is new is not kept");
        self.holds(&key, b"first", "what was there stays").await;
        self.put(&key, b"third", HOUR).await;
        assert!(!self.put_new(&key, b"fourth", HOUR).await, "what was put is there");
        self.holds(&key, b"third", "what was put stays").await;
        assert!(self.remove(&key).await, "an entry was removed");
        assert!(self.put_new(&key, b"fifth", HOUR).await, "what was there is removed: what is new is kept");
        assert!(self.remove(&key).await, "an entry was removed");
    }

    async fn keys_that_look_alike_are_told_apart(&self) {
        // Bytes that end a string, a line, a statement or a path, or that are no text at all.
        let hostile = [
            [0; 32],
            [0xff; 32],
            [b' '; 32],
            [b'%'; 32],
            *b"'; DROP TABLE tokens; --\r\n\0../*\"",
            *b"\xef\xbb\xbf\xed\xa0\x80{}[]:.,/\\?#&=+$`|<>~^\n\xc3\x28\x80\x00",
        ];
        let alike = hostile.iter().flat_map(|bytes| {
            // The same but for one bit at either end, and for the case of letters.
            let (mut first, mut last) = (*bytes, *bytes);
            first[0] ^= 0x20;
            last[31] ^= 1;
            [*bytes, first, last]
        });
        let keys: Vec<StoreKey> = alike.map(StoreKey::from_bytes).collect();
        for (index, key) in keys.iter().enumerate() {
            self.put(key, format!("value {index}").as_bytes(), HOUR).await;
        }
        for (index, key) in keys.iter().enumerate() {
            self.holds(key, format!("value {index}").as_bytes(), "keys that look alike are told apart").await;
        }
        for key in &keys {
            assert!(self.remove(key).await, "an entry was removed");
        }
    }

    async fn any_bytes_are_kept_as_they_are(&self) {
        let every_byte: Vec<u8> = (0..=u8::MAX).collect();
        let big = every_byte.repeat(1_024);
        let key = self.key("bytes");
        for bytes in [
            &[0][..],
            b"\0\0",
            b"' -- \\",
            "{\"ä\": \u{10ffff}}\r\n".as_bytes(),
            &[0xff; 5],
            &every_byte,
            &big,
        ] {
            self.put(&key, bytes, HOUR).await;
            self.holds(&key, bytes, "any bytes are kept as they are").await;
        }
        self.remove(&key).await;
        assert!(self.put_new(&key, &big, HOUR).await, "what is big and new is kept");
        self.holds(&key, &big, "any bytes are kept as they are").await;
        self.remove(&key).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::testing::{ManualClock, MemoryStore};

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
        let pass = async |time| clock.advance(time);
        run(store_conformance(&store, &*clock, pass));
        let away = async || store.go_away();
        let back = async || store.come_back();
        run(store_outage_conformance(&store, &*clock, pass, Duration::from_secs(1), away, back));
        clock.advance(3 * HOUR);
        assert!(run(store.get(&StoreKey::digest(["any"]))).unwrap().is_none());
        assert!(store.entries().is_empty(), "nothing is left behind that does not end");
    }

    #[test]
    fn a_store_that_lets_go_too_early_is_none() {
        let (clock, fast) = (Arc::new(ManualClock::default()), Arc::new(ManualClock::default()));
        fast.advance(Duration::from_secs(1));
        let store = MemoryStore::new(fast.clone());
        let pass = async |time| {
            clock.advance(time);
            fast.advance(time);
        };
        let tried = catch_unwind(AssertUnwindSafe(|| run(store_conformance(&store, &*clock, pass))));
        let told = tried.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(*told, "an entry is kept until its time");
    }
}
