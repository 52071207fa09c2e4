//! How often what came of the store: numbers that a meter reads when it collects.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a look at the store brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looked {
    /// A token that serves.
    Hit,
    /// A token that does not: too old, or not the one that a challenge asks for.
    Unfit,
    Miss,
    /// Something that cannot be opened, or is no token of this key.
    Unreadable,
    Failed,
    /// No answer in time.
    Late,
    /// It was not asked, because it is away.
    Away,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    Kept,
    Removed,
    /// It is tried again.
    Failed,
}

/// What came of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leased {
    /// This instance fetches for all.
    Taken,
    /// Another one did, and its token serves.
    Answered,
    /// Waited, and in vain: this instance fetches for itself.
    InVain,
    /// The store failed, so this instance fetches for itself.
    Failed,
}

/// For what the store is away: a store that is full answers and takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Reads,
    Writes,
}

/// A word that stays the same, for events and metrics.
pub(crate) trait Word: Copy + PartialEq + 'static {
    const ALL: &'static [Self];

    fn as_str(self) -> &'static str;
}

macro_rules! words {
    ($($name:ident { $($variant:ident = $word:literal),* })*) => {$(
        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }
    )*};
}

words! {
    Looked {
        Hit = "hit", Unfit = "unfit", Miss = "miss", Unreadable = "unreadable", Failed = "failed", Late = "late",
        Away = "away"
    }
    Wrote { Kept = "kept", Removed = "removed", Failed = "failed" }
    Leased { Taken = "taken", Answered = "answered", InVain = "in_vain", Failed = "failed" }
    Side { Reads = "reads", Writes = "writes" }
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) looks: Tally<Looked>,
    pub(crate) writes: Tally<Wrote>,
    pub(crate) leases: Tally<Leased>,
    /// How often the store went away.
    pub(crate) away: Tally<Side>,
    /// How often it came back.
    pub(crate) back: Tally<Side>,
    /// What was never written, because there was no room for it.
    pub(crate) dropped: AtomicU64,
}

/// A number for each word.
#[derive(Debug)]
pub(crate) struct Tally<W: Word> {
    counts: Box<[(W, AtomicU64)]>,
}

impl<W: Word> Default for Tally<W> {
    fn default() -> Self {
        Self { counts: W::ALL.iter().map(|word| (*word, AtomicU64::new(0))).collect() }
    }
}

impl<W: Word> Tally<W> {
    pub(crate) fn count(&self, word: W) {
        if let Some((_, count)) = self.counts.iter().find(|(known, _)| *known == word) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cfg(any(test, feature = "opentelemetry"))]
    pub(crate) fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(word, count)| (word.as_str(), count.load(Ordering::Relaxed)))
    }
}
