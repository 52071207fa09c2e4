//! A refresh token as it is kept, and how it is written where instances share it: a version, then
//! JSON.

use std::time::{Duration, SystemTime};

use entra_abstractions::{AccountId, Secret, StoreKey, StoredEntry};
use serde::{Deserialize, Deserializer, Serialize};

/// A refresh token, and whose it is as far as Entra said.
#[derive(Debug)]
pub(crate) struct RefreshRecord {
    token: Secret,
    account: Option<AccountId>,
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
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    came_at: u64,
}

#[derive(Deserialize)]
struct Read {
    key: String,
    #[serde(deserialize_with = "secret")]
    refresh_token: Secret,
    account: Option<String>,
    came_at: u64,
}

impl RefreshRecord {
    pub(crate) fn new(token: Secret, account: Option<AccountId>, came_at: SystemTime) -> Self {
        Self { token, account, came_at }
    }

    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    pub(crate) fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    pub(super) fn to_entry(&self, at: &StoreKey) -> StoredEntry {
        let since_epoch = self.came_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let written = Written {
            key: at.to_text(),
            refresh_token: self.token.expose(),
            account: self.account.as_ref().map(AccountId::as_str),
            came_at: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        };
        // So large from the start that no copy is left behind unwiped.
        let mut bytes = Vec::with_capacity(512 + 2 * self.token.expose().len());
        bytes.push(VERSION);
        // Writing plain texts and numbers to memory cannot fail; nothing would be read back.
        drop(serde_json::to_writer(&mut bytes, &written));
        StoredEntry::new(bytes, self.came_at + UNUSED_FOR)
    }

    /// Reads what is kept under a key, or says what is wrong with it. It names its key, so that a
    /// store that takes two keys for one hands nobody another's.
    pub(super) fn read(entry: &StoredEntry, at: &StoreKey) -> Result<Self, &'static str> {
        let (version, json) = entry.bytes().split_first().ok_or("it is empty")?;
        if *version != VERSION {
            return Err("its version is not known here");
        }
        let read: Read = serde_json::from_slice(json).map_err(|_unquoted| NOT_WRITTEN_HERE)?;
        if read.key != at.to_text() {
            return Err("it was written under another key");
        }
        let came_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(read.came_at));
        Ok(Self {
            token: read.refresh_token,
            account: read.account.and_then(|account| AccountId::parse(&account).ok()),
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
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(number: u8) -> StoreKey {
        StoreKey::from_bytes([number; 32])
    }

    #[test]
    fn what_is_written_is_read() {
        for account in [AccountId::parse("uid.utid").ok(), None] {
            let written = RefreshRecord::new(Secret::new("1.R\"s3cret?%G&="), account, at(1_767_225_600));
            let entry = written.to_entry(&key(1));
            assert_eq!(entry.expires_at(), at(1_767_225_600 + 90 * 86_400));
            let read = RefreshRecord::read(&entry, &key(1)).unwrap();
            assert_eq!((read.token(), read.account()), (written.token(), written.account()));
            assert_eq!(read.came_at, written.came_at);
            assert!(!format!("{read:?} {entry:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_record_is_told() {
        let whole = RefreshRecord::new(Secret::new("s3cret"), None, at(1)).to_entry(&key(1));
        let check = |bytes: &[u8], under: u8| {
            RefreshRecord::read(&StoredEntry::new(bytes, at(9)), &key(under)).unwrap_err()
        };
        assert_eq!(check(b"", 1), "it is empty");
        assert_eq!(check(b"\x02{}", 1), "its version is not known here");
        assert_eq!(check(b"\x01{}", 1), NOT_WRITTEN_HERE);
        assert_eq!(check(&whole.bytes()[..whole.bytes().len() - 1], 1), NOT_WRITTEN_HERE);
        assert_eq!(check(whole.bytes(), 2), "it was written under another key");
        let far = String::from_utf8(whole.bytes().to_vec()).unwrap().replace(":1000}", ":-1}");
        assert_eq!(check(far.as_bytes(), 1), NOT_WRITTEN_HERE);
    }
}
