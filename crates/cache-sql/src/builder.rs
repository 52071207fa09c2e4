//! Builds a store: what the connection string says, and what it cannot say.

use std::{path::PathBuf, sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, Clock, ConnectionString, Misconfigured, Section, StoreTokens, SystemClock,
};

use crate::{
    SqlStore, cleanup::Cleaning, dialect::Dialect, identifier::Identifier, kind::Kind, pool::Pool,
    store::Table,
};

/// What a [`SqlStore`] is made of.
///
/// Nothing is opened before the store is asked.
#[derive(Debug, Clone)]
pub struct SqlStoreBuilder {
    pub(crate) kind: Kind,
    pub(crate) connection: ConnectionString,
    pub(crate) schema: Named,
    pub(crate) table: Named,
    pub(crate) create_if_not_exists: Option<bool>,
    pub(crate) cleaning: Duration,
    pub(crate) authority: Authority,
    timeout: Duration,
    max_connections: Option<usize>,
    max_size: Option<u64>,
    credential: Option<Arc<dyn AcquireToken>>,
    clock: Arc<dyn Clock>,
}

/// Whom to trust: a file, and where that is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Authority {
    pub(crate) file: Option<PathBuf>,
    pub(crate) path: String,
}

/// A name, and where it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
    pub(crate) path: String,
}

impl Named {
    fn or(&self, otherwise: &str) -> Result<Identifier, Misconfigured> {
        Identifier::new(self.name.as_deref().unwrap_or(otherwise), &self.path)
    }
}

/// .NET's, too: `ExpiredItemsDeletionInterval`.
const CLEANING: Duration = Duration::from_mins(30);

/// Longer than anybody should wait, and short of what proxies allow.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An instance asks one short question at a time for each of its users who is not in memory.
const CONNECTIONS: usize = 8;

impl SqlStoreBuilder {
    pub(crate) fn new(kind: Kind, connection: ConnectionString) -> Self {
        Self {
            kind,
            connection,
            schema: Named { name: None, path: "SchemaName".to_owned() },
            table: Named { name: None, path: "TableName".to_owned() },
            create_if_not_exists: None,
            cleaning: CLEANING,
            authority: Authority { file: None, path: "CertificateAuthority".to_owned() },
            timeout: TIMEOUT,
            max_connections: None,
            max_size: None,
            credential: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The schema of the table, upper and lower case told apart: `public` in PostgreSQL, in MySQL
    /// the database of the connection string. SQLite has none.
    #[must_use]
    pub fn schema_name(mut self, name: impl Into<String>) -> Self {
        self.schema.name = Some(name.into());
        self
    }

    /// The table, upper and lower case told apart; `token_cache` where nothing is said.
    #[must_use]
    pub fn table_name(mut self, name: impl Into<String>) -> Self {
        self.table.name = Some(name.into());
        self
    }

    /// Whether a table that is missing is made, and its schema in PostgreSQL. Where nothing is said
    /// SQLite's is, the others' is not, as in .NET; the error shows the statement to run.
    #[must_use]
    pub fn create_if_not_exists(mut self, create: bool) -> Self {
        self.create_if_not_exists = Some(create);
        self
    }

    /// A PEM file with the authorities that the server's certificate may be signed by, besides those
    /// that are public. The server must show one, then, as with `SSL Mode=VerifyFull`.
    #[must_use]
    pub fn certificate_authority(mut self, file: impl Into<PathBuf>) -> Self {
        self.authority.file = Some(file.into());
        self
    }

    /// How long a question may take in all, connecting included; 5 seconds where nothing is said.
    /// How long a caller waits is [`SharedStore`](entra_abstractions::SharedStore)'s to say; a
    /// connection that takes longer is there for the next one.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// About how often rows that have ended are taken away, by one instance of all; half an hour
    /// where nothing is said.
    #[doc(alias = "ExpiredItemsDeletionInterval")]
    #[must_use]
    pub fn cleaning_interval(mut self, interval: Duration) -> Self {
        self.cleaning = interval;
        self
    }

    /// How many connections there are at most; where nothing is said what the connection string
    /// says, or 8.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// How many bytes the file of SQLite may grow to.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// Logs in to Azure Database for PostgreSQL or MySQL as an identity of Entra, without a
    /// password: each new connection asks this acquirer for the token that is current. A server
    /// that is not on this machine must prove its name then.
    ///
    /// ```
    /// # #[cfg(feature = "postgres")] {
    /// use std::{sync::Arc, time::SystemTime};
    /// use entra_abstractions::{AccessToken, Scheme, testing::FakeAcquirer};
    /// use entra_cache_sql::SqlStore;
    ///
    /// # let tokens = FakeAcquirer::new(|_| {
    /// #     Ok(AccessToken::new(Scheme::Bearer, "at".into(), SystemTime::UNIX_EPOCH)?)
    /// # });
    /// let server = "Host=shop.postgres.database.azure.com;Database=tokens;Username=shop-api";
    /// let store = SqlStore::postgres(server)?.credential(Arc::new(tokens)).build()?;
    /// # }
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    #[doc(alias = "UsePeriodicPasswordProvider")]
    #[must_use]
    pub fn credential(mut self, tokens: Arc<dyn AcquireToken>) -> Self {
        self.credential = Some(tokens);
        self
    }

    /// Whether the connection string leaves it to a [credential](Self::credential) to log in: it leads
    /// to Azure Database for PostgreSQL or MySQL, and has neither a password nor a certificate.
    pub fn wants_credential(&self) -> bool {
        match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite => false,
            #[cfg(feature = "postgres")]
            Kind::PostgreSql => self.leaves_login_open(&crate::postgres::NPGSQL),
            #[cfg(feature = "mysql")]
            Kind::MySql => self.leaves_login_open(&crate::mysql::MYSQL_CONNECTOR),
        }
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn leaves_login_open(&self, spelling: &crate::address::Spelling) -> bool {
        let address = crate::address::Address::new(&self.connection, spelling);
        address.is_ok_and(|address| address.leaves_login_open())
    }

    /// The clock by which entries end.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The store. Does no I/O.
    ///
    /// # Errors
    /// [`Misconfigured`] tells what is wrong with the connection string or a name; the developer
    /// must act.
    pub fn build(self) -> Result<SqlStore, Misconfigured> {
        match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite => self.build_sqlite(),
            #[cfg(feature = "postgres")]
            Kind::PostgreSql => self.build_postgres(),
            #[cfg(feature = "mysql")]
            Kind::MySql => self.build_mysql(),
        }
    }

    fn table(&self) -> Result<Identifier, Misconfigured> {
        self.table.or("token_cache")
    }

    fn share<D: Dialect>(self, dialect: D, connections: Option<usize>, creates: bool) -> SqlStore {
        let size = self.max_connections.or(connections).unwrap_or(CONNECTIONS).max(1);
        let creates = self.create_if_not_exists.unwrap_or(creates);
        let pool = Pool::new(dialect, size, self.timeout, creates);
        let table = Table::new(pool, self.clock, Cleaning::new(self.cleaning));
        SqlStore::new(Arc::new(table) as Arc<dyn StoreTokens>)
    }

    #[cfg(feature = "sqlite")]
    fn build_sqlite(self) -> Result<SqlStore, Misconfigured> {
        use crate::sqlite::{SqliteFile, place::Place};

        let place = Place::new(&self.connection)?;
        if self.schema.name.is_some() {
            let fault = Misconfigured::new("SQLite has no schemas").at(&self.schema.path);
            return Err(fault.hint("remove it"));
        }
        if self.credential.is_some() {
            return Err(Misconfigured::new("a file takes no credential").at(self.connection.path()));
        }
        if self.authority.file.is_some() {
            return Err(Misconfigured::new("a file shows no certificate").at(&self.authority.path));
        }
        let dialect = SqliteFile::new(place, self.max_size, self.table()?);
        // One writer and a few readers keep a disk busy.
        Ok(self.share(dialect, Some(4), true))
    }

    #[cfg(feature = "postgres")]
    fn build_postgres(mut self) -> Result<SqlStore, Misconfigured> {
        use crate::{
            address::Address,
            credential::Login,
            postgres::{NPGSQL, PostgreSql},
        };

        let mut address = Address::new(&self.connection, &NPGSQL)?;
        address.trust(&self.authority, self.connection.path())?;
        let login = Login::new(&mut address, self.credential.take(), self.connection.path())?;
        let names = [self.schema.or("public")?, self.table()?];
        let connections = address.connections;
        let dialect = PostgreSql::new(address, login, names, self.timeout);
        Ok(self.share(dialect, connections, false))
    }

    #[cfg(feature = "mysql")]
    fn build_mysql(mut self) -> Result<SqlStore, Misconfigured> {
        use crate::{
            address::Address,
            credential::Login,
            mysql::{MYSQL_CONNECTOR, MySqlServer},
        };

        let mut address = Address::new(&self.connection, &MYSQL_CONNECTOR)?;
        address.trust(&self.authority, self.connection.path())?;
        let login = Login::new(&mut address, self.credential.take(), self.connection.path())?;
        let schema = self.schema.name.is_some().then(|| self.schema.or("")).transpose()?;
        let connections = address.connections;
        let dialect = MySqlServer::new(address, login, schema, self.table()?, self.timeout);
        Ok(self.share(dialect, connections, false))
    }
}

/// A connection string out of code.
pub(crate) fn connection(text: &str) -> Result<ConnectionString, Misconfigured> {
    ConnectionString::of(&Section::default(), text)
}
