//! What goes through a shared store, and what is believed of it.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::{
    Clock,
    testing::{ManualClock, MemoryStore},
};

const KEYS: [&str; 2] =
    ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="];

fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn keys() -> [EncryptionKeys; 2] {
    KEYS.map(|key| EncryptionKeys::new(key).unwrap())
}

fn entry(bytes: &[u8]) -> StoredEntry {
    StoredEntry::new(bytes, ManualClock::default().now() + Duration::from_secs(60))
}

#[test]
fn nothing_readable_goes_there() {
    let store = Arc::new(MemoryStore::new(Arc::new(ManualClock::default())));
    let [keys, other] = keys();
    let shared = SharedStore::encrypted(Arc::clone(&store) as Arc<_>, keys);
    let key = StoreKey::digest(["one"]);
    run(shared.put(&key, &entry(b"s3cret?%G&="))).unwrap();
    assert_eq!(run(shared.get(&key)).unwrap(), Kept::Entry(entry(b"s3cret?%G&=")));
    let kept = store.entries().remove(&key).unwrap();
    assert!(!kept.bytes().windows(6).any(|bytes| bytes == b"s3cret"));
    assert_eq!(kept.expires_at(), entry(b"").expires_at());
    assert!(!format!("{shared:?}").contains("s3cret") && !format!("{shared:?}").contains(KEYS[0]));

    // What cannot be opened is neither an entry nor nothing.
    let stranger = SharedStore::encrypted(Arc::clone(&store) as Arc<_>, other);
    assert_eq!(run(stranger.get(&key)).unwrap(), Kept::Unreadable(Unreadable::UnknownKey));
    let open = SharedStore::unencrypted(Arc::clone(&store) as Arc<_>);
    assert_eq!(run(open.get(&key)).unwrap(), Kept::Unreadable(Unreadable::Encrypted));
    assert!(!run(stranger.put_new(&key, &entry(b"other"))).unwrap(), "something is there");
    assert!(run(stranger.remove(&key)).unwrap() && !run(stranger.remove(&key)).unwrap());
    assert_eq!(run(shared.get(&key)).unwrap(), Kept::Nothing);
    assert!(run(shared.put_new(&key, &entry(b"new"))).unwrap());
    assert_eq!(run(shared.get(&key)).unwrap().entry(), Some(entry(b"new")));
}

#[test]
fn what_lies_open_is_believed_only_where_that_was_chosen() {
    let store = Arc::new(MemoryStore::new(Arc::new(ManualClock::default())));
    let [keys, _] = keys();
    let key = StoreKey::digest(["one"]);
    let open = SharedStore::unencrypted(Arc::clone(&store) as Arc<_>);
    run(open.put(&key, &entry(b"s3cret"))).unwrap();
    assert_eq!(run(open.get(&key)).unwrap(), Kept::Entry(entry(b"s3cret")));
    let shared = SharedStore::encrypted(Arc::clone(&store) as Arc<_>, keys);
    assert_eq!(run(shared.get(&key)).unwrap(), Kept::Unreadable(Unreadable::NotEncrypted));
    for (bytes, why) in [(b"".as_slice(), Unreadable::Altered), (b"{}", Unreadable::UnknownVersion)] {
        run(store.put(&key, entry(bytes))).unwrap();
        assert_eq!(run(open.get(&key)).unwrap(), Kept::Unreadable(why));
        assert_eq!(run(shared.get(&key)).unwrap(), Kept::Unreadable(why));
        assert!(!why.to_string().is_empty() && !why.as_str().contains(' '));
    }
}

#[test]
fn a_store_that_is_away_is_an_error() {
    let store = Arc::new(MemoryStore::new(Arc::new(ManualClock::default())));
    let shared = SharedStore::unencrypted(Arc::clone(&store) as Arc<_>).lease(Duration::from_secs(10));
    assert_eq!(shared.given_up_after(), Duration::from_millis(100));
    assert_eq!(shared.leased_for(), Some(Duration::from_secs(10)));
    run(shared.check()).unwrap();
    store.go_away();
    assert_eq!(run(shared.check()).unwrap_err().to_string(), "token store memory: was told to fail");
    assert!(run(shared.get(&StoreKey::digest(["one"]))).is_err());
}
