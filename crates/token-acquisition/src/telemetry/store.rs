//! What is told of the store that instances share.

use std::time::Duration;

use entra_abstractions::{StoreError, StoreKey};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{TARGET, is_detailed};
use crate::{
    cache::KeyRef,
    second_level::{Leased, Looked, Side, Word},
};

/// The store was asked for a token, or would have been.
#[inline]
pub(crate) fn store_was_asked(key: &KeyRef<'_>, looked: Looked, began: Instant) {
    if is_detailed() {
        tell_store_was_asked(key, looked, began);
    }
}

#[cold]
fn tell_store_was_asked(key: &KeyRef<'_>, looked: Looked, began: Instant) {
    debug!(
        name: "store.asked",
        target: TARGET,
        key = %key.digest(),
        found = looked.as_str(),
        took_ms = millis(began.elapsed()),
        "the shared store was asked for a token"
    );
}

/// The store is taken for away from now on: once for each time.
pub(crate) fn store_is_away(side: Side, error: &StoreError) {
    macro_rules! tell {
        ($text:literal) => {
            warn!(name: "store.away", target: TARGET, side = side.as_str(), %error, $text)
        };
    }
    match side {
        Side::Reads => {
            tell!("the shared store fails, so it is not waited for; tokens come from memory and from Entra");
        }
        Side::Writes => tell!("the shared store takes nothing; what is to be written waits"),
    }
}

/// The store answers again.
pub(crate) fn store_is_back(side: Side) {
    info!(name: "store.back", target: TARGET, side = side.as_str(), "the shared store is back");
}

/// Something in the store is of no use here.
pub(crate) fn store_is_unreadable(key: &StoreKey, what: &str) {
    warn!(
        name: "store.unreadable",
        target: TARGET,
        key = ?key,
        what,
        "what the shared store has under a key cannot be read; it counts as nothing, and is told once"
    );
}

/// There is no room for what could not be written.
pub(crate) fn store_writes_are_dropped(waiting: usize) {
    warn!(
        name: "store.dropped",
        target: TARGET,
        waiting,
        "too much waits to be written to the shared store: the oldest goes, and other instances fetch it themselves"
    );
}

/// What came of the wish to fetch for all instances.
pub(crate) fn leased(key: &KeyRef<'_>, leased: Leased, took: Duration) {
    debug!(
        name: "store.leased",
        target: TARGET,
        key = %key.digest(),
        outcome = leased.as_str(),
        took_ms = millis(took),
        "one instance fetches for all"
    );
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
