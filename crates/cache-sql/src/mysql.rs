//! MySQL and MariaDB, on this machine or anywhere, Azure Database for MySQL included.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Error, MySql, MySqlConnection, Row,
    error::DatabaseError,
    mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode},
};

use crate::{
    address::{Address, Spelling, Tls},
    credential::Login,
    dialect::{self, Argument, Asking, Dialect, Statements, query},
    error::{Failure, Kind, unnamed},
    identifier::Identifier,
};

/// A server, and a table in one of its databases, which it calls schemas as well.
#[derive(Debug)]
pub(crate) struct MySqlServer {
    name: String,
    address: Address,
    login: Login,
    /// Where it is not the database that the connection string names.
    schema: Option<Identifier>,
    table: Identifier,
    statements: Statements,
    timeout: Duration,
}

impl MySqlServer {
    pub(crate) fn new(
        address: Address,
        login: Login,
        schema: Option<Identifier>,
        table: Identifier,
        timeout: Duration,
    ) -> Self {
        let quoted = match &schema {
            Some(schema) => format!("{}.{}", schema.quoted('`'), table.quoted('`')),
            None => table.quoted('`'),
        };
        let statements = statements(&quoted);
        Self { name: address.name("mysql"), address, login, schema, table, statements, timeout }
    }

    async fn options(&self) -> Result<MySqlConnectOptions, Failure> {
        let address = &self.address;
        let mut options = MySqlConnectOptions::new()
            .port(address.port)
            .database(&address.database)
            .username(address.user.expose())
            // Nothing that these would change occurs in a statement; each would cost a round trip.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false)
            // A token goes as it is, which Azure asks for; TLS is verified where there is one.
            .enable_cleartext_plugin(self.login.is_token())
            .ssl_mode(match address.tls {
                Tls::Off => MySqlSslMode::Disabled,
                Tls::IfOffered => MySqlSslMode::Preferred,
                Tls::Unverified => MySqlSslMode::Required,
                Tls::Signed => MySqlSslMode::VerifyCa,
                Tls::Verified => MySqlSslMode::VerifyIdentity,
            })
            .disable_statement_logging();
        options = if address.host.starts_with('/') {
            options.socket(&address.host)
        } else {
            options.host(&address.host)
        };
        let pem = address.pem().await?;
        if let Some(root) = pem.root {
            options = options.ssl_ca_from_pem(root);
        }
        if let Some((certificate, key)) = pem.client {
            options = options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
        }
        Ok(match self.login.password().await? {
            Some(password) => options.password(password.expose()),
            None => options,
        })
    }
}

fn statements(table: &str) -> Statements {
    let batch = MySqlServer::BATCH;
    let insert =
        format!("INSERT INTO {table} (id, value, expires_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE");
    Statements {
        get: format!(
            "SELECT CASE WHEN length(value) <= 1048576 THEN value END, expires_at FROM {table} \
             WHERE id = ? AND expires_at > ?"
        )
        .into(),
        put: format!("{insert} value = VALUES(value), expires_at = VALUES(expires_at)").into(),
        // What the server says of changed rows does not tell a row that was there from one that is
        // new, so the statement says it: LAST_INSERT_ID is 1 where the row stays, else 0.
        // Assignments are made from left to right, so the second one must not look at the first.
        put_new: format!(
            "{insert} value = IF(LAST_INSERT_ID(expires_at > ?), value, VALUES(value)), \
             expires_at = IF(expires_at > ?, expires_at, VALUES(expires_at))"
        )
        .into(),
        remove: format!("DELETE FROM {table} WHERE id = ? AND expires_at > ?").into(),
        clean: format!("DELETE FROM {table} WHERE expires_at <= ? ORDER BY expires_at LIMIT {batch}").into(),
        create: include_str!("../migrations/mysql/1_table.sql")
            .replace("{table}", table)
            .replace("{index}", "`expires_at`"),
        types: ["binary(32)", "mediumblob", "bigint"],
    }
}

impl Dialect for MySqlServer {
    type Connection = MySqlConnection;
    const ONE_WRITER: bool = false;
    const NOWS: usize = 2;

    fn name(&self) -> &str {
        &self.name
    }

    fn statements(&self) -> &Statements {
        &self.statements
    }

    fn connect(&self) -> BoxFuture<'_, Result<MySqlConnection, Failure>> {
        Box::pin(async move {
            let options = self.options().await?;
            let mut connection = options.connect().await.map_err(|error| self.failure(&error))?;
            // Statements lock the rows that they change and no gaps between them, in which writers
            // of different keys would meet; and none waits longer than anybody waits for it.
            let seconds = self.timeout.as_secs().max(1);
            let sql = format!(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                 SET SESSION innodb_lock_wait_timeout = {seconds}"
            );
            let set = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            set.map_err(|error| self.failure(&error))?;
            Ok(connection)
        })
    }

    fn columns<'a>(&'a self, on: &'a mut MySqlConnection) -> Asking<'a, Vec<[String; 2]>> {
        Box::pin(async move {
            let query = sqlx::query(
                "SELECT CAST(column_name AS CHAR), CAST(LOWER(column_type) AS CHAR) \
                 FROM information_schema.columns \
                 WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?",
            );
            let query = query.bind(self.schema.as_ref().map(Identifier::as_str));
            let rows = query.bind(self.table.as_str()).fetch_all(on).await?;
            rows.iter().map(|row| Ok([row.try_get(0)?, row.try_get(1)?])).collect()
        })
    }

    fn create<'a>(&'a self, on: &'a mut MySqlConnection) -> Asking<'a, ()> {
        Box::pin(async move {
            let sql = AssertSqlSafe(self.statements.create.clone());
            sqlx::raw_sql(sql).execute(on).await.map(drop)
        })
    }

    fn fetch<'a>(
        &'a self,
        on: &'a mut MySqlConnection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, Option<dialect::Row>> {
        Box::pin(async move {
            let row = query::<MySql>(sql, arguments).fetch_optional(on).await?;
            row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
        })
    }

    fn execute<'a>(
        &'a self,
        on: &'a mut MySqlConnection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, u64> {
        Box::pin(async move {
            let done = query::<MySql>(sql, arguments).execute(on).await?;
            Ok(if done.last_insert_id() == 1 { 0 } else { done.rows_affected() })
        })
    }

    fn failure(&self, error: &Error) -> Failure {
        match error {
            Error::Database(error) => failure(error.as_ref(), self.address.user.expose()),
            other => Failure::of_driver(other),
        }
    }
}

/// By the numbers that both servers share:
/// <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>.
fn failure(error: &dyn DatabaseError, user: &str) -> Failure {
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
    let number = number.unwrap_or_default();
    let kind = match number {
        1045 | 1130 | 1251 | 1524 | 1698 | 3118 | 3159 => Kind::Login,
        1044 | 1142 | 1143 | 1227 | 1370 => Kind::Permission,
        1290 | 1792 | 1836 | 3100 => Kind::ReadOnly,
        1021 | 1030 | 1114 => Kind::Full,
        1040 | 1203 | 1226 => Kind::Busy,
        1205 | 1213 => Kind::Conflict,
        1317 | 1969 | 3024 => Kind::Slow,
        1146 => Kind::Missing,
        1054 | 1366 | 1406 => Kind::Foreign,
        // Shutting down, or the connection was ended from the other side.
        1053 | 1077..=1080 | 1152..=1161 | 1184 | 1243 | 1927 | 3169 | 4031 => Kind::Away,
        _ => Kind::Other,
    };
    Failure::new(kind, format!("{} ({number})", unnamed(error.message(), user)))
}

/// <https://mysqlconnector.net/connection-options/>
pub(crate) const MYSQL_CONNECTOR: Spelling = Spelling {
    schemes: &["mysql", "mariadb"],
    port: 3306,
    host: &["Server", "Host", "Data Source", "Address", "Addr", "Network Address"],
    database: &["Database", "Initial Catalog"],
    user: &["User ID", "Username", "User Name", "User", "Uid"],
    password: &["Password", "Pwd"],
    tls: &["SSL Mode"],
    root_certificate: &["SSL CA", "CA Certificate File", "Ssl-Ca"],
    client_certificate: &["SSL Cert", "SslCertificate", "Ssl-Cert"],
    client_key: &["SSL Key", "Ssl-Key"],
    connections: &["Maximum Pool Size", "Max Pool Size"],
    application: &["Application Name"],
    revocation: &[],
    channel_binding: &[],
    meaningless: &[
        "Allow Load Local Infile",
        "Allow Public Key Retrieval",
        "Allow User Variables",
        "Allow Zero DateTime",
        "Auto Enlist",
        "Cancellation Timeout",
        "Character Set",
        "CharSet",
        "Command Timeout",
        "Connect Timeout",
        "Connection Idle Ping Time",
        "Connection Idle Timeout",
        "Connection Lifetime",
        "Connection Reset",
        "Connection Timeout",
        "Convert Zero DateTime",
        "Date Time Kind",
        "Default Command Timeout",
        "DNS Check Interval",
        "Force Synchronous",
        "Guid Format",
        "Ignore Command Transaction",
        "Ignore Prepare",
        "Interactive Session",
        "Keepalive",
        "Keep Alive",
        "Load Balance",
        "Minimum Pool Size",
        "Min Pool Size",
        "No Backslash Escapes",
        "Old Guids",
        "Persist Security Info",
        "Pipelining",
        "Pooling",
        "Server Redirection Mode",
        "Server SPN",
        "Treat Tiny As Boolean",
        "Use Affected Rows",
        "Use Compression",
        "Use XA Transactions",
    ],
};
