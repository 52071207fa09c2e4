//! The form in which an entry lies in Redis: a mark, until when it is kept, and its bytes.
//!
//! Redis knows the time, too, but telling it would take a second command.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entra_abstractions::StoredEntry;

use crate::error::{Failure, MAX_VALUE};

/// Writes the value.
pub(crate) fn encode(entry: &StoredEntry) -> Result<Vec<u8>, Failure> {
    let since = entry.expires_at().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanoseconds = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    let value = [&MARK[..], &nanoseconds.to_be_bytes(), entry.bytes()].concat();
    if value.len() > MAX_VALUE { Err(Failure::TooLarge) } else { Ok(value) }
}

/// Reads the value back. What is not in this form was spoilt, or is of another version or program: it
/// goes on as it lies there, because nobody can open it, and whoever tries counts it.
pub(crate) fn decode(mut value: Vec<u8>) -> StoredEntry {
    if value.len() > MAX_VALUE {
        return StoredEntry::unreadable();
    }
    let end = value.strip_prefix(&MARK).and_then(|rest| rest.first_chunk::<END>());
    let since = end.map(|nanoseconds| Duration::from_nanos(u64::from_be_bytes(*nanoseconds)));
    let Some(expires_at) = since.and_then(|since| UNIX_EPOCH.checked_add(since)) else {
        return StoredEntry::new(value, UNIX_EPOCH);
    };
    // In the room in which it came: another one of this size costs more than all the rest here.
    drop(value.drain(..MARK.len() + END));
    StoredEntry::new(value, expires_at)
}

/// How much longer it is kept, in whole milliseconds; `None` where its time is over.
pub(crate) fn life(entry: &StoredEntry, now: SystemTime) -> Option<u64> {
    let left = entry.expires_at().duration_since(now).ok()?;
    let milliseconds = left.as_nanos().div_ceil(1_000_000);
    u64::try_from(milliseconds).ok().filter(|left| *left > 0).map(|left| left.min(LONGEST))
}

/// `e` for this program, and the version of the form.
const MARK: [u8; 2] = [b'e', 1];

/// How many bytes tell when it ends.
const END: usize = 8;

/// A hundred years: Redis refuses a life whose end its clock cannot write.
const LONGEST: u64 = 100 * 365 * 24 * 3_600 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let expires_at = UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789);
        for bytes in [&b""[..], b"s3cret?%G&=\0\r\n", &[0xff; 3_000]] {
            let entry = StoredEntry::new(bytes, expires_at);
            assert!(decode(encode(&entry).unwrap()) == entry);
        }
    }

    #[test]
    fn what_is_not_ours_goes_on_as_it_is() {
        let ours = encode(&StoredEntry::new(*b"x", UNIX_EPOCH)).unwrap();
        let newer = [b"e\x02", &ours[2..]].concat();
        for value in [&b""[..], b"e", &ours[..9], b"another program's value", &newer] {
            let entry = decode(value.to_vec());
            assert_eq!((entry.bytes(), entry.expires_at()), (value, UNIX_EPOCH));
        }
        assert!(decode(vec![b'e'; MAX_VALUE + 1]) == StoredEntry::unreadable());
        let large = StoredEntry::new(vec![0; MAX_VALUE], UNIX_EPOCH);
        assert!(matches!(encode(&large), Err(Failure::TooLarge)));
    }

    #[test]
    fn life_is_rounded_up_and_bounded() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let left = |left| life(&StoredEntry::new(*b"", now + left), now);
        assert_eq!(left(Duration::ZERO), None);
        assert_eq!(left(Duration::from_nanos(1)), Some(1));
        assert_eq!(left(Duration::from_millis(1_500)), Some(1_500));
        assert_eq!(left(Duration::from_secs(u32::MAX.into()) * 10), Some(LONGEST));
        assert_eq!(life(&StoredEntry::new(*b"", now - Duration::from_secs(1)), now), None);
    }
}
