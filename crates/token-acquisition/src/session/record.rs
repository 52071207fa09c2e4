//! What is kept of a session, and how it is written: a version, then JSON. Every instance that
//! shares the store reads what any other wrote.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{AccountId, Secret, StoreKey, StoredEntry};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// One user's session.
#[derive(Debug, Clone)]
pub(super) struct SessionRecord {
    /// Which session it is: a key that was ended and used anew names another.
    id: Uuid,
    token: Secret,
    account: Option<AccountId>,
    /// Of the token with which the user last called.
    assertion: [u8; 32],
    came_at: SystemTime,
}

/// The version that is written, and the only one there is so far.
const VERSION: u8 = 1;

/// Entra lets a refresh token go that was not used for so long.
/// <https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime>
const UNUSED_FOR: Duration = Duration::from_secs(90 * 24 * 3_600);

const NOT_WRITTEN_HERE: &str = "it is not what was written";

#[derive(Serialize)]
struct Written<'a> {
    key: String,
    id: String,
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    assertion: String,
    came_at: u128,
}

#[derive(Deserialize)]
struct Read {
    key: String,
    id: String,
    #[serde(deserialize_with = "secret")]
    refresh_token: Secret,
    account: Option<String>,
    assertion: String,
    came_at: u64,
}

impl SessionRecord {
    /// A session that begins.
    pub(super) fn begin(
        token: Secret,
        account: Option<AccountId>,
        assertion: [u8; 32],
        came_at: SystemTime,
    ) -> Self {
        Self { id: Uuid::new_v4(), token, account, assertion, came_at }
    }

    /// The same session after its user called again.
    pub(super) fn continuing(self, before: &Self) -> Self {
        Self { id: before.id, ..self }
    }

    /// The same session after its refresh token was redeemed for this one.
    pub(super) fn renewed(&self, token: Secret, came_at: SystemTime) -> Self {
        Self { token, came_at, ..self.clone() }
    }

    pub(super) fn token(&self) -> &Secret {
        &self.token
    }

    pub(super) fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    pub(super) fn came_at(&self) -> SystemTime {
        self.came_at
    }

    pub(super) fn is_same_session(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Whether the user called with this very token.
    pub(super) fn is_of(&self, assertion: &[u8; 32]) -> bool {
        self.assertion == *assertion
    }

    /// Whether both are one user's: as Entra named them, or, where it named nobody, by the token
    /// with which they called.
    pub(super) fn is_same_user(&self, other: &Self) -> bool {
        match (&self.account, &other.account) {
            (Some(one), Some(other)) => one == other,
            _ => self.assertion == other.assertion,
        }
    }

    pub(super) fn to_entry(&self, at: &StoreKey, now: SystemTime) -> StoredEntry {
        let since_epoch = self.came_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let written = Written {
            key: at.to_text(),
            id: self.id.to_string(),
            refresh_token: self.token.expose(),
            account: self.account.as_ref().map(AccountId::as_str),
            assertion: URL_SAFE_NO_PAD.encode(self.assertion),
            came_at: since_epoch.as_millis(),
        };
        // So large from the start that no copy is left behind unwiped.
        let mut bytes = Vec::with_capacity(512 + 2 * self.token.expose().len());
        bytes.push(VERSION);
        // Writing plain texts and numbers to memory cannot fail; nothing would be read back.
        drop(serde_json::to_writer(&mut bytes, &written));
        StoredEntry::new(bytes, now + UNUSED_FOR)
    }

    /// Reads what is kept under a key, or says what is wrong with it. It names its key, so that a
    /// store that takes two keys for one hands nobody another's session.
    pub(super) fn read(entry: &StoredEntry, at: &StoreKey) -> Result<Self, &'static str> {
        let (version, json) = entry.bytes().split_first().ok_or("it is empty")?;
        if *version != VERSION {
            return Err("its version is not known here");
        }
        let read: Read = serde_json::from_slice(json).map_err(|_unquoted| NOT_WRITTEN_HERE)?;
        if read.key != at.to_text() {
            return Err("it was written under another key");
        }
        let id = Uuid::try_parse(&read.id).ok();
        let assertion = URL_SAFE_NO_PAD.decode(&read.assertion).ok().and_then(|bytes| bytes.try_into().ok());
        let came_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(read.came_at));
        Ok(Self {
            id: id.ok_or(NOT_WRITTEN_HERE)?,
            token: read.refresh_token,
            account: read.account.and_then(|account| AccountId::parse(&account).ok()),
            assertion: assertion.ok_or(NOT_WRITTEN_HERE)?,
            came_at: came_at.ok_or(NOT_WRITTEN_HERE)?,
        })
    }
}

/// Wiped from the moment it is read, whatever comes of the rest.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key() -> StoreKey {
        StoreKey::from_bytes([7; 32])
    }

    fn record(account: Option<&str>, assertion: u8) -> SessionRecord {
        let account = account.map(|account| AccountId::parse(account).unwrap());
        SessionRecord::begin(Secret::new("1.R\"s3cret?%G&="), account, [assertion; 32], at(1_767_225_600))
    }

    #[test]
    fn what_is_written_is_read() {
        let written = record(Some("uid.utid"), 7);
        let entry = written.to_entry(&key(), at(2_000_000_000));
        assert_eq!(entry.expires_at(), at(2_000_000_000 + 90 * 86_400));
        let read = SessionRecord::read(&entry, &key()).unwrap();
        assert_eq!(read.token(), written.token());
        assert_eq!(read.account(), written.account());
        assert_eq!(read.came_at(), written.came_at());
        assert!(read.is_same_session(&written) && read.is_of(&[7; 32]));
        assert!(!format!("{read:?} {entry:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_record_is_told() {
        let whole = record(Some("uid.utid"), 7).to_entry(&key(), at(0));
        let check = |bytes: &[u8]| {
            let error = SessionRecord::read(&StoredEntry::new(bytes, at(0)), &key()).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
            error
        };
        assert_eq!(check(b""), "it is empty");
        assert_eq!(check(b"\x02{}"), "its version is not known here");
        assert_eq!(check(b"\x01{}"), "it is not what was written");
        let elsewhere = record(Some("uid.utid"), 7).to_entry(&StoreKey::from_bytes([8; 32]), at(0));
        assert_eq!(check(elsewhere.bytes()), "it was written under another key");
        assert_eq!(check(&whole.bytes()[..whole.bytes().len() / 2]), "it is not what was written");
    }

    proptest! {
        #[test]
        fn whatever_the_store_has_is_read_or_told(
            version in 0..3_u8, bytes in prop::collection::vec(prop::num::u8::ANY, 0..200), cut in 0..400_usize,
        ) {
            let whole = record(Some("uid.utid"), 7).to_entry(&key(), at(0));
            let mut hostile = vec![version];
            hostile.extend_from_slice(whole.bytes().get(1..cut).unwrap_or_default());
            hostile.extend_from_slice(&bytes);
            let read = SessionRecord::read(&StoredEntry::new(hostile, at(0)), &key());
            prop_assert!(version == VERSION || read.is_err());
        }

        #[test]
        fn any_refresh_token_survives(token in "\\PC{0,200}", came_at in 0..4_102_444_800_u64) {
            let written = SessionRecord::begin(Secret::new(token.as_str()), None, [7; 32], at(came_at));
            let read = SessionRecord::read(&written.to_entry(&key(), at(0)), &key()).unwrap();
            prop_assert_eq!(read.token().expose(), token);
            prop_assert_eq!(read.came_at(), at(came_at));
        }
    }

    #[test]
    fn a_session_belongs_to_one_user() {
        let alice = record(Some("alice.utid"), 1);
        assert!(record(Some("alice.utid"), 2).is_same_user(&alice), "with another token");
        assert!(!record(Some("carol.utid"), 1).is_same_user(&alice));
        assert!(!record(None, 2).is_same_user(&alice), "nobody knows whose it is");
        assert!(record(None, 1).is_same_user(&alice), "the very same call");
    }
}
