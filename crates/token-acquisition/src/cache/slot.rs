//! A key as the map keeps it: whose token it is by 32 bytes of its own, and all the rest shared with
//! the other keys that agree in it. A million users of one API have one rest.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use entra_abstractions::{AccessToken, TokenTerms};
use foldhash::fast::RandomState;
use papaya::Equivalent;

use super::{Key, KeyRef, Owner, OwnerRef, size::shared};

/// A key that is kept.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    realm: Arc<Realm>,
    /// The digest of the assertion or of the session; zeros for whoever has none.
    who: [u8; 32],
}

/// What many keys have in common: all of a key but the digest that tells users apart; and what the
/// tokens that are kept under them have.
#[derive(Debug)]
pub(crate) struct Realm {
    key: Key,
    hash: u64,
    terms: TokenTerms,
    /// What all realms of a cache take; this one's part is in it while it lives.
    bytes: Arc<AtomicUsize>,
    size: usize,
}

/// A key that is looked up, hashed once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(super) key: &'a KeyRef<'a>,
    realm: u64,
}

/// The realms of late, so that the next key of the same finds it: one for each place of a table, the
/// latest. Where two want one place they take turns, and are kept more often than need be. None is
/// kept for being here.
#[derive(Debug, Default)]
pub(crate) struct Realms {
    hasher: RandomState,
    latest: Mutex<Vec<Weak<Realm>>>,
    bytes: Arc<AtomicUsize>,
}

/// So many realms are remembered: APIs times tenants.
const PLACES: usize = 1_024;

impl Realms {
    pub(super) fn seek<'a>(&self, key: &'a KeyRef<'a>) -> Sought<'a> {
        let mut hasher = self.hasher.build_hasher();
        key.hash_realm(&mut hasher);
        Sought { key, realm: hasher.finish() }
    }

    /// The key to keep, and the token that shares with others of its realm what they have in common.
    /// `known` is the realm that was [known](Self::known) for it.
    pub(super) fn settle(
        &self,
        sought: Sought<'_>,
        known: Option<Arc<Realm>>,
        token: AccessToken,
    ) -> (Slot, AccessToken) {
        let who = *sought.who();
        if let Some(realm) = known.filter(|realm| realm.terms == *token.terms()) {
            let token = token.sharing(&realm.terms);
            return (Slot { realm, who }, token);
        }
        (Slot { realm: self.found(sought, token.terms().clone()), who }, token)
    }

    /// A new realm. Of two that are founded at once, the later one is found.
    #[cold]
    fn found(&self, sought: Sought<'_>, terms: TokenTerms) -> Arc<Realm> {
        let key = sought.key.to_key().without_digest();
        let size = shared(size_of::<Realm>()) + sought.key.size() + terms.size();
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let (hash, bytes) = (sought.realm, Arc::clone(&self.bytes));
        let realm = Arc::new(Realm { key, hash, terms, bytes, size });
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.is_empty() {
            latest.resize_with(PLACES, Weak::new);
        }
        if let Some(place) = latest.get_mut(sought.place()) {
            *place = Arc::downgrade(&realm);
        }
        realm
    }

    /// The realm of a key, where it is among those of late.
    pub(super) fn known(&self, sought: &Sought<'_>) -> Option<Arc<Realm>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let realm = latest.get(sought.place()).and_then(Weak::upgrade)?;
        drop(latest);
        sought.is_in(&realm).then_some(realm)
    }

    /// What they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Realm {
    /// What its tokens have in common.
    pub(crate) fn terms(&self) -> &TokenTerms {
        &self.terms
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.size, Ordering::Relaxed);
    }
}

impl Slot {
    pub(super) fn as_ref(&self) -> KeyRef<'_> {
        let key = self.realm.key.as_ref();
        let owner = match key.owner {
            OwnerRef::Assertion(_) => OwnerRef::Assertion(&self.who),
            OwnerRef::Session(_) => OwnerRef::Session(&self.who),
            owner => owner,
        };
        KeyRef { owner, ..key }
    }

    pub(super) fn hash(&self) -> u64 {
        mixed(self.realm.hash, &self.who)
    }
}

impl Sought<'_> {
    #[inline]
    pub(super) fn hash(&self) -> u64 {
        mixed(self.realm, self.who())
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is a hash")]
    fn place(&self) -> usize {
        self.realm as usize % PLACES
    }

    #[inline]
    fn who(&self) -> &[u8; 32] {
        match self.key.owner {
            OwnerRef::Assertion(sha256) | OwnerRef::Session(sha256) => sha256,
            _ => &[0; 32],
        }
    }

    #[inline]
    fn is_in(&self, realm: &Realm) -> bool {
        let owner = match (self.key.owner, realm.key.owner()) {
            (OwnerRef::App, Owner::App)
            | (OwnerRef::Assertion(_), Owner::Assertion(_))
            | (OwnerRef::Session(_), Owner::Session(_)) => true,
            (own, other) => own == other.as_ref(),
        };
        owner && self.key.agrees_with(&realm.key)
    }
}

/// A digest is as good as random, so eight bytes of it tell users apart.
#[inline]
fn mixed(realm: u64, who: &[u8; 32]) -> u64 {
    realm ^ who.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
}

impl Hash for Slot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash());
    }
}

impl Hash for Sought<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash());
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.who == other.who && (Arc::ptr_eq(&self.realm, &other.realm) || self.realm.key == other.realm.key)
    }
}

impl Eq for Slot {}

impl Equivalent<Slot> for Sought<'_> {
    #[inline]
    fn equivalent(&self, slot: &Slot) -> bool {
        *self.who() == slot.who && self.is_in(&slot.realm)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use entra_abstractions::{Scheme, Secret};

    use super::*;

    impl Slot {
        /// What it shares with others, by where it is, and what that takes.
        pub(crate) fn shares(&self) -> (usize, usize) {
            (Arc::as_ptr(&self.realm).addr(), self.realm.size)
        }
    }

    impl Realms {
        /// Whether what is kept under one key is found by another.
        pub(crate) fn finds(&self, wanted: &KeyRef<'_>, kept: &KeyRef<'_>) -> bool {
            let token = AccessToken::new(Scheme::Bearer, Secret::new("t"), SystemTime::UNIX_EPOCH).unwrap();
            let (slot, _) = self.settle(self.seek(kept), None, token);
            let sought = self.seek(wanted);
            let found = sought.equivalent(&slot);
            assert!(!found || sought.hash() == slot.hash(), "it would be looked for elsewhere");
            found
        }
    }
}
