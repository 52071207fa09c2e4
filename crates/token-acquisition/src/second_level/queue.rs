//! What is to be written, until it is: bounded, and for each key the newest only. Pure: no task, no
//! clock, no store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use entra_abstractions::{StoreKey, StoredEntry};
use tokio::sync::watch;

/// What is done under a key.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Put(StoredEntry),
    /// What would be removed has ended by then.
    Remove {
        until: SystemTime,
    },
}

/// What must go first where there is no room: tokens that can be fetched again, never what nobody can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// Refresh tokens of sign-ins, and removals.
    Kept,
    /// Can be fetched again.
    Fetchable,
}

/// A write in its place.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) write: Arc<Write>,
    pub(super) rank: Rank,
    pub(super) tries: u32,
    number: u64,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    most: usize,
    most_bytes: usize,
    length: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<StoreKey, Waiting>,
    kept: BTreeMap<u64, StoreKey>,
    fetchable: BTreeMap<u64, StoreKey>,
    /// What is being written at this moment.
    in_hand: HashMap<StoreKey, Waiting>,
    bytes: usize,
    last_number: u64,
    has_writer: bool,
}

/// What came of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pushed {
    /// How many others had to go.
    pub(super) dropped: u64,
    /// Whether nobody writes, so that it is up to the caller to begin.
    pub(super) needs_writer: bool,
}

/// Some minutes of an outage for a busy instance, and little memory.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What a write takes beside its bytes, about.
const OVERHEAD: usize = 256;

impl Write {
    fn size(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Put(entry) => entry.bytes().len(),
                Self::Remove { .. } => 0,
            }
    }

    fn ends_at(&self) -> SystemTime {
        match self {
            Self::Put(entry) => entry.expires_at(),
            Self::Remove { until } => *until,
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::bounded(MOST, MOST_BYTES)
    }
}

impl Queue {
    fn bounded(most: usize, most_bytes: usize) -> Self {
        Self { state: Mutex::default(), most, most_bytes, length: watch::Sender::new(0) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        self.length.send_replace(state.waiting.len() + state.in_hand.len());
        result
    }

    /// Puts a write in its place; it replaces an older one of its key.
    pub(super) fn push(&self, key: StoreKey, write: Write, rank: Rank) -> Pushed {
        self.with(|state| {
            drop(state.take(&key));
            state.last_number += 1;
            let number = state.last_number;
            state.insert(key, Waiting { write: Arc::new(write), rank, tries: 0, number });
            let dropped = state.make_room(self.most, self.most_bytes);
            let needs_writer = !std::mem::replace(&mut state.has_writer, true);
            Pushed { dropped, needs_writer }
        })
    }

    /// The next few, each of another key; nothing where all is written, and then the writer is done.
    pub(super) fn take(&self, how_many: usize, now: SystemTime) -> Option<Vec<(StoreKey, Waiting)>> {
        self.with(|state| {
            let mut batch = Vec::new();
            while batch.len() < how_many {
                let Some(key) = state.first() else { break };
                // What has ended is of no use to anybody.
                if let Some(waiting) = state.take(&key).filter(|waiting| waiting.write.ends_at() > now) {
                    state.in_hand.insert(key, waiting.clone());
                    batch.push((key, waiting));
                }
            }
            state.has_writer = !batch.is_empty();
            (!batch.is_empty()).then_some(batch)
        })
    }

    /// It is written, or never will be.
    pub(super) fn done(&self, key: &StoreKey) {
        self.with(|state| state.in_hand.remove(key));
    }

    /// It could not be written: back to its place, unless a newer one stands there by now. Says how
    /// many had to go.
    pub(super) fn give_back(&self, key: StoreKey, waiting: Waiting) -> u64 {
        self.with(|state| {
            state.in_hand.remove(&key);
            if !state.waiting.contains_key(&key) {
                state.insert(key, Waiting { tries: waiting.tries.saturating_add(1), ..waiting });
            }
            state.make_room(self.most, self.most_bytes)
        })
    }

    /// Nothing is being written any more.
    pub(super) fn empty_hands(&self) {
        self.with(|state| state.in_hand.clear());
    }

    /// Whether something waits and nobody writes, so that it is up to the caller to begin.
    pub(super) fn needs_writer(&self) -> bool {
        self.with(|state| {
            let needs = !state.has_writer && !state.waiting.is_empty();
            state.has_writer |= needs;
            needs
        })
    }

    /// The writer is gone in the midst of its work, as when its runtime ends. What it had in hand may be
    /// written or not, so it is written again.
    pub(super) fn is_left_alone(&self) {
        self.with(|state| {
            state.has_writer = false;
            for (key, waiting) in std::mem::take(&mut state.in_hand) {
                if !state.waiting.contains_key(&key) {
                    state.insert(key, waiting);
                }
            }
        });
    }

    /// Whether something of this key is not written yet.
    pub(super) fn holds(&self, key: &StoreKey) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.contains_key(key) || state.in_hand.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        *self.length.borrow()
    }

    pub(super) fn bytes(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Waits until nothing of this key is to be written.
    pub(super) async fn has_written(&self, key: &StoreKey) {
        let mut changes = self.length.subscribe();
        // The sender lives as long as `self`, so the wait cannot fail.
        while self.holds(key) && changes.changed().await.is_ok() {}
    }

    /// Waits until all is written.
    pub(super) async fn is_drained(&self) {
        let mut length = self.length.subscribe();
        drop(length.wait_for(|length| *length == 0).await);
    }
}

impl State {
    fn insert(&mut self, key: StoreKey, waiting: Waiting) {
        self.bytes += waiting.write.size();
        self.row(waiting.rank).insert(waiting.number, key);
        self.waiting.insert(key, waiting);
    }

    fn take(&mut self, key: &StoreKey) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.row(waiting.rank).remove(&waiting.number);
        self.bytes -= waiting.write.size();
        Some(waiting)
    }

    fn row(&mut self, rank: Rank) -> &mut BTreeMap<u64, StoreKey> {
        match rank {
            Rank::Kept => &mut self.kept,
            Rank::Fetchable => &mut self.fetchable,
        }
    }

    fn first(&self) -> Option<StoreKey> {
        self.kept.values().next().or_else(|| self.fetchable.values().next()).copied()
    }

    /// The oldest go that can be fetched again; of the others, only where there are no such.
    fn make_room(&mut self, most: usize, most_bytes: usize) -> u64 {
        let mut dropped = 0;
        while self.waiting.len() > most || self.bytes > most_bytes {
            let oldest = self.fetchable.values().next().or_else(|| self.kept.values().next()).copied();
            let Some(key) = oldest else { break };
            drop(self.take(&key));
            dropped += 1;
        }
        dropped
    }
}

#[cfg(test)]
mod tests;
