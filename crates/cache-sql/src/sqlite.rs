//! SQLite: one file on one machine, shared by the processes that may open it.

pub(crate) mod place;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Error, Row, Sqlite, SqliteConnection,
    error::DatabaseError,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::{
    dialect::{self, Argument, Asking, Dialect, Statements, query},
    error::{Failure, Kind},
    identifier::Identifier,
    pause::pause,
};
use place::Place;

/// A file, and a table in it.
#[derive(Debug)]
pub(crate) struct SqliteFile {
    name: String,
    place: Place,
    max_size: Option<u64>,
    table: Identifier,
    statements: Statements,
}

/// How long a writer waits for one of another process: batches of the cleaning take ten
/// milliseconds, so this is a process that was stopped in the middle.
const BUSY: Duration = Duration::from_secs(2);

/// What SQLite's pages have where nobody chose another size.
const PAGE: u64 = 4096;

impl SqliteFile {
    pub(crate) fn new(place: Place, max_size: Option<u64>, table: Identifier) -> Self {
        let statements = statements(&table);
        Self { name: format!("sqlite {}", place.file.display()), place, max_size, table, statements }
    }

    /// Makes an empty file that nobody else may read; SQLite gives its log the same permissions.
    /// Directories are not made: one that is missing is most likely a volume that is not mounted.
    async fn create_file(&self) -> Result<(), Failure> {
        let file = self.place.file.clone();
        let made = tokio::task::spawn_blocking(move || {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(file).map(drop)
        });
        match made.await {
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                let kind = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => Kind::Permission,
                    std::io::ErrorKind::ReadOnlyFilesystem => Kind::ReadOnly,
                    std::io::ErrorKind::StorageFull => Kind::Full,
                    _ => Kind::Away,
                };
                Err(Failure::new(kind, format!("the file cannot be made ({error})")))
            }
            _ => Ok(()),
        }
    }
}

fn statements(table: &Identifier) -> Statements {
    let index = format!("\"{}_expires_at\"", table.as_str());
    let table = table.quoted('"');
    let batch = SqliteFile::BATCH;
    let put = format!(
        "INSERT INTO {table} (id, value, expires_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
    );
    Statements {
        get: format!(
            "SELECT CASE WHEN typeof(value) = 'blob' AND length(value) <= 1048576 THEN value END, expires_at \
             FROM {table} WHERE id = ?1 AND expires_at > ?2"
        )
        .into(),
        put_new: format!("{put} WHERE {table}.expires_at <= ?4").into(),
        put: put.into(),
        remove: format!("DELETE FROM {table} WHERE id = ?1 AND expires_at > ?2").into(),
        clean: format!(
            "DELETE FROM {table} WHERE id IN \
             (SELECT id FROM {table} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT {batch})"
        )
        .into(),
        create: include_str!("../migrations/sqlite/1_table.sql")
            .replace("{table}", &table)
            .replace("{index}", &index),
        types: ["blob", "blob", "integer"],
    }
}

impl Dialect for SqliteFile {
    type Connection = SqliteConnection;
    const ONE_WRITER: bool = true;
    // Who writes waits for the whole of a batch.
    const BATCH: u64 = 200;

    fn name(&self) -> &str {
        &self.name
    }

    fn statements(&self) -> &Statements {
        &self.statements
    }

    fn connect(&self) -> BoxFuture<'_, Result<SqliteConnection, Failure>> {
        Box::pin(async move {
            if self.place.may_create {
                self.create_file().await?;
            }
            let options = SqliteConnectOptions::new()
                .filename(&self.place.file)
                .busy_timeout(BUSY)
                .synchronous(SqliteSynchronous::Normal)
                .disable_statement_logging();
            let options = match self.max_size {
                Some(bytes) => options.pragma("max_page_count", (bytes / PAGE).max(8).to_string()),
                None => options,
            };
            let mut connection = options.connect().await.map_err(|error| self.failure(&error))?;
            write_ahead(&mut connection).await.map_err(|error| self.failure(&error))?;
            Ok(connection)
        })
    }

    fn columns<'a>(&'a self, on: &'a mut SqliteConnection) -> Asking<'a, Vec<[String; 2]>> {
        Box::pin(async move {
            let query = sqlx::query("SELECT name, lower(type) FROM pragma_table_info(?1)");
            let rows = query.bind(self.table.as_str()).fetch_all(on).await?;
            rows.iter().map(|row| Ok([row.try_get(0)?, row.try_get(1)?])).collect()
        })
    }

    fn create<'a>(&'a self, on: &'a mut SqliteConnection) -> Asking<'a, ()> {
        Box::pin(async move {
            let sql = AssertSqlSafe(self.statements.create.clone());
            sqlx::raw_sql(sql).execute(on).await.map(drop)
        })
    }

    fn fetch<'a>(
        &'a self,
        on: &'a mut SqliteConnection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, Option<dialect::Row>> {
        Box::pin(async move {
            let row = query::<Sqlite>(sql, arguments).fetch_optional(on).await?;
            row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
        })
    }

    fn execute<'a>(
        &'a self,
        on: &'a mut SqliteConnection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, u64> {
        Box::pin(async move { Ok(query::<Sqlite>(sql, arguments).execute(on).await?.rows_affected()) })
    }

    fn failure(&self, error: &Error) -> Failure {
        match error {
            Error::Database(error) => failure(error.as_ref()),
            other => Failure::of_driver(other),
        }
    }
}

/// Readers and the writer do not wait for each other, and a process that is killed in the middle of
/// a write leaves nothing half written. The file remembers it; turning to it cannot be waited for,
/// so of those that do it at once all but one try again.
async fn write_ahead(connection: &mut SqliteConnection) -> Result<(), Error> {
    loop {
        let turned = sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut *connection).await;
        match turned {
            Err(Error::Database(error)) if primary(error.as_ref()) == 5 => {
                pause(Duration::from_millis(5)).await;
            }
            other => return other.map(drop),
        }
    }
}

/// The first eight bits of SQLite's number say what happened, the others where.
fn primary(error: &dyn DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default() & 0xff
}

fn failure(error: &dyn DatabaseError) -> Failure {
    let says = error.message();
    match primary(error) {
        3 | 23 => Failure::new(Kind::Permission, says),
        5 | 6 => Failure::new(Kind::Busy, "another process holds the lock of the file"),
        8 => Failure::new(Kind::ReadOnly, "the file, or its directory, may not be written to"),
        10 => Failure::new(Kind::Away, "the disk failed"),
        11 | 26 => Failure::new(Kind::Foreign, "the file is damaged, or is none of SQLite; move it away"),
        13 => Failure::new(Kind::Full, "the disk, or what the file may grow to"),
        14 => Failure::new(Kind::Away, "the file cannot be opened; look for its directory and permissions"),
        1 if says.starts_with("no such table") => Failure::new(Kind::Missing, ""),
        1 if says.contains("no column") || says.contains("no such column") => {
            Failure::new(Kind::Foreign, says)
        }
        _ => Failure::new(Kind::Other, says),
    }
}
