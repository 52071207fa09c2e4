//! Takes away rows that have ended: now and then, in small batches, by one instance at a time.
//!
//! Nothing watches a clock. A write that finds the cleaning due starts it, in a task that ends with
//! it. Who cleans is settled by an entry in the table itself, which the first one puts; so a whole
//! fleet cleans once in a while, and whoever dies over it is followed by another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use entra_abstractions::{StoreKey, StoredEntry};
use tokio::time::Instant;

use crate::{
    dialect::Dialect,
    pause::pause,
    pool::Pool,
    question::{Write, time},
};

/// When this instance looks after rows that have ended.
#[derive(Debug)]
pub(crate) struct Cleaning {
    interval: Duration,
    /// Milliseconds since 1970; zero before the first write.
    due_at: AtomicI64,
    /// Between 0 and 1: instances that start together do not clean together.
    jitter: f64,
}

/// What has ended only since is left: an instance whose clock is fast by less takes nothing away
/// that is of use to the others.
const GRACE: Duration = Duration::from_mins(15);

/// Which part of all instances looks after ended rows at its first write.
const AT_ONCE: f64 = 1.0 / 16.0;

/// How long after one cleaning the lack of room begins the next one.
const AGAIN: Duration = Duration::from_mins(1);

impl Cleaning {
    pub(crate) fn new(interval: Duration) -> Self {
        // A new key for each map is all the chance that this needs.
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        let jitter = f64::from(u16::try_from(random & 0xffff).unwrap_or_default()) / 65_536.0;
        Self { interval, due_at: AtomicI64::new(0), jitter }
    }

    /// Starts the cleaning in a task of its own, where it is time for it.
    pub(crate) fn begin_if_due<D: Dialect>(&self, pool: &Arc<Pool<D>>, now: i64) {
        let due_at = self.due_at.load(Ordering::Relaxed);
        if now < due_at {
            return;
        }
        // The first one comes within the first half of an interval, every other one a whole
        // interval later, or a little less. Of programs that end before that some begin at once.
        let is_first = due_at == 0;
        let part = if is_first { self.jitter * 0.5 } else { 1.0 - self.jitter * 0.1 };
        let begins = !is_first || self.jitter < AT_ONCE;
        if self.is_ours(due_at, now, self.interval.mul_f64(part)) && begins {
            tokio::spawn(clean_in_turn(Arc::clone(pool), now, self.interval));
        }
    }

    /// Starts it where a write found no room: at once, whoever cleaned last, but not all the time.
    pub(crate) fn begin_for_room<D: Dialect>(&self, pool: &Arc<Pool<D>>, now: i64) {
        let due_at = self.due_at.load(Ordering::Relaxed);
        let began_at = due_at.saturating_sub(span(self.interval));
        let pause = AGAIN.min(self.interval);
        if now >= began_at.saturating_add(span(pause)) && self.is_ours(due_at, now, self.interval) {
            tokio::spawn(clean(Arc::clone(pool), now));
        }
    }

    /// Whether no other task of this instance was faster.
    fn is_ours(&self, due_at: i64, now: i64, pause: Duration) -> bool {
        let next = now.saturating_add(span(pause).max(1));
        self.due_at.compare_exchange(due_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Cleans, unless another instance did not long ago.
async fn clean_in_turn<D: Dialect>(pool: Arc<Pool<D>>, now: i64, interval: Duration) {
    let key = StoreKey::digest(["entra-cache-sql", "cleaning"]);
    // Shorter than the interval, so that whoever cleaned last may be the next one.
    let entry = StoredEntry::new(Vec::new(), time(now) + interval.mul_f64(0.8));
    if matches!(pool.ask(Write::PutNew { key, entry, now }).await, Ok(1..)) {
        clean(pool, now).await;
    }
}

/// Cleans until a batch is not full. Any failure ends it: the next time comes. It is told, since nobody
/// else notices before the disk is full.
async fn clean<D: Dialect>(pool: Arc<Pool<D>>, now: i64) {
    let before = now.saturating_sub(span(GRACE));
    loop {
        let began = Instant::now();
        match pool.ask(Write::Clean { before }).await {
            Ok(deleted) if deleted >= D::BATCH => {}
            Ok(_) => return,
            Err(failure) => {
                let store = pool.dialect().name();
                tracing::warn!(store, what = %failure, "rows that have ended were not taken away; the next time is tried again");
                return;
            }
        }
        // Works for half of the time, so that there is room for others.
        pause(began.elapsed()).await;
    }
}

fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
