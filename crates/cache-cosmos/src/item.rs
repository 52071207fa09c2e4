//! An entry as an item: its key as text, which is id and partition key at once, and when it ends,
//! for Cosmos in seconds from now, for us as a time.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{StoreKey, StoredEntry};
use serde::{Deserialize, Serialize};

/// What one item holds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Item {
    id: String,
    /// Base64.
    value: String,
    /// Milliseconds since 1970.
    expires_at: u64,
    /// Seconds since the last write, after which Cosmos lets the item go, at no charge.
    ttl: u32,
}

impl Item {
    pub(crate) fn new(key: &StoreKey, entry: &StoredEntry, now: SystemTime) -> Self {
        let life = entry.expires_at().duration_since(now).unwrap_or_default();
        let since_1970 = entry.expires_at().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Rounded up, so that it never goes too early; at least one second, and what fits into the
        // four bytes with a sign that Cosmos has for it.
        let ttl = u32::try_from(life.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        Self {
            id: key.to_text(),
            value: STANDARD.encode(entry.bytes()),
            expires_at: u64::try_from(since_1970.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
            ttl: ttl.clamp(1, i32::MAX.unsigned_abs()),
        }
    }

    pub(crate) fn has_ended(&self, now: SystemTime) -> bool {
        self.expires_at().is_none_or(|end| end <= now)
    }

    /// The entry; `None` where the item is not one of ours.
    pub(crate) fn to_entry(&self) -> Option<StoredEntry> {
        Some(StoredEntry::new(STANDARD.decode(&self.value).ok()?, self.expires_at()?))
    }

    fn expires_at(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.expires_at))
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Item({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_never_goes_too_early() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let check = |life: Duration, ttl| {
            let entry = StoredEntry::new(*b"x", now + life);
            let item = Item::new(&StoreKey::from_bytes([0; 32]), &entry, now);
            assert_eq!(item.ttl, ttl, "{life:?}");
            assert_eq!(item.to_entry().as_ref(), Some(&entry));
            assert_eq!(item.has_ended(now), life.is_zero());
        };
        check(Duration::ZERO, 1);
        check(Duration::from_millis(1_001), 2);
        check(Duration::from_secs(3_600), 3_600);
        check(Duration::from_secs(1 << 40), 0x7fff_ffff);
    }
}
