//! Why keys that were cached no longer are: remembered for the last few thousand of them, so that a
//! miss can say more than that there is nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::Reason;

/// Hashes of keys, in two halves: when the younger is full, the elder is let go.
#[derive(Debug, Default)]
pub(super) struct Departed {
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    younger: HashMap<u64, Reason>,
    elder: HashMap<u64, Reason>,
}

/// Of each half: some 200 kB for both.
const MOST: usize = 4_096;

impl Departed {
    pub(super) fn note(&self, hash: u64, reason: Reason) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.younger.len() >= MOST {
            halves.elder = std::mem::take(&mut halves.younger);
        }
        halves.younger.insert(hash, reason);
    }

    pub(super) fn reason(&self, hash: u64) -> Option<Reason> {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.younger.get(&hash).or_else(|| halves.elder.get(&hash)).copied()
    }
}
