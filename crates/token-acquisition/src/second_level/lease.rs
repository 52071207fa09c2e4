//! One instance fetches what none has, the others wait for what it stores. It spares requests and
//! guarantees nothing: whatever goes wrong with it, an instance fetches for itself.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, StoreKey, StoredEntry};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Leased, Rank, SecondLevel, Write,
    find::{Look, Sight},
};
use crate::telemetry;

/// That this instance fetches. It ends when it is dropped; where that cannot be, with its time.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) level: Arc<SecondLevel>,
    pub(super) at: StoreKey,
    pub(super) ends_at: SystemTime,
}

/// What came of waiting for one's turn.
#[derive(Debug)]
pub(super) enum Turn {
    /// Another instance fetched it.
    Token(AccessToken),
    /// This one fetches, for all.
    Mine(Lease),
    /// This one fetches for itself.
    Without,
}

/// How long to wait before the next look; it grows up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Waits until there is a token or a lease: no longer than a lease lasts, and than leaves time to
/// fetch without.
pub(super) async fn wait_for_turn(look: &Look<'_>) -> Turn {
    let Some(lasts) = look.level.store.leased_for() else { return Turn::Without };
    let began = Instant::now();
    let (leased, turn) = wait(look, lasts, began + lasts.min(look.deadline() / 2)).await;
    look.level.counts.leases.count(leased);
    telemetry::leased(look.key(), leased, began.elapsed());
    turn
}

async fn wait(look: &Look<'_>, lasts: Duration, until: Instant) -> (Leased, Turn) {
    let level = look.level;
    let at = StoreKey::digest([b"lease 1".as_slice(), look.at.as_bytes()]);
    let mut pause = FIRST_WAIT;
    loop {
        // It is a write: a store that takes none is not waited for, and that it takes none is no reason
        // not to read it.
        if level.writes_fail.load(Ordering::Relaxed) {
            return (Leased::Failed, Turn::Without);
        }
        let ends_at = level.now() + lasts;
        let entry = StoredEntry::new(*b"lease", ends_at);
        let taking = AssertUnwindSafe(level.store.put_new(&at, &entry)).catch_unwind();
        let Ok(Ok(Ok(is_mine))) = timeout(level.patience(), taking).await else {
            return (Leased::Failed, Turn::Without);
        };
        let lease = is_mine.then(|| Lease { level: Arc::clone(level), at, ends_at });
        // Also where the lease was had: whoever had it before has stored the token by now.
        match look.once(Instant::now()).await {
            Sight::Token(token) => return (Leased::Answered, Turn::Token(token)),
            Sight::Unknown => return (Leased::Failed, Turn::Without),
            Sight::Last(_) | Sight::Unfit | Sight::Nothing => {}
        }
        if let Some(lease) = lease {
            return (Leased::Taken, Turn::Mine(lease));
        }
        let next = Instant::now() + pause;
        if next >= until {
            return (Leased::InVain, Turn::Without);
        }
        sleep_until(next).await;
        pause = (pause * 2).min(LONGEST_WAIT);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Where that has to wait until after its end, it may be another's by then.
        self.level.write(self.at, Write::Remove { until: self.ends_at }, Rank::Kept);
    }
}
