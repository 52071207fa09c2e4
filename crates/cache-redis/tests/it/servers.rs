//! The store against real servers of this test's own.

mod away;
mod conformance;
mod credential;
mod dotnet;
mod refusals;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use entra_abstractions::{StoreError, StoreKey, StoreTokens, StoredEntry};
use entra_cache_redis::RedisStore;

fn store(connection: impl Into<String>) -> RedisStore {
    RedisStore::builder(connection).instance_name("it:").build().unwrap()
}

fn key(name: &str) -> StoreKey {
    StoreKey::digest(["it", name])
}

fn entry(bytes: &[u8]) -> StoredEntry {
    StoredEntry::new(bytes, now() + Duration::from_secs(3_600))
}

#[expect(clippy::disallowed_methods, reason = "a real server keeps the time that passes")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[expect(clippy::disallowed_methods, reason = "what is measured is the time that passes")]
fn watch() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a real server needs real time")]
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Asks until it is answered, and tells how long that took and what was said before.
async fn until_answered(store: &RedisStore, key: &StoreKey, within: Duration) -> (Duration, Vec<StoreError>) {
    let (start, mut errors) = (watch(), Vec::new());
    loop {
        match store.put(key, entry(b"s3cret?%G&=")).await {
            Ok(()) => return (start.elapsed(), errors),
            Err(error) => errors.push(error),
        }
        assert!(start.elapsed() < within, "it does not come back: {:?}", errors.last());
        pass(Duration::from_millis(20)).await;
    }
}

/// Work that goes on in a thread of its own, so that waiting for it holds up nobody.
async fn apart<T: Send + 'static, S: Send + Sync + 'static>(
    server: &Arc<S>,
    act: impl FnOnce(&S) -> T + Send + 'static,
) -> T {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || act(&server)).await.unwrap()
}
