//! The store that instances share: opaque bytes under a digest, until a time. What is in them, and
//! whether they are encrypted, it never knows.

mod digest;
mod encryption;
mod memory_limit;
mod refused_logins;
mod settings;
mod shared;
mod wiped;

use std::{
    error::Error,
    fmt::{self, Debug},
    sync::Arc,
    time::SystemTime,
};

use async_trait::async_trait;

pub use encryption::EncryptionKeys;
pub use memory_limit::MemoryLimit;
pub use refused_logins::RefusedLogins;
pub use settings::StoreSettings;
pub use shared::{Kept, SharedStore, Unreadable};
use wiped::Wiped;

/// Keeps entries by key until their time has passed: Redis, a database, a file.
///
/// An implementation moves bytes and nothing else. It answers or fails within a time of its own,
/// is safe to use from many tasks, and passes [`testing::store_conformance`](crate::testing).
///
/// To build one does no I/O: an application starts while its store is down. Connections are opened
/// when they are first needed, and again when they are lost; where a server refuses the login, by
/// [`RefusedLogins`].
///
/// # Security
/// An entry may hold a refresh token. A [`SharedStore`] encrypts it on its way here.
#[doc(alias = "IDistributedCache")]
#[doc(alias = "IMsalTokenCacheProvider")]
#[async_trait]
pub trait StoreTokens: Send + Sync + Debug {
    /// What is kept under a key. An entry whose time has passed is no longer there; something that is
    /// no entry is [`StoredEntry::unreadable`].
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot say.
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError>;

    /// Keeps an entry; it replaces what was under the key.
    ///
    /// # Errors
    /// [`StoreError`] when it is not certain that the entry is kept.
    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError>;

    /// Keeps an entry where none is under the key that has not ended, and says whether it did. Of
    /// all processes that do so at once, one does.
    ///
    /// # Errors
    /// [`StoreError`] when it is not certain which of both is the case.
    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError>;

    /// Lets an entry go, and says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when it is not certain that the entry is gone.
    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError>;
}

/// Under which an entry is kept: a SHA-256, so that it reveals nothing.
///
/// Any 32 bytes can be one; a store that takes text has [`to_text`](Self::to_text).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key of what these parts name together, in this order. The first says what kind of entry
    /// it is.
    ///
    /// ```
    /// use entra_abstractions::StoreKey;
    ///
    /// let key = StoreKey::digest(["session", "client", "job-17"]);
    /// assert_ne!(key, StoreKey::digest(["session", "clientjob", "-17"]));
    /// assert_eq!(key.to_text().len(), 43);
    /// ```
    pub fn digest<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Self {
        Self(digest::of(parts))
    }

    /// How many characters [`to_text`](Self::to_text) has.
    pub const TEXT_LEN: usize = 43;

    /// A key that was read back from a store.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes: any, zeros and line breaks among them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key as 43 characters of the URL-safe base64 alphabet, upper and lower case told apart.
    pub fn to_text(&self) -> String {
        let mut text = Vec::with_capacity(Self::TEXT_LEN);
        self.write_text(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Appends what [`to_text`](Self::to_text) returns, for a store that writes something before it.
    pub fn write_text(&self, to: &mut Vec<u8>) {
        // Every look into a store writes one, and finds its code cold: that of an encoder for all
        // lengths and alphabets took longer to fetch than this takes to run.
        let mut text = [0; Self::TEXT_LEN];
        for (letters, three) in text.chunks_mut(4).zip(self.0.chunks(3)) {
            let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            let mut bits = bits << (8 * (4 - three.len()));
            for letter in letters {
                *letter = ALPHABET.get((bits >> 26) as usize).copied().unwrap_or_default();
                bits <<= 6;
            }
        }
        to.extend_from_slice(&text);
    }
}

/// Of base64 in URLs (RFC 4648 section 5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// What is kept: bytes, which do not print and are wiped when dropped, and until when.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEntry {
    bytes: Wiped,
    expires_at: SystemTime,
}

impl StoredEntry {
    /// An entry that is of no use from this time on.
    pub fn new(bytes: impl Into<Vec<u8>>, expires_at: SystemTime) -> Self {
        Self { bytes: bytes.into().into(), expires_at }
    }

    /// What stands for something under a key that is no entry, such as another program's: nobody can
    /// open it, and whoever tries counts it. A store that answers with it is not away.
    pub fn unreadable() -> Self {
        Self::new([u8::MAX], SystemTime::UNIX_EPOCH)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Until when it is kept. A store may let it go up to a second later, never sooner.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl Debug for StoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredEntry({} bytes)", self.bytes.len())
    }
}

/// A store did not do what it was asked: which one, and what it did instead.
#[derive(Debug, Clone)]
pub struct StoreError {
    store: Arc<str>,
    what: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Names the store, such as `redis cache.contoso.example:6380` (no password), and says what is
    /// wrong with it, in words such as `cannot be reached`.
    pub fn new(store: impl AsRef<str>, what: impl AsRef<str>) -> Self {
        Self { store: store.as_ref().into(), what: what.as_ref().into(), source: None }
    }

    /// With the error underneath, which must be free of passwords and of what is kept.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The store's name.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// What is wrong with it.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token store {}: {}", self.store, self.what)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_key_as_text_is_base64_for_urls() {
        for seed in 0..=255_u8 {
            let key = StoreKey::digest([[seed]]);
            let mut text = b"prefix".to_vec();
            key.write_text(&mut text);
            assert_eq!(key.to_text(), URL_SAFE_NO_PAD.encode(key.as_bytes()));
            assert_eq!(text.strip_prefix(b"prefix").unwrap(), key.to_text().as_bytes());
        }
        assert_eq!(StoreKey::from_bytes([0xff; 32]).to_text().len(), StoreKey::TEXT_LEN);
    }
}
