//! The keys by which entries of a shared store are sealed, and how a sealed entry is written.
//!
//! A version, the id of the key, a nonce, what was sealed, its tag. Version, id and the entry's own
//! key are sealed with it, so that nothing opens under another key or as another version.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey},
    rand,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use crate::{
    Faults, Misconfigured, Secret, Section, StoreError, StoreKey,
    store::{Unreadable, wiped::Wiped},
};

/// The keys that open what a shared store keeps: one that seals, and those before it, by which what
/// was sealed earlier can still be read.
///
/// A key is 32 random bytes in base64: `openssl rand -base64 32`. It has no name; entries tell it
/// by a digest. To change keys without losing an entry: give every instance the new one as
/// [previous](Self::previous), then make it the current one and the old one previous, and drop the
/// old one after 90 days, when everything that it sealed has ended.
///
/// ```
/// use entra_abstractions::EncryptionKeys;
///
/// # let (march, january) = ("bWFyY2htYXJjaG1hcmNobWFyY2htYXJjaG1hcmNobWE=", "amFudWFyeWphbnVhcnlqYW51YXJ5amFudWFyeWphbnU=");
/// let keys = EncryptionKeys::new(march)?.previous(january)?;
/// assert!(EncryptionKeys::new("dG9vIHNob3J0").is_err());
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "IDataProtectionProvider")]
#[doc(alias = "Encrypt")]
#[derive(Clone)]
pub struct EncryptionKeys {
    current: Arc<Key>,
    previous: Vec<Arc<Key>>,
}

struct Key {
    id: [u8; ID],
    key: LessSafeKey,
}

/// What is sealed by a key.
pub(super) const SEALED: u8 = 1;
/// What is kept as it is, where the application chose so.
pub(super) const PLAIN: u8 = 0;

const ID: usize = 8;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + ID + NONCE;

/// How a key is made, and where it belongs.
pub(super) const HOW: &str = "make one with `openssl rand -base64 32`, the same for every instance, and put it into \
     TokenCache:EncryptionKeys, or the environment variable TokenCache__EncryptionKeys__0; to keep tokens unencrypted, \
     write \"Encryption\": \"None\" there instead";

impl EncryptionKeys {
    /// The key that seals: 32 bytes in base64.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is no such key; the developer must act.
    pub fn new(current: &str) -> Result<Self, Misconfigured> {
        Ok(Self { current: Arc::new(Key::parse(current)?), previous: Vec::new() })
    }

    /// With a key by which entries may have been sealed before, or will be by instances that are
    /// ahead of this one.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is no such key, or one that is there already; the developer must act.
    pub fn previous(mut self, key: &str) -> Result<Self, Misconfigured> {
        let key = Key::parse(key)?;
        if self.by_id(key.id).is_some() {
            return Err(twice());
        }
        self.previous.push(Arc::new(key));
        Ok(self)
    }

    /// The keys that a section `TokenCache` lists under `EncryptionKeys`: the first is the current
    /// one.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is none, or one is no such key or there twice; the developer must
    /// act.
    pub fn from_section(section: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let path = section.path_of("EncryptionKeys");
        let words = section.words("EncryptionKeys", &mut faults).unwrap_or_default();
        let is_empty = words.is_empty();
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for (index, word) in words.into_iter().map(Secret::new).enumerate() {
            let key = Key::parse(word.expose()).and_then(|key| {
                if keys.iter().any(|known| known.id == key.id) { Err(twice()) } else { Ok(key) }
            });
            let key = key.map_err(|fault| fault.at(format!("{path}[{index}]")));
            keys.extend(faults.take(key).map(Arc::new));
        }
        if is_empty && faults.is_empty() {
            faults.add(Misconfigured::new("a shared store needs an encryption key").at(path).hint(HOW));
        }
        let mut keys = keys.into_iter();
        match keys.next() {
            Some(current) => faults.into_result(Self { current, previous: keys.collect() }),
            None => Err(faults.into_error()),
        }
    }

    /// The bytes as they are kept under a key.
    pub(crate) fn seal(&self, at: &StoreKey, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        let no_randomness = |_| StoreError::new("encryption", "the system gives no random bytes");
        let mut nonce = [0; NONCE];
        rand::fill(&mut nonce).map_err(no_randomness)?;
        let Key { id, key } = &*self.current;
        // So large from the start that no copy of what is not sealed yet is left behind.
        let mut sealed = Vec::with_capacity(HEAD + bytes.len() + TAG);
        sealed.push(SEALED);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(bytes);
        let too_long = |_| StoreError::new("encryption", "the entry is too long");
        let content = sealed.get_mut(HEAD..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(associated(*id, at)), content)
            .map_err(too_long)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// What was sealed under a key, in the room in which it came.
    pub(crate) fn open(&self, at: &StoreKey, sealed: &mut Wiped) -> Result<(), Unreadable> {
        let version = *sealed.first().ok_or(Unreadable::Altered)?;
        match version {
            SEALED => {}
            PLAIN => return Err(Unreadable::NotEncrypted),
            _ => return Err(Unreadable::UnknownVersion),
        }
        let (Some(Ok(id)), Some(Ok(nonce))) = (
            sealed.get(1..=ID).map(<[u8; ID]>::try_from),
            sealed.get(1 + ID..HEAD).map(<[u8; NONCE]>::try_from),
        ) else {
            return Err(Unreadable::Altered);
        };
        let key = self.by_id(id).ok_or(Unreadable::UnknownKey)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = key.open_within(nonce, Aad::from(associated(id, at)), sealed, HEAD..);
        let length = opened.map_err(|_unspecified| Unreadable::Altered)?.len();
        sealed.truncate(length);
        Ok(())
    }

    fn by_id(&self, id: [u8; ID]) -> Option<&LessSafeKey> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.find(|key| key.id == id).map(|key| &key.key)
    }
}

/// Whoever writes a key twice meant another one: a rotation with it changes nothing.
fn twice() -> Misconfigured {
    Misconfigured::new("this encryption key is there already")
        .hint("each is listed once, the current one first")
}

fn associated(id: [u8; ID], at: &StoreKey) -> [u8; 1 + ID + 32] {
    let mut bytes = [SEALED; 1 + ID + 32];
    let (_, rest) = bytes.split_at_mut(1);
    let (of_key, of_entry) = rest.split_at_mut(ID);
    of_key.copy_from_slice(&id);
    of_entry.copy_from_slice(at.as_bytes());
    bytes
}

impl Key {
    fn parse(text: &str) -> Result<Self, Misconfigured> {
        let no_key =
            || Misconfigured::new("not an encryption key: 32 bytes in base64 are expected").hint(HOW);
        let text = text.trim();
        let url_safe = || URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        let bytes = STANDARD.decode(text).or_else(|_not_standard| url_safe()).map(Zeroizing::new);
        let bytes = bytes.ok().filter(|bytes| bytes.len() == 32).ok_or_else(no_key)?;
        if bytes.windows(2).all(|pair| matches!(pair, [one, next] if one == next)) {
            return Err(Misconfigured::new("an encryption key of one byte repeated is none").hint(HOW));
        }
        let key = UnboundKey::new(&AES_256_GCM_SIV, &bytes).map_err(|_unspecified| no_key())?;
        let mut id = [0; ID];
        let digest = StoreKey::digest([b"encryption key".as_slice(), &bytes]);
        id.iter_mut().zip(digest.as_bytes()).for_each(|(byte, of_digest)| *byte = *of_digest);
        Ok(Self { id, key: LessSafeKey::new(key) })
    }
}

/// Only how many there are: even the id of a key is nobody's to know.
impl Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKeys({})", 1 + self.previous.len())
    }
}

#[cfg(test)]
mod tests;
