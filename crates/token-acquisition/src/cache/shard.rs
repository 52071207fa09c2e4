//! A part of the map, with a part of the budget: what it costs to make room in it does not grow with
//! the whole.
//!
//! Where a part is over its share, a write walks over it once: what has ended goes, and of the rest
//! the longest unused tenth. That is exact within the part, and nearly so on the whole, since keys
//! are spread evenly. A walk over all that is kept, once for many writes, would stall one of them for
//! as long as it takes; a list in the order of use would be written by every hit.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use foldhash::fast::RandomState;
use papaya::{Compute, Guard, HashMap, Operation, ResizeMode};
use seize::Collector;

use super::{
    Age, Entry,
    kept::Kept,
    slot::{Slot, Sought},
    window::instant,
};

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) tokens: HashMap<Slot, Kept, RandomState>,
    bytes: AtomicUsize,
    /// When ended tokens were looked for; whoever holds it, sweeps.
    swept_at: Mutex<u32>,
}

/// How often, at most, a write looks for tokens that ended.
const SWEEP_EVERY: u32 = 300;

/// Why a token left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    AtItsEnd,
    ForRoom,
}

impl Shard {
    pub(super) fn new(collector: &Arc<Collector>) -> Self {
        Self {
            // A write finishes what it begins: a table that is half moved makes every read look twice.
            tokens: HashMap::builder()
                .hasher(RandomState::default())
                .resize_mode(ResizeMode::Blocking)
                .shared_collector(Arc::clone(collector))
                .build(),
            bytes: AtomicUsize::new(0),
            swept_at: Mutex::new(0),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn put(&self, slot: Slot, kept: Kept) {
        // Before it can be taken out again: the sum is never less than nothing.
        self.bytes.fetch_add(kept.size(), Ordering::Relaxed);
        let guard = self.tokens.guard();
        if let Some(old) = self.tokens.insert(slot, kept, &guard) {
            self.let_go(old);
            // Else it would wait for others that go, with all that it holds.
            guard.flush();
        }
    }

    /// Says whether there was anything.
    pub(super) fn remove(&self, key: &Sought<'_>) -> bool {
        let guard = self.tokens.guard();
        let removed = self.tokens.remove(key, &guard);
        let was_there = removed.inspect(|kept| self.let_go(kept)).is_some();
        guard.flush();
        was_there
    }

    /// The entry, woken if it is at rest.
    pub(super) fn wake(&self, key: &Sought<'_>) -> Option<Arc<Entry>> {
        let guard = self.tokens.guard();
        let (slot, kept) = self.tokens.get_key_value(key, &guard)?;
        let resting = match kept {
            Kept::Awake(entry) => return Some(Arc::clone(entry)),
            Kept::Resting(resting) => resting,
        };
        let entry = Arc::new(resting.wake());
        let wake = |now: Option<(&Slot, &Kept)>| match now {
            Some((_, Kept::Resting(now))) if std::ptr::eq(now, resting) => {
                Operation::Insert(Kept::Awake(Arc::clone(&entry)))
            }
            Some((_, Kept::Awake(other))) => Operation::Abort(Some(Arc::clone(other))),
            // A newer one, or none, is there by now: this one is as good as a moment ago.
            _ => Operation::Abort(None),
        };
        match self.tokens.compute(slot.clone(), wake, &guard) {
            Compute::Updated { old: (_, old), new: (_, new) } => {
                self.bytes.fetch_add(new.size(), Ordering::Relaxed);
                self.bytes.fetch_sub(old.size(), Ordering::Relaxed);
                // As in `put`: the one at rest holds its token, and the certificate of that.
                guard.flush();
                Some(entry)
            }
            Compute::Aborted(Some(other)) => Some(other),
            _ => {
                entry.replace();
                Some(entry)
            }
        }
    }

    /// Keeps what is to be kept.
    pub(super) fn retain(&self, mut keep: impl FnMut(&Slot, &Kept) -> bool) {
        let guard = self.tokens.guard();
        let all = |slot: &Slot, kept: &Kept| {
            let keep = keep(slot, kept);
            if !keep {
                self.let_go(kept);
            }
            keep
        };
        self.tokens.retain(all, &guard);
        guard.flush();
    }

    fn let_go(&self, kept: &Kept) {
        kept.replace();
        self.bytes.fetch_sub(kept.size(), Ordering::Relaxed);
    }

    /// Lets ended tokens go now and then, and the longest unused ones when the share is spent. Tells
    /// of each that left.
    pub(super) fn tidy(&self, now: u32, share: usize, mut left: impl FnMut(&Slot, Left)) {
        // One writer sweeps; the others go on.
        let Ok(mut swept_at) = self.swept_at.try_lock() else { return };
        let is_due = now.saturating_sub(*swept_at) >= SWEEP_EVERY;
        if !is_due && self.bytes() <= share {
            return;
        }
        *swept_at = now;
        let at = instant(now);
        let mut ages = Vec::with_capacity(self.tokens.len());
        self.retain(|slot, kept| {
            let keep = kept.age(at) != Age::Ended;
            if keep {
                ages.push((kept.used_at(), kept.size()));
            } else {
                left(slot, Left::AtItsEnd);
            }
            keep
        });
        if self.bytes() <= share {
            return;
        }
        ages.sort_unstable_by_key(|(used_at, _)| *used_at);
        let mut too_much = self.bytes().saturating_sub(share / 10 * 9);
        let mut freed = 0;
        let last = ages.iter().find_map(|(used_at, size)| {
            freed += size;
            (freed >= too_much).then_some(*used_at)
        });
        let oldest = last.unwrap_or((u32::MAX, true));
        self.retain(|slot, kept| {
            let keep = too_much == 0 || kept.used_at() > oldest;
            if !keep {
                too_much = too_much.saturating_sub(kept.size());
                left(slot, Left::ForRoom);
            }
            keep
        });
    }
}
