//! A store as an acquirer takes it: with the keys by which what goes there is sealed, or the word
//! that it need not be, and with how long it is waited for.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
    time::Duration,
};

use crate::{
    EncryptionKeys, MemoryLimit, StoreError, StoreKey, StoreTokens, StoredEntry,
    store::{
        encryption::{PLAIN, SEALED},
        wiped::Wiped,
    },
};

/// A store that instances share. What goes there is encrypted, unless the application says in so
/// many words that it need not be: there is no third way to hand a store to an acquirer.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use entra_abstractions::{EncryptionKeys, SharedStore, StoreTokens};
///
/// fn share(store: Arc<dyn StoreTokens>, keys: EncryptionKeys) -> SharedStore {
///     SharedStore::encrypted(store, keys).timeout(Duration::from_millis(50))
/// }
/// ```
#[doc(alias = "MsalDistributedTokenCacheAdapter")]
#[doc(alias = "MsalDistributedTokenCacheAdapterOptions")]
#[derive(Debug, Clone)]
pub struct SharedStore {
    store: Arc<dyn StoreTokens>,
    keys: Option<EncryptionKeys>,
    timeout: Duration,
    lease: Option<Duration>,
    memory: Option<MemoryLimit>,
}

/// What a store had under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks must decide about each")]
pub enum Kept {
    /// An entry, opened.
    Entry(StoredEntry),
    /// Something that cannot be opened here: to be counted, and else as if nothing were there.
    Unreadable(Unreadable),
    /// Nothing.
    Nothing,
}

impl Kept {
    /// The entry, where there is one that can be opened.
    pub fn entry(self) -> Option<StoredEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Unreadable(_) | Self::Nothing => None,
        }
    }
}

/// Why something that a store keeps cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable {
    /// It was written by a later version, or by something else.
    UnknownVersion,
    /// It was sealed by a key that this instance does not have.
    UnknownKey,
    /// It was changed, cut, or moved here from under another key.
    Altered,
    /// It is not encrypted, and only what is encrypted is believed here.
    NotEncrypted,
    /// It is encrypted, and this instance has no keys.
    Encrypted,
}

impl Unreadable {
    /// A word that stays the same, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::Altered => "altered",
            Self::NotEncrypted => "not_encrypted",
            Self::Encrypted => "encrypted",
        }
    }
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownVersion => "it was written by another version or program",
            Self::UnknownKey => "it was sealed by a key that is not among TokenCache:EncryptionKeys",
            Self::Altered => "it was altered since it was sealed",
            Self::NotEncrypted => "it is not encrypted",
            Self::Encrypted => "it is encrypted, and there is no key here",
        })
    }
}

/// The time in which Entra could have answered as well.
const TIMEOUT: Duration = Duration::from_millis(100);

impl SharedStore {
    /// Shares a store in which everything is sealed by these keys, and nothing else is believed.
    pub fn encrypted(store: Arc<dyn StoreTokens>, keys: EncryptionKeys) -> Self {
        Self { keys: Some(keys), ..Self::unencrypted(store) }
    }

    /// Shares a store in which tokens lie open.
    ///
    /// # Security
    /// Whoever reads the store, its backups or its traffic has the users' refresh tokens, and
    /// whoever writes to it hands your application tokens of their choice.
    pub fn unencrypted(store: Arc<dyn StoreTokens>) -> Self {
        Self { store, keys: None, timeout: TIMEOUT, lease: None, memory: None }
    }

    /// How long the store is waited for where Entra can answer as well; 100 ms where nothing is
    /// said. Where the store is the only source it is waited for longer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// One instance at a time fetches what none has: the others wait, for so long at most, for what
    /// it stores. Where nothing is said each instance fetches for itself.
    ///
    /// It is for tokens that are expensive to fetch, so the store is then waited for longer than
    /// [`timeout`](Self::timeout) says: for a second, at least.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How much an acquirer that has this store keeps in memory before it, where its builder says
    /// nothing else.
    #[must_use]
    pub fn memory_limit(mut self, limit: MemoryLimit) -> Self {
        self.memory = Some(limit);
        self
    }

    /// What [`memory_limit`](Self::memory_limit) was told.
    pub fn memory(&self) -> Option<MemoryLimit> {
        self.memory
    }

    /// Whether the store answers: for a readiness probe.
    ///
    /// # Errors
    /// [`StoreError`] says what is wrong with it; the operator must act.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.store.get(&StoreKey::digest(["check"])).await.map(drop)
    }

    /// How long the store is waited for where Entra can answer as well.
    pub fn given_up_after(&self) -> Duration {
        self.timeout
    }

    /// For how long one instance fetches for all, where one does.
    pub fn leased_for(&self) -> Option<Duration> {
        self.lease
    }

    /// Whether what goes there is sealed.
    pub fn is_encrypted(&self) -> bool {
        self.keys.is_some()
    }

    /// What is kept under a key, opened.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot say.
    pub async fn get(&self, key: &StoreKey) -> Result<Kept, StoreError> {
        Ok(match self.store.get(key).await? {
            Some(entry) => self.open(key, entry),
            None => Kept::Nothing,
        })
    }

    /// Keeps an entry, sealed; it replaces what was under the key.
    ///
    /// # Errors
    /// [`StoreError`] when it is not certain that the entry is kept.
    pub async fn put(&self, key: &StoreKey, entry: &StoredEntry) -> Result<(), StoreError> {
        let sealed = self.seal(key, entry)?;
        self.store.put(key, sealed).await
    }

    /// Keeps an entry, sealed, where none is under the key that has not ended, be it one that cannot
    /// be opened; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`] when it is not certain which of both is the case.
    pub async fn put_new(&self, key: &StoreKey, entry: &StoredEntry) -> Result<bool, StoreError> {
        let sealed = self.seal(key, entry)?;
        self.store.put_new(key, sealed).await
    }

    /// Lets an entry go, and says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when it is not certain that the entry is gone.
    pub async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.store.remove(key).await
    }

    fn seal(&self, key: &StoreKey, entry: &StoredEntry) -> Result<StoredEntry, StoreError> {
        let bytes = if let Some(keys) = &self.keys {
            keys.seal(key, entry.bytes())?
        } else {
            let mut bytes = Vec::with_capacity(1 + entry.bytes().len());
            bytes.push(PLAIN);
            bytes.extend_from_slice(entry.bytes());
            bytes
        };
        Ok(StoredEntry::new(bytes, entry.expires_at()))
    }

    fn open(&self, key: &StoreKey, entry: StoredEntry) -> Kept {
        let StoredEntry { mut bytes, expires_at } = entry;
        let opened = match &self.keys {
            Some(keys) => keys.open(key, &mut bytes),
            None => open_plain(&mut bytes),
        };
        match opened {
            Ok(()) => Kept::Entry(StoredEntry { bytes, expires_at }),
            Err(why) => Kept::Unreadable(why),
        }
    }
}

fn open_plain(bytes: &mut Wiped) -> Result<(), Unreadable> {
    match bytes.first() {
        Some(&PLAIN) => {
            bytes.behind_first();
            Ok(())
        }
        Some(&SEALED) => Err(Unreadable::Encrypted),
        Some(_) => Err(Unreadable::UnknownVersion),
        None => Err(Unreadable::Altered),
    }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;
