//! PostgreSQL, on this machine or anywhere, Azure Database for PostgreSQL included.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Error, PgConnection, Postgres, Row,
    error::DatabaseError,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{
    address::{Address, Spelling, Tls},
    credential::Login,
    dialect::{self, Argument, Asking, Dialect, Statements, query},
    error::{Failure, Kind, unnamed},
    identifier::Identifier,
};

/// A database, and a table in one of its schemas.
#[derive(Debug)]
pub(crate) struct PostgreSql {
    name: String,
    address: Address,
    login: Login,
    schema: Identifier,
    /// Schema and table, quoted.
    table: String,
    statements: Statements,
    timeout: Duration,
}

/// What tells instances that create the table at once to do it one by one: any number that others do
/// not use.
const LOCK: i64 = 0x656e_7472_6172_7371;

impl PostgreSql {
    pub(crate) fn new(
        address: Address,
        login: Login,
        [schema, table]: [Identifier; 2],
        timeout: Duration,
    ) -> Self {
        let index = format!("\"{}_expires_at\"", table.as_str());
        let table = format!("{}.{}", schema.quoted('"'), table.quoted('"'));
        let statements = statements(&table, &index);
        Self { name: address.name("postgresql"), address, login, schema, table, statements, timeout }
    }

    async fn options(&self) -> Result<PgConnectOptions, Failure> {
        let address = &self.address;
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&address.host)
            .port(address.port)
            .database(&address.database)
            .username(address.user.expose())
            .application_name(address.application.as_deref().unwrap_or("entra-cache-sql"))
            .extra_float_digits(None)
            .ssl_mode(match address.tls {
                Tls::Off => PgSslMode::Disable,
                Tls::IfOffered => PgSslMode::Prefer,
                Tls::Unverified => PgSslMode::Require,
                Tls::Signed => PgSslMode::VerifyCa,
                Tls::Verified => PgSslMode::VerifyFull,
            })
            .disable_statement_logging();
        let pem = address.pem().await?;
        // Where there is none, too: else sqlx takes the one that the environment names.
        options = options.ssl_root_cert_from_pem(pem.root.unwrap_or_default());
        if let Some((certificate, key)) = pem.client {
            options = options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
        }
        let password = self.login.password().await?;
        // As for the certificate.
        Ok(options.password(password.as_ref().map_or("", |password| password.expose())))
    }
}

fn statements(table: &str, index: &str) -> Statements {
    let batch = PostgreSql::BATCH;
    let put = format!(
        "INSERT INTO {table} AS t (id, value, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
    );
    Statements {
        get: format!(
            "SELECT CASE WHEN octet_length(value) <= 1048576 THEN value END, expires_at FROM {table} \
             WHERE id = $1 AND expires_at > $2"
        )
        .into(),
        put_new: format!("{put} WHERE t.expires_at <= $4").into(),
        put: put.into(),
        remove: format!("DELETE FROM {table} WHERE id = $1 AND expires_at > $2").into(),
        // Rows that somebody writes at this moment are passed by: they are not waited for, and what
        // was just written is not taken away.
        clean: format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE expires_at <= $1 \
             ORDER BY expires_at LIMIT {batch} FOR UPDATE SKIP LOCKED)"
        )
        .into(),
        create: include_str!("../migrations/postgres/1_table.sql")
            .replace("{table}", table)
            .replace("{index}", index),
        types: ["bytea", "bytea", "bigint"],
    }
}

impl Dialect for PostgreSql {
    type Connection = PgConnection;
    const ONE_WRITER: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    fn statements(&self) -> &Statements {
        &self.statements
    }

    fn connect(&self) -> BoxFuture<'_, Result<PgConnection, Failure>> {
        Box::pin(async move {
            let options = self.options().await?;
            let mut connection = options.connect().await.map_err(|error| self.failure(&error))?;
            // The server gives up, too: a statement of somebody who is gone holds nothing for long.
            let sql = format!("SET statement_timeout = {}", self.timeout.as_millis().max(1));
            let set = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            set.map_err(|error| self.failure(&error))?;
            Ok(connection)
        })
    }

    /// The catalogue shows what the user may not use, too; `information_schema` does not, and what
    /// is hidden would look as if it were not there.
    fn columns<'a>(&'a self, on: &'a mut PgConnection) -> Asking<'a, Vec<[String; 2]>> {
        Box::pin(async move {
            let query = sqlx::query(
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute \
                 WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            );
            let rows = query.bind(&self.table).fetch_all(on).await?;
            rows.iter().map(|row| Ok([row.try_get(0)?, row.try_get(1)?])).collect()
        })
    }

    /// All of it is one transaction, and all who do it at once take turns: `IF NOT EXISTS` alone
    /// fails for some of them. A schema that is there is not asked for, because that takes the
    /// right to make one.
    fn create<'a>(&'a self, on: &'a mut PgConnection) -> Asking<'a, ()> {
        Box::pin(async move {
            let query = sqlx::query("SELECT to_regnamespace($1) IS NOT NULL");
            let row = query.bind(self.schema.quoted('"')).fetch_one(&mut *on).await?;
            let schema = if row.try_get(0)? {
                String::new()
            } else {
                format!("CREATE SCHEMA IF NOT EXISTS {};", self.schema.quoted('"'))
            };
            let create = &self.statements.create;
            let sql = format!("SELECT pg_advisory_xact_lock({LOCK}); {schema} {create}");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(on).await.map(drop)
        })
    }

    fn fetch<'a>(
        &'a self,
        on: &'a mut PgConnection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, Option<dialect::Row>> {
        Box::pin(async move {
            let row = query::<Postgres>(sql, arguments).fetch_optional(on).await?;
            row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
        })
    }

    fn execute<'a>(
        &'a self,
        on: &'a mut PgConnection,
        sql: &'a Arc<str>,
        arguments: &'a [Argument<'a>],
    ) -> Asking<'a, u64> {
        Box::pin(async move { Ok(query::<Postgres>(sql, arguments).execute(on).await?.rows_affected()) })
    }

    fn failure(&self, error: &Error) -> Failure {
        match error {
            Error::Database(error) => failure(error.as_ref(), self.address.user.expose()),
            other => Failure::of_driver(other),
        }
    }
}

/// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>. The message is
/// told; detail and context, which show rows, are not.
fn failure(error: &dyn DatabaseError, user: &str) -> Failure {
    let code = error.code().unwrap_or_default();
    let kind = match code.as_ref() {
        "28P01" | "28000" => Kind::Login,
        "42501" => Kind::Permission,
        "25006" => Kind::ReadOnly,
        "53100" => Kind::Full,
        "53300" | "53400" | "55P03" => Kind::Busy,
        "40001" | "40P01" => Kind::Conflict,
        "57014" => Kind::Slow,
        "42P01" | "3F000" => Kind::Missing,
        "42703" | "42804" | "42883" | "42P10" => Kind::Foreign,
        // Shut down, starting, or a pooler between us and it that forgot what was prepared.
        "57P01" | "57P02" | "57P03" | "26000" | "0A000" => Kind::Away,
        code if code.starts_with("08") => Kind::Away,
        _ => Kind::Other,
    };
    Failure::new(kind, format!("{} ({code})", unnamed(error.message(), user)))
}

/// <https://www.npgsql.org/doc/connection-string-parameters.html>
pub(crate) const NPGSQL: Spelling = Spelling {
    schemes: &["postgres", "postgresql"],
    port: 5432,
    host: &["Host", "Server"],
    database: &["Database", "DB"],
    user: &["Username", "User Name", "User ID", "UserId", "User", "UID"],
    password: &["Password", "PSW", "PWD"],
    tls: &["SSL Mode"],
    root_certificate: &["Root Certificate", "sslrootcert"],
    client_certificate: &["SSL Certificate", "sslcert"],
    client_key: &["SSL Key", "sslkey"],
    connections: &["Maximum Pool Size", "Max Pool Size"],
    application: &["Application Name", "applicationname"],
    revocation: &["Check Certificate Revocation"],
    channel_binding: &["Channel Binding"],
    meaningless: &[
        "Array Nullability Mode",
        "Auto Prepare Min Usages",
        "Cancellation Timeout",
        "Client Encoding",
        "Command Timeout",
        "Connection Idle Lifetime",
        "Connection Lifetime",
        "Connection Pruning Interval",
        "connecttimeout",
        "EF Admin Database",
        "EF Template Database",
        "Encoding",
        "Enlist",
        "Host Recheck Seconds",
        "Include Error Detail",
        "Include Failed Batched Command",
        "Internal Command Timeout",
        "Keepalive",
        "Load Balance Hosts",
        "Load Balance Timeout",
        "Load Table Composites",
        "Log Parameters",
        "Max Auto Prepare",
        "Minimum Pool Size",
        "Min Pool Size",
        "Multiplexing",
        "No Reset On Close",
        "Persist Security Info",
        "Pooling",
        "Read Buffer Size",
        "Search Path",
        "Server Compatibility Mode",
        "Socket Receive Buffer Size",
        "Socket Send Buffer Size",
        "TCP Keepalive",
        "TCP Keepalive Interval",
        "TCP Keepalive Time",
        "Timeout",
        "Timezone",
        "Write Buffer Size",
        "Write Coalescing Buffer Threshold Bytes",
    ],
};
