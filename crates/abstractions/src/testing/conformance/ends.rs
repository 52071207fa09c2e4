//! Entries end at their time, by the store's clock, whatever the clocks of those who write say.

use std::time::{Duration, SystemTime};

use super::{HOUR, Trial};
use crate::{StoreKey, StoredEntry};

/// How long an entry lives that ends within the trial.
const SHORT: Duration = Duration::from_secs(2);
/// Less than that, so that it is still there.
pub(super) const PASSES_BEFORE: Duration = Duration::from_millis(1_200);
/// Together with that longer than it lives, and than the second that a store may be late.
pub(super) const PASSES: Duration = Duration::from_secs(2);

const MINUTES: Duration = Duration::from_secs(300);

/// What was put to end.
pub(super) struct Ending {
    /// Before this none of it ends.
    until: SystemTime,
    short: StoreKey,
    prolonged: StoreKey,
    new: StoreKey,
}

#[expect(clippy::expect_used, reason = "these are assertions of tests")]
impl Trial<'_> {
    pub(super) async fn put_what_ends(&self) -> Ending {
        let ending = Ending {
            until: self.clock.now() + SHORT,
            short: self.key("short"),
            prolonged: self.key("prolonged"),
            new: self.key("new"),
        };
        self.put(&ending.prolonged, b"short", SHORT).await;
        self.put(&ending.prolonged, b"long", HOUR).await;
        assert!(self.put_new(&ending.new, b"short", SHORT).await, "nothing was there");
        self.put(&ending.short, b"short", SHORT).await;
        self.holds(&ending.short, b"short", "an entry is kept until its time").await;
        ending
    }

    /// A store may be late, and never early.
    pub(super) async fn what_has_not_ended_is_there(&self, Ending { until, short, new, .. }: &Ending) {
        for key in [short, new] {
            let is_there = self.get(key).await.is_some();
            // On a machine that is busy its time may be over by now.
            assert!(is_there || self.clock.now() >= *until, "an entry is kept until its time");
        }
    }

    pub(super) async fn what_has_ended_is_gone(&self, Ending { short, prolonged, new, .. }: Ending) {
        assert!(self.get(&short).await.is_none(), "an entry whose time has passed is gone");
        assert!(!self.remove(&short).await, "what has ended is not there to be removed");
        self.holds(&prolonged, b"long", "a later put gives a later time").await;
        assert!(self.get(&new).await.is_none(), "what was new has ended, too");
        // It may lie there still, where only reading passes it by.
        self.exactly_one_is_new(&new).await;
        for key in [prolonged, new] {
            assert!(self.remove(&key).await, "an entry was removed");
        }
    }

    /// Who writes may be minutes behind the store, or ahead, or name a time that no calendar has.
    pub(super) async fn a_clock_may_be_off(&self) {
        let now = self.clock.now();
        let ended = [
            now,
            now - Duration::from_millis(1),
            now - MINUTES,
            SystemTime::UNIX_EPOCH + Duration::from_millis(1),
            SystemTime::UNIX_EPOCH,
            SystemTime::UNIX_EPOCH - HOUR,
        ];
        let key = self.key("ended");
        for end in ended {
            self.put(&key, b"before", HOUR).await;
            let entry = StoredEntry::new(*b"ended", end);
            self.store.put(&key, entry.clone()).await.expect("what has ended is no error");
            assert!(
                self.get(&key).await.is_none(),
                "what has ended when it is put is not there, nor what was before"
            );
            self.store.put_new(&key, entry).await.expect("what has ended is no error");
            assert!(self.get(&key).await.is_none(), "what has ended when it is put is not there");
            assert!(self.put_new(&key, b"new", HOUR).await, "what has ended stands in nobody's way");
            assert!(self.remove(&key).await, "an entry was removed");
        }

        let key = self.key("far");
        let years = |years: u64| Duration::from_secs(years * 31_556_952);
        for end in [now + MINUTES, now + years(1), now + years(70), now + years(7_000)] {
            let entry = StoredEntry::new(*b"far", end);
            self.store.put(&key, entry).await.expect("what ends late is no error");
            self.holds(&key, b"far", "what ends late is kept").await;
            assert!(self.remove(&key).await, "an entry was removed");
        }
    }
}
