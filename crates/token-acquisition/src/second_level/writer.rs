//! Writes what waits: one task, while there is something. It keeps on while the store is away.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use entra_abstractions::{StoreError, StoreKey};
use tokio::{runtime::Handle, task::JoinSet, time::timeout};

use super::{
    SecondLevel, Side, Wrote, no_answer,
    queue::{Rank, Waiting, Write},
};
use crate::telemetry;

/// How many writes are on their way at once, each of another key.
const AT_ONCE: usize = 16;

/// How long one may take. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait after nothing could be written; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// After a failure one write finds out whether the store takes any. Each so many tries it is a few,
/// because that one may be the reason itself.
const PROBES: u32 = 4;

/// An entry that fails so often while others are kept is the reason itself: it may be too large.
const MOST_TRIES: u32 = 3;

impl SecondLevel {
    pub(super) fn write(self: &Arc<Self>, key: StoreKey, write: Write, rank: Rank) {
        let pushed = self.queue.push(key, write, rank);
        self.have_dropped(pushed.dropped);
        if pushed.needs_writer {
            self.begin_to_write();
        }
    }

    /// Goes on with what a runtime left that is gone.
    pub(super) fn write_on(self: &Arc<Self>) {
        if self.queue.needs_writer() {
            self.begin_to_write();
        }
    }

    fn begin_to_write(self: &Arc<Self>) {
        let writer = Writer { level: Arc::clone(self), is_done: false };
        // Tokens are fetched on a runtime; elsewhere nothing comes to be written.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(writer.go_on());
        }
    }

    fn have_dropped(&self, how_many: u64) {
        if how_many == 0 {
            return;
        }
        self.counts.dropped.fetch_add(how_many, Ordering::Relaxed);
        if !self.has_told_dropped.swap(true, Ordering::Relaxed) {
            telemetry::store_writes_are_dropped(self.queue.len());
        }
    }

    fn cannot_write(&self, error: &StoreError) {
        if !self.writes_fail.swap(true, Ordering::Relaxed) {
            self.counts.away.count(Side::Writes);
            telemetry::store_is_away(Side::Writes, error);
        }
    }

    fn can_write(&self) {
        if self.writes_fail.swap(false, Ordering::Relaxed) {
            self.counts.back.count(Side::Writes);
            // What is dropped from now on is of another outage, and told anew.
            self.has_told_dropped.store(false, Ordering::Relaxed);
            telemetry::store_is_back(Side::Writes);
        }
    }
}

struct Writer {
    level: Arc<SecondLevel>,
    is_done: bool,
}

impl Writer {
    async fn go_on(mut self) {
        let (mut wait, mut failures) = (FIRST_WAIT, 0_u32);
        loop {
            let how_many = if failures.is_multiple_of(PROBES) { AT_ONCE } else { 1 };
            let Some(batch) = self.level.queue.take(how_many, self.level.now()) else { break };
            if self.write(batch).await {
                (wait, failures) = (FIRST_WAIT, 0);
            } else {
                // Whoever sees the store again spares the rest of the wait.
                drop(timeout(wait, self.level.is_back.notified()).await);
                wait = (wait * 2).min(LONGEST_WAIT);
                failures = failures.wrapping_add(1);
            }
        }
        self.is_done = true;
    }

    /// Writes these, and says whether any could be written.
    async fn write(&self, batch: Vec<(StoreKey, Waiting)>) -> bool {
        let mut writes = JoinSet::new();
        for (key, waiting) in batch {
            let level = Arc::clone(&self.level);
            writes.spawn(async move {
                let result = level.write_one(&key, &waiting.write).await;
                (key, waiting, result)
            });
        }
        let mut failed = Vec::new();
        let mut any = false;
        let level = &self.level;
        while let Some(written) = writes.join_next().await {
            // Only a store that panics ends in an error, and it is not asked the same again.
            match written {
                Ok((key, _, Ok(wrote))) => {
                    level.counts.writes.count(wrote);
                    level.queue.done(&key);
                    any = true;
                }
                Ok((key, waiting, Err(error))) => failed.push((key, waiting, error)),
                Err(_panicked) => {}
            }
        }
        if any {
            level.can_write();
        }
        for (key, waiting, error) in failed {
            level.counts.writes.count(Wrote::Failed);
            if any && waiting.tries >= MOST_TRIES {
                level.queue.done(&key);
                level.have_dropped(1);
                continue;
            }
            if !any {
                level.cannot_write(&error);
            }
            level.have_dropped(level.queue.give_back(key, waiting));
        }
        level.queue.empty_hands();
        any
    }
}

impl SecondLevel {
    async fn write_one(&self, key: &StoreKey, write: &Write) -> Result<Wrote, StoreError> {
        let writing = async {
            match write {
                Write::Put(entry) => self.store.put(key, entry).await.map(|()| Wrote::Kept),
                Write::Remove { .. } => self.store.remove(key).await.map(|_was_there| Wrote::Removed),
            }
        };
        timeout(PATIENCE, writing).await.unwrap_or_else(|_elapsed| Err(no_answer("shared", PATIENCE)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_done {
            self.level.queue.is_left_alone();
        }
    }
}
