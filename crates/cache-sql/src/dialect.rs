//! In what the databases differ: how a connection is opened, how statements are spelled, what the
//! numbers of their errors mean.

use std::{fmt::Debug, sync::Arc};

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, Connection, Database, Encode, Error, Type, query::Query};

use crate::error::Failure;

/// A database: one value for each store, asked by its pool.
pub(crate) trait Dialect: Debug + Send + Sync + 'static {
    /// An open connection.
    type Connection: Connection + Send + 'static;

    /// Whether it takes one writer at a time, so that ours had better wait for each other here.
    const ONE_WRITER: bool;

    /// How often `put_new` takes the time that it is now: parameters of MySQL have no numbers.
    const NOWS: usize = 1;

    /// How many rows one statement of the cleaning takes away: some ten milliseconds of work.
    const BATCH: u64 = 1_000;

    /// What it is called in errors, without a password.
    fn name(&self) -> &str;

    /// How each question is spelled.
    fn statements(&self) -> &Statements;

    /// Opens a connection and says how it is to behave.
    fn connect(&self) -> BoxFuture<'_, Result<Self::Connection, Failure>>;

    /// The columns of the table, with their types in lower case; none where there is no table.
    fn columns<'a>(&'a self, on: &'a mut Self::Connection) -> Asking<'a, Vec<[String; 2]>>;

    /// Makes the table, unless another one just did.
    fn create<'a>(&'a self, on: &'a mut Self::Connection) -> Asking<'a, ()>;

    /// One row at most: the value of an entry, and until when it is kept.
    fn fetch<'a>(
        &'a self,
        on: &'a mut Self::Connection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, Option<Row>>;

    /// How many rows a statement changed.
    fn execute<'a>(
        &'a self,
        on: &'a mut Self::Connection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, u64>;

    /// What it means that this went wrong.
    fn failure(&self, error: &Error) -> Failure;
}

/// What is asked of the driver, on its way.
pub(crate) type Asking<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// The value of an entry, if it can be one of ours, and until when it is kept.
pub(crate) type Row = (Option<Vec<u8>>, i64);

/// The statements of one table. Each is prepared once for each connection.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Key, now: the value and its time, where there is one that has not ended. Nothing for the value
    /// where it is larger than any of ours.
    pub(crate) get: Arc<str>,
    /// Key, value, time.
    pub(crate) put: Arc<str>,
    /// Key, value, time, now: changes a row unless there is one that has not ended.
    pub(crate) put_new: Arc<str>,
    /// Key, now.
    pub(crate) remove: Arc<str>,
    /// A time: a batch of what ended before it.
    pub(crate) clean: Arc<str>,
    /// How the table is made; shown to whoever has to do that by hand.
    pub(crate) create: String,
    /// What the types of `id`, `value` and `expires_at` begin with.
    pub(crate) types: [&'static str; 3],
}

/// A larger entry is not kept: a token has 2 to 16 KiB.
pub(crate) const MAX_VALUE: usize = 1024 * 1024;

/// What stands for a parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Argument<'a> {
    Bytes(&'a [u8]),
    Number(i64),
}

/// A statement with its parameters.
pub(crate) fn query<DB>(sql: &Arc<str>, arguments: &[Argument<'_>]) -> Query<'static, DB, DB::Arguments>
where
    DB: Database,
    for<'t> &'t [u8]: Encode<'t, DB> + Type<DB>,
    for<'t> i64: Encode<'t, DB> + Type<DB>,
{
    // The names in it are the only part that is not ours, and `identifier` has looked at them.
    let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
    arguments.iter().fold(query, |query, argument| match argument {
        Argument::Bytes(bytes) => query.bind(*bytes),
        Argument::Number(number) => query.bind(*number),
    })
}

/// Whether columns are those of a table of ours. More of them do not matter: a later version may
/// have added some.
pub(crate) fn is_ours(columns: &[[String; 2]], types: [&str; 3]) -> bool {
    ["id", "value", "expires_at"].iter().zip(types).all(|(name, begin)| {
        columns.iter().any(|[column, of_type]| column == name && of_type.starts_with(begin))
    })
}

/// Whether columns are those with which .NET keeps a distributed cache, whoever wrote it.
pub(crate) fn is_dotnets(columns: &[[String; 2]]) -> bool {
    columns.iter().any(|[column, _]| {
        let folded = column.replace('_', "").to_ascii_lowercase();
        ["expiresattime", "slidingexpirationinseconds", "absoluteexpiration"].contains(&folded.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns<const N: usize>(columns: [(&str, &str); N]) -> Vec<[String; 2]> {
        columns.map(|(name, of_type)| [name.to_owned(), of_type.to_owned()]).to_vec()
    }

    #[test]
    fn a_table_of_ours_is_told_from_one_of_dotnets() {
        let ours = columns([("id", "bytea"), ("value", "bytea"), ("expires_at", "bigint")]);
        assert!(is_ours(&ours, ["bytea", "bytea", "bigint"]) && !is_dotnets(&ours));
        assert!(!is_ours(&ours, ["binary(32)", "mediumblob", "bigint"]));
        for name in ["ExpiresAtTime", "expiresattime", "expires_at_time", "AbsoluteExpiration"] {
            let theirs = columns([("Id", "varchar(449)"), ("Value", "bytea"), (name, "timestamptz")]);
            assert!(is_dotnets(&theirs) && !is_ours(&theirs, ["bytea", "bytea", "bigint"]), "{name}");
        }
        assert!(!is_ours(&[], ["blob", "blob", "integer"]) && !is_dotnets(&[]));
    }
}
