//! Wiped that are wiped when they are dropped, all at once.

use std::{
    mem,
    ops::{Deref, DerefMut},
};

use zeroize::optimization_barrier;

/// The bytes of an entry. They never grow: that would leave a copy behind.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Wiped(Vec<u8>);

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Wiped {
    /// Lets go of what is behind this length.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Lets go of the first byte.
    pub(super) fn behind_first(&mut self) {
        self.0.drain(..1.min(self.0.len()));
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // As of a `Secret`: a `Vec`'s own `zeroize` writes byte by byte. What was behind the last byte
        // is wiped, too.
        let mut bytes = mem::take(&mut self.0);
        bytes.clear();
        bytes.resize(bytes.capacity(), 0);
        optimization_barrier(bytes.as_slice());
    }
}
