//! What every store must do while its server is away, and once it is back.

use std::time::{Duration, SystemTime};

use futures_util::future::{join_all, join4};

use super::{HOUR, Trial};
use crate::{Clock, StoreError, StoreTokens, SystemClock};

/// So long after its server is back a store may still say that it is away.
const RECOVERY: Duration = Duration::from_secs(1);
/// A busy machine takes its time to get there: how fast a store is, a drill measures.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(20);
/// What a busy machine adds to the time of a store.
const GRACE: Duration = Duration::from_secs(5);

/// What every implementation of [`StoreTokens`] must do when its server goes (`go_away`: stop it,
/// freeze it, cut the network) and is back (`come_back` returns when it takes connections): every
/// request fails, within the store's own time and not later, however many there are; and soon after
/// the server is back, at most a second on a machine that is not busy, every request is answered.
///
/// `clock` is the one by which the store ends its entries, `within` the store's own time, and `pass`
/// waits; it may do nothing where the server is back at once.
///
/// # Panics
/// When the store does something else; the message tells what.
pub async fn store_outage_conformance(
    store: &dyn StoreTokens,
    clock: &dyn Clock,
    pass: impl AsyncFn(Duration),
    within: Duration,
    go_away: impl AsyncFn(),
    come_back: impl AsyncFn(),
) {
    let trial = Trial::new(store, clock);
    trial.everything_is_answered().await;
    for _ in 0..2 {
        go_away().await;
        trial.everything_fails(within + GRACE).await;
        come_back().await;
        trial.soon_it_answers(&pass).await;
        trial.everything_is_answered().await;
    }
}

#[expect(clippy::expect_used, reason = "these are assertions of tests")]
impl Trial<'_> {
    async fn everything_is_answered(&self) {
        let key = self.key("through an outage");
        self.put(&key, b"there", HOUR).await;
        assert!(!self.put_new(&key, b"new", HOUR).await, "something is there");
        self.holds(&key, b"there", "what was put is kept").await;
        assert!(self.remove(&key).await, "an entry was removed");
        assert!(self.get(&key).await.is_none(), "what was removed is gone");
        // Each connection of a pool, not only the first.
        join_all((0..16).map(async |index| {
            let key = self.key(format!("through an outage {index}"));
            self.put(&key, b"there", HOUR).await;
            assert!(self.remove(&key).await, "an entry was removed");
        }))
        .await;
    }

    async fn everything_fails(&self, within: Duration) {
        let key = self.key("in an outage");
        let in_time = async |what: &str, error: Option<StoreError>, began: SystemTime| {
            let error = error.unwrap_or_else(|| StoreError::new("", ""));
            assert!(!error.store().is_empty(), "{what}: while the server is away nothing is answered");
            let took = SystemClock.now().duration_since(began).unwrap_or_default();
            assert!(took <= within, "{what}: it fails within its time, and took {took:?}");
            assert!(!error.to_string().contains('\n'), "an error is one line: {error}");
        };
        let now = || SystemClock.now();
        let (entry, began) = (self.entry(b"lost", HOUR), now());
        let (store, same) = (self.store, entry.clone());
        let (get, put, put_new, remove) =
            join4(store.get(&key), store.put(&key, entry), store.put_new(&key, same), store.remove(&key))
                .await;
        in_time("get", get.err(), began).await;
        in_time("put", put.err(), began).await;
        in_time("put_new", put_new.err(), began).await;
        in_time("remove", remove.err(), began).await;
        let began = now();
        for answer in join_all((0..64).map(|_| self.store.get(&key))).await {
            in_time("one of many", answer.err(), began).await;
        }
    }

    async fn soon_it_answers(&self, pass: impl AsyncFn(Duration)) {
        let (key, began) = (self.key("after an outage"), SystemClock.now());
        let since = || SystemClock.now().duration_since(began).unwrap_or_default();
        let mut answer = self.store.get(&key).await;
        while answer.is_err() && since() <= PATIENCE {
            pass(LOOK).await;
            answer = self.store.get(&key).await;
        }
        answer.expect("once its server is back a store answers");
        pass(RECOVERY.saturating_sub(since())).await;
    }
}
