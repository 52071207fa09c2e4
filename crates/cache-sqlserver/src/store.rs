//! The store: one statement for each request, within a time, on a connection that works.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use entra_abstractions::{
    ConnectionString, Misconfigured, Section, StoreError, StoreKey, StoreTokens, StoredEntry,
};
use tiberius::{Row, ToSql, error::Error};
use tokio::time::timeout;

use crate::{
    builder::SqlServerStoreBuilder,
    connect::{Connection, Door, Unconnected},
    pool::Pool,
    table::{Found, MAX_VALUE, Table},
    words,
};

/// Entries in a table of SQL Server, Azure SQL Database or Azure SQL Managed Instance.
///
/// It is cheap to clone; all clones share their connections, which are opened at the first use. An
/// entry ends by the clock of the server.
#[doc(alias = "AddDistributedSqlServerCache")]
#[doc(alias = "SqlServerCache")]
#[derive(Clone)]
pub struct SqlServerStore(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) door: Door,
    pub(crate) table: Table,
    pub(crate) creates_table: bool,
    pub(crate) timeout: Duration,
    pub(crate) pool: Pool,
    /// Whether the table was found to be ours.
    pub(crate) is_ready: AtomicBool,
    pub(crate) writes: AtomicU64,
}

/// After so many writes of this store's, ended rows are looked for: fewer than one cleaning takes
/// away, so that the table shrinks back to what is alive, however it grew.
const WRITES_BETWEEN_CLEANINGS: u64 = 500;

impl SqlServerStore {
    /// A store in the database that this connection string leads to, in the syntax of `SqlClient`.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is none; the developer must act.
    pub fn builder(text: &str) -> Result<SqlServerStoreBuilder, Misconfigured> {
        Ok(SqlServerStoreBuilder::new(ConnectionString::of(&Section::default(), text)?))
    }

    /// A store as the section `TokenCache` says: `ConnectionString` (which may name an entry of
    /// `ConnectionStrings` in `root`), `SchemaName`, `TableName`, `CreateIfNotExists`.
    ///
    /// Where the connection string says to log in with a token, use
    /// [`SqlServerStoreBuilder::from_section`], and hand in who acquires it.
    ///
    /// # Errors
    /// [`Misconfigured`], for the developer. Nothing is connected to yet.
    pub fn from_section(cache: &Section, root: &Section) -> Result<Self, Misconfigured> {
        SqlServerStoreBuilder::from_section(cache, root)?.build()
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    fn error(&self, what: impl AsRef<str>) -> StoreError {
        StoreError::new(&self.0.name, what)
    }

    /// The rows that a statement answers with, within the store's time.
    ///
    /// A caller may give up long before that. The request goes on without them, in a task that ends
    /// in time: so the connection is there for the next caller, who else would give up on the same
    /// handshake. Nobody breaks a connection by going away.
    async fn ask(&self, ask: Ask) -> Result<Vec<Row>, StoreError> {
        let store = self.clone();
        let asking = tokio::spawn(async move {
            let limit = store.0.timeout;
            let late = |_| Err(store.error(format!("cannot be reached: no answer within {limit:?}")));
            timeout(limit, store.ask_long(&ask)).await.unwrap_or_else(late)
        });
        asking.await.unwrap_or_else(|_| Err(self.error("was not asked to the end: the runtime shuts down")))
    }

    /// On an idle connection; where that turns out to be broken, or leads to a server that takes no
    /// writes, or there is none, on a new one.
    async fn ask_long(&self, ask: &Ask) -> Result<Vec<Row>, StoreError> {
        let Inner { pool, .. } = &*self.0;
        let _slot = pool.slot().await;
        let mut goes_past = false;
        if let Some(mut connection) = pool.take() {
            let asked = self.ask_on(&mut connection, ask).await;
            match self.keep(connection, asked) {
                Err(error) if words::is_read_only(&error) && pool.goes_past() => goes_past = true,
                Err(error) if !words::spares_the_connection(&error) => pool.clear(),
                asked => return asked.map_err(|error| self.refused(&error)),
            }
        }
        let mut connection = self.0.door.connect().await.map_err(|error| self.unconnected(error))?;
        if !self.0.is_ready.load(Ordering::Acquire) {
            self.prepare(&mut connection).await?;
        }
        let asked = self.ask_on(&mut connection, ask).await;
        if goes_past {
            // Reads go on with what there is, unless this one leads elsewhere.
            match &asked {
                Ok(_) => pool.clear(),
                Err(error) => return Err(self.refused(error)),
            }
        }
        self.keep(connection, asked).map_err(|error| self.refused(&error))
    }

    async fn ask_on(&self, connection: &mut Connection, ask: &Ask) -> Result<Vec<Row>, Error> {
        let table = &self.0.table;
        let asked = ask.on(connection, table).await;
        match asked {
            // The server picked this one of two that waited for each other, and undid it.
            Err(error) if error.is_deadlock() => ask.on(connection, table).await,
            asked => asked,
        }
    }

    fn keep(&self, connection: Connection, asked: Result<Vec<Row>, Error>) -> Result<Vec<Row>, Error> {
        if asked.as_ref().map_or_else(words::spares_the_connection, |_| true) {
            self.0.pool.give_back(connection);
        }
        asked
    }

    /// Sees to it that the table is there, and is ours.
    async fn prepare(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let Inner { table, creates_table, is_ready, .. } = &*self.0;
        let mut found = self.look(connection).await?;
        if found == Found::Nothing && *creates_table {
            match ask_once(connection, &table.create, &[]).await {
                // Another instance was first.
                Err(error) if !words::is_made_already(&error) => {
                    let why = words::of(&error);
                    let Table { name, create, .. } = table;
                    return Err(self.error(format!("the table {name} cannot be created, since the server {why}; somebody who may must run: {create}")));
                }
                Ok(_) | Err(_) => found = self.look(connection).await?,
            }
        }
        let Table { name, create, .. } = table;
        match found {
            Found::Ours => {
                is_ready.store(true, Ordering::Release);
                Ok(())
            }
            Found::Nothing => Err(self.error(format!(
                "there is no table {name}, or this login may not see it; set CreateIfNotExists, or run: {create}"
            ))),
            Found::DotNets => Err(self.error(format!(
                "the table {name} is a cache of .NET's, which stays as it is; give another SchemaName or TableName"
            ))),
            Found::Others => Err(self.error(format!(
                "the table {name} has other columns than a token cache, and stays as it is; give another SchemaName or TableName"
            ))),
        }
    }

    async fn look(&self, connection: &mut Connection) -> Result<Found, StoreError> {
        let Table { name, look, .. } = &self.0.table;
        let rows = ask_once(connection, look, &[name]).await.map_err(|error| self.refused(&error))?;
        let column = |row: &Row| -> Result<_, Error> {
            let (name, kind) = (row.try_get::<&str, _>(0)?, row.try_get::<&str, _>(1)?);
            let length: Option<i16> = row.try_get(2)?;
            Ok((
                name.unwrap_or_default().to_owned(),
                kind.unwrap_or_default().to_owned(),
                length.unwrap_or_default(),
            ))
        };
        let columns: Result<Vec<_>, _> = rows.iter().map(column).collect();
        Ok(Table::recognise(&columns.map_err(|error| self.refused(&error))?))
    }

    fn refused(&self, error: &Error) -> StoreError {
        if words::is_missing_table(error) {
            // The next connection looks again, and creates it where it may.
            self.0.is_ready.store(false, Ordering::Release);
            self.0.pool.clear();
            let Table { name, create, .. } = &self.0.table;
            return self.error(format!(
                "the table {name} is gone, or this login may not see it; it is made by: {create}"
            ));
        }
        self.error(words::of(error))
    }

    fn unconnected(&self, error: Unconnected) -> StoreError {
        match error {
            Unconnected::Server(error) => self.error(words::of(&error)),
            Unconnected::Token(error) => self.error("there is no token to log in with").with_source(error),
        }
    }

    fn check_size(&self, entry: &StoredEntry) -> Result<(), StoreError> {
        if entry.bytes().len() <= MAX_VALUE {
            return Ok(());
        }
        Err(self.error("keeps no entry of more than 1 MiB"))
    }

    fn unreadable(&self) -> StoreError {
        self.error("answers with something other than the row that was asked for")
    }

    /// Lets a thousand rows go that have ended, every now and then. What is written is written,
    /// whether or not this succeeds.
    async fn clean_now_and_then(&self) {
        if self.0.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(WRITES_BETWEEN_CLEANINGS)
            && let Err(error) = self.ask(Ask::Clean).await
        {
            tracing::debug!(%error, "ended entries were not cleaned away");
        }
    }
}

async fn ask_once(
    connection: &mut Connection,
    statement: &str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<Row>, Error> {
    connection.query(statement, parameters).await?.into_first_result().await
}

/// One request of a store's, with all that goes along.
enum Ask {
    Get(StoreKey),
    Put(StoreKey, StoredEntry),
    PutNew(StoreKey, StoredEntry),
    Remove(StoreKey),
    Clean,
}

impl Ask {
    async fn on(&self, connection: &mut Connection, table: &Table) -> Result<Vec<Row>, Error> {
        match self {
            Self::Get(key) => ask_once(connection, &table.get, &[&key.as_bytes().as_slice()]).await,
            Self::Remove(key) => ask_once(connection, &table.remove, &[&key.as_bytes().as_slice()]).await,
            Self::Clean => ask_once(connection, &table.clean, &[]).await,
            Self::Put(key, entry) | Self::PutNew(key, entry) => {
                let statement = if matches!(self, Self::Put(..)) { &table.put } else { &table.put_new };
                let expires_at = milliseconds(entry.expires_at());
                ask_once(connection, statement, &[&key.as_bytes().as_slice(), &entry.bytes(), &expires_at])
                    .await
            }
        }
    }
}

#[async_trait]
impl StoreTokens for SqlServerStore {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let rows = self.ask(Ask::Get(*key)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        match (row.try_get::<&[u8], _>(0), row.try_get::<i64, _>(1)) {
            (Ok(Some(value)), Ok(Some(milliseconds))) => {
                let since_1970 = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
                let expires_at = SystemTime::UNIX_EPOCH.checked_add(since_1970);
                Ok(Some(StoredEntry::new(value, expires_at.ok_or_else(|| self.unreadable())?)))
            }
            // Larger than any of ours.
            (Ok(None), Ok(_)) => Ok(Some(StoredEntry::unreadable())),
            _ => Err(self.unreadable()),
        }
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.check_size(&entry)?;
        self.ask(Ask::Put(*key, entry)).await?;
        self.clean_now_and_then().await;
        Ok(())
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.check_size(&entry)?;
        Ok(!self.ask(Ask::PutNew(*key, entry)).await?.is_empty())
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        let rows = self.ask(Ask::Remove(*key)).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        row.try_get::<bool, _>(0).ok().flatten().ok_or_else(|| self.unreadable())
    }
}

/// Rounded up: an entry is never let go before its time.
fn milliseconds(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

impl fmt::Debug for SqlServerStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlServerStore({}, {:?})", self.0.table.name, self.0.pool)
    }
}
