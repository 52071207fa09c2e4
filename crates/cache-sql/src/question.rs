//! What is asked of a table: one statement each, and how time is written in it.
//!
//! Times are milliseconds since 1970 by the clock of whoever asks. The database's own clock is not
//! asked: a token ends by the clock that its acquirer has, and one clock less is one less to be
//! wrong. An instance whose clock is off misses or keeps by that much what it reads itself; it
//! takes nothing from the others, because the cleaning leaves what has only just ended.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entra_abstractions::{StoreKey, StoredEntry};

use crate::{
    dialect::{Argument, Asking, Dialect, Row},
    pool::Question,
};

/// Asks for the entry of a key.
pub(crate) struct Read {
    pub(crate) key: StoreKey,
    pub(crate) now: i64,
}

impl<D: Dialect> Question<D> for Read {
    type Answer = Option<Row>;
    const WRITES: bool = false;

    fn ask<'a>(&'a self, dialect: &'a D, on: &'a mut D::Connection) -> Asking<'a, Self::Answer> {
        Box::pin(async move {
            let arguments = [Argument::Bytes(self.key.as_bytes()), Argument::Number(self.now)];
            dialect.fetch(on, &dialect.statements().get, &arguments).await
        })
    }
}

/// Changes rows, and is answered with how many.
pub(crate) enum Write {
    Put { key: StoreKey, entry: StoredEntry },
    PutNew { key: StoreKey, entry: StoredEntry, now: i64 },
    Remove { key: StoreKey, now: i64 },
    Clean { before: i64 },
}

impl<D: Dialect> Question<D> for Write {
    type Answer = u64;
    const WRITES: bool = true;

    fn ask<'a>(&'a self, dialect: &'a D, on: &'a mut D::Connection) -> Asking<'a, Self::Answer> {
        use Argument::{Bytes, Number};

        Box::pin(async move {
            let statements = dialect.statements();
            let (sql, arguments) = match self {
                Self::Put { key, entry } => {
                    (&statements.put, vec![Bytes(key.as_bytes()), Bytes(entry.bytes()), Number(end(entry))])
                }
                Self::PutNew { key, entry, now } => {
                    let mut arguments = vec![Bytes(key.as_bytes()), Bytes(entry.bytes()), Number(end(entry))];
                    arguments.resize(3 + D::NOWS, Number(*now));
                    (&statements.put_new, arguments)
                }
                Self::Remove { key, now } => (&statements.remove, vec![Bytes(key.as_bytes()), Number(*now)]),
                Self::Clean { before } => (&statements.clean, vec![Number(*before)]),
            };
            dialect.execute(on, sql, &arguments).await
        })
    }
}

/// A time as it stands in a row.
pub(crate) fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The end of an entry, rounded up: it is kept a little longer, never less.
fn end(entry: &StoredEntry) -> i64 {
    milliseconds(entry.expires_at() + Duration::from_nanos(999_999))
}

/// A time out of a row.
pub(crate) fn time(milliseconds: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_to_the_millisecond_and_never_shortened() {
        let exact = UNIX_EPOCH + Duration::from_millis(1_767_225_600_123);
        assert_eq!(milliseconds(exact), 1_767_225_600_123);
        assert_eq!(time(1_767_225_600_123), exact);
        assert_eq!(end(&StoredEntry::new(*b"x", exact)), 1_767_225_600_123);
        let more = exact + Duration::from_nanos(1);
        assert_eq!(end(&StoredEntry::new(*b"x", more)), 1_767_225_600_124);
        assert_eq!(milliseconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(time(-1), UNIX_EPOCH);
        assert_eq!(time(i64::MAX), time(i64::MAX), "no time is too far");
    }
}
