//! One instance fetches what none has, the others wait for what it stores. It spares requests and
//! guarantees nothing: whatever goes wrong with it, an instance fetches for itself.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{AccessToken, StoreKey, StoredEntry};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Leased, SecondLevel,
    find::{Look, Sight},
};
use crate::telemetry;

/// That this instance fetches. It ends when it is dropped; where that cannot be, with its time.
#[derive(Debug)]
pub(super) struct Lease {
    level: Arc<SecondLevel>,
    at: StoreKey,
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
    telemetry::leased(&look.key(), leased, began.elapsed());
    turn
}

async fn wait(look: &Look<'_>, lasts: Duration, until: Instant) -> (Leased, Turn) {
    let level = look.level;
    let at = StoreKey::digest([b"lease 1".as_slice(), look.at.as_bytes()]);
    let mut pause = FIRST_WAIT;
    loop {
        let entry = StoredEntry::new(*b"lease", level.now() + lasts);
        let patience = level.patience();
        let is_mine = match timeout(patience, level.store.put_new(&at, &entry)).await {
            Ok(Ok(is_mine)) => is_mine,
            Ok(Err(error)) => {
                level.has_failed(&error);
                return (Leased::Failed, Turn::Without);
            }
            Err(_elapsed) => {
                level.has_failed(&super::no_answer("shared", patience));
                return (Leased::Failed, Turn::Without);
            }
        };
        let lease = is_mine.then(|| Lease { level: Arc::clone(level), at });
        // Also where the lease was had: whoever had it before has stored the token by now.
        match look.once().await {
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
        self.level.forget(self.at);
    }
}
