//! A part of the map, with a part of the budget: what it costs to make room in it does not grow with
//! the whole.
//!
//! Where a part is over its share, a write walks over it once: what has ended goes, and of the rest
//! the longest unused tenth. That is exact within the part, and nearly so on the whole, since keys
//! are spread evenly. A walk over all that is kept, once for many writes, would stall one of them for
//! as long as it takes; a list in the order of use would be written by every hit.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
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
    /// Whoever holds it, makes room.
    making_room: Mutex<()>,
}

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
            making_room: Mutex::default(),
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
        // As in `put`: counted before it is there.
        let size = Kept::Awake(Arc::clone(&entry)).size();
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let wake = |now: Option<(&Slot, &Kept)>| match now {
            Some((_, Kept::Resting(now))) if std::ptr::eq(now, resting) => {
                Operation::Insert(Kept::Awake(Arc::clone(&entry)))
            }
            Some((_, Kept::Awake(other))) => Operation::Abort(Some(Arc::clone(other))),
            // A newer one, or none, is there by now: this one is as good as a moment ago.
            _ => Operation::Abort(None),
        };
        let woken = self.tokens.compute(slot.clone(), wake, &guard);
        if let Compute::Updated { old: (_, old), .. } = woken {
            self.bytes.fetch_sub(old.size(), Ordering::Relaxed);
            // As in `put`: the one at rest holds its token, and the certificate of that.
            guard.flush();
            return Some(entry);
        }
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        if let Compute::Aborted(Some(other)) = woken {
            return Some(other);
        }
        entry.replace();
        Some(entry)
    }

    /// Keeps what is to be kept, and tells of each that left.
    pub(super) fn retain(
        &self,
        mut keep: impl FnMut(&Slot, &Kept) -> bool,
        mut left: impl FnMut(&Slot, &Kept),
    ) {
        let guard = self.tokens.guard();
        for (slot, kept) in self.tokens.iter(&guard) {
            if keep(slot, kept) {
                continue;
            }
            // Another may replace it or take it out in the same moment: who takes it out counts it.
            let taken = self.tokens.remove_if(slot, |slot, now| !keep(slot, now), &guard);
            if let Ok(Some((slot, kept))) = taken {
                self.let_go(kept);
                left(slot, kept);
            }
        }
        guard.flush();
    }

    fn let_go(&self, kept: &Kept) {
        kept.replace();
        self.bytes.fetch_sub(kept.size(), Ordering::Relaxed);
    }

    /// Lets ended tokens go.
    pub(super) fn sweep(&self, now: u32, mut left: impl FnMut(&Slot, Left)) {
        let at = instant(now);
        self.retain(|_, kept| kept.age(at) != Age::Ended, |slot, _| left(slot, Left::AtItsEnd));
    }

    /// Where the share is spent, lets go what has ended, and of the rest the longest unused.
    pub(super) fn make_room(&self, now: u32, share: usize, mut left: impl FnMut(&Slot, Left)) {
        if self.bytes() <= share {
            return;
        }
        // One writer makes room; the others go on.
        let Ok(_making_room) = self.making_room.try_lock() else { return };
        self.sweep(now, &mut left);
        if self.bytes() <= share {
            return;
        }
        let mut ages: Vec<_> =
            self.tokens.pin().iter().map(|(_, kept)| (kept.used_at(), kept.size())).collect();
        ages.sort_unstable_by_key(|(used_at, _)| *used_at);
        let too_much = Cell::new(self.bytes().saturating_sub(share / 10 * 9));
        let mut freed = 0;
        let last = ages.iter().find_map(|(used_at, size)| {
            freed += size;
            (freed >= too_much.get()).then_some(*used_at)
        });
        let oldest = last.unwrap_or((u32::MAX, true));
        self.retain(
            |_, kept| too_much.get() == 0 || kept.used_at() > oldest,
            |slot, kept| {
                too_much.set(too_much.get().saturating_sub(kept.size()));
                left(slot, Left::ForRoom);
            },
        );
    }
}

#[cfg(test)]
impl Shard {
    /// What is kept, looked at anew.
    pub(super) fn counted(&self) -> usize {
        self.tokens.pin().values().map(Kept::size).sum()
    }
}
