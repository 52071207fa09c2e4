//! Which kind of store it is, by the name that a configuration gives it.

use std::fmt;

use entra_abstractions::{Misconfigured, section::nearest};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Redis and what speaks its protocol: Azure Cache for Redis, Azure Managed Redis, Valkey.
    #[doc(alias = "AddStackExchangeRedisCache")]
    Redis,
    /// A file on this machine, for the processes of one machine.
    Sqlite,
    /// PostgreSQL.
    #[doc(alias = "AddDistributedPostgresCache")]
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
    /// SQL Server and Azure SQL.
    #[doc(alias = "AddDistributedSqlServerCache")]
    SqlServer,
    /// Azure Cosmos DB, by its API for `NoSQL`.
    #[doc(alias = "AddCosmosDbTokenCaches")]
    CosmosDb,
}

/// Each with its names, the first of which is the one that is told.
const NAMES: [(Kind, &[&str]); 6] = [
    (Kind::Redis, &["Redis"]),
    (Kind::Sqlite, &["Sqlite"]),
    (Kind::PostgreSql, &["PostgreSql", "Postgres"]),
    (Kind::MySql, &["MySql", "MariaDb"]),
    (Kind::SqlServer, &["SqlServer"]),
    (Kind::CosmosDb, &["CosmosDb", "Cosmos"]),
];

/// What shares nothing, under its names.
pub(crate) const MEMORY: [&str; 2] = ["Memory", "InMemory"];

/// All that can be written.
pub(crate) fn known_kinds() -> String {
    let names: Vec<&str> = NAMES.iter().map(|(kind, _)| kind.as_str()).chain([MEMORY[0]]).collect();
    format!("it is one of {}", names.join(", "))
}

impl Kind {
    /// The kind of this name, in any case of letters.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is none; it lists those that there are.
    pub fn parse(name: &str) -> Result<Self, Misconfigured> {
        let is_it = |one: &&str| one.eq_ignore_ascii_case(name.trim());
        let found = NAMES.iter().find(|(_, names)| names.iter().any(is_it));
        found.map(|(kind, _)| *kind).ok_or_else(|| {
            let known = NAMES.iter().flat_map(|(_, names)| *names).chain(&MEMORY);
            let known: Vec<&str> = known.copied().collect();
            let fault = Misconfigured::new("no kind of token cache has this name");
            fault.hint(match nearest(name, &known) {
                Some(meant) => format!("did you mean {meant}? {}", known_kinds()),
                None => known_kinds(),
            })
        })
    }

    /// As a configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Sqlite => "Sqlite",
            Self::PostgreSql => "PostgreSql",
            Self::MySql => "MySql",
            Self::SqlServer => "SqlServer",
            Self::CosmosDb => "CosmosDb",
        }
    }

    /// The feature of this crate without which it is not there.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Sqlite => "sqlite",
            Self::PostgreSql => "postgres",
            Self::MySql => "mysql",
            Self::SqlServer => "sqlserver",
            Self::CosmosDb => "cosmos",
        }
    }

    /// The entry of `ConnectionStrings` that samples for .NET have for it.
    pub(crate) fn connection_string(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::PostgreSql => "PostgresCache",
            Self::Sqlite | Self::MySql | Self::SqlServer => "TokenCacheDb",
            Self::CosmosDb => "Cosmos",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
