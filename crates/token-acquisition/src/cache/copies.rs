//! A token that many threads clone at the same time: a few copies of it, each with counts of its
//! own, so that threads do not wait for each other's writes.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use entra_abstractions::AccessToken;

/// So many copies of one token at most; a copy is made when the first thread comes for it.
const MOST: usize = 8;

/// Bytes that a copy takes: a header, and the counts of it.
const COPY: usize = 112;

#[derive(Debug)]
pub(super) struct Copies {
    first: AccessToken,
    copies: [OnceLock<AccessToken>; MOST],
}

impl Copies {
    pub(super) fn of(token: AccessToken) -> Self {
        Self { first: token, copies: [const { OnceLock::new() }; MOST] }
    }

    /// How many bytes of memory the token takes, and four copies.
    pub(super) fn size(&self) -> usize {
        self.first.size() + 4 * COPY
    }

    /// A clone of this thread's copy.
    pub(super) fn mine(&self) -> AccessToken {
        let copy = self.copies.get(place());
        copy.map_or(&self.first, |copy| copy.get_or_init(|| self.first.apart())).clone()
    }
}

/// Which of a few places is this thread's: threads take them in turn.
#[inline]
pub(crate) fn place() -> usize {
    PLACE.with(|place| *place)
}

thread_local! {
    static PLACE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % MOST
    };
}
