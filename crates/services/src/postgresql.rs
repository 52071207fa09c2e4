//! PostgreSQL: a cluster of databases in a temporary folder, a user without privileges, a database.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use crate::{
    Failure, Server, Shared,
    folder::Folder,
    package::{INITDB, POSTGRES, PSQL},
    server::Recipe,
    url::{self, DATABASE, PASSWORD, USER},
};

/// A PostgreSQL server of this test's own; what is done to its process is [`Server`]'s.
///
/// User `app` owns the database `tokens` and has no other rights. Nothing is flushed to the disk, but
/// what was committed outlives a kill.
#[derive(Debug)]
pub struct PostgreSql {
    server: Server,
    ca: Option<PathBuf>,
}

impl PostgreSql {
    /// The variable by which the gate tells where the one is that all tests share.
    pub const SHARED: &str = "ENTRA_TEST_POSTGRESQL";

    /// A server that does not speak TLS.
    ///
    /// # Errors
    /// If PostgreSQL is not installed, or with the end of its log if it does not come up.
    pub fn start() -> Result<Self, Failure> {
        Self::with(Folder::new("postgresql")?, None, &[])
    }

    /// A server that refuses who does not speak TLS; its CA is its own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[cfg(feature = "tls")]
    pub fn tls() -> Result<Self, Failure> {
        Self::tls_named(crate::tls::HERE)
    }

    /// The same, with a certificate for these names.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[cfg(feature = "tls")]
    pub fn tls_named(names: &[&str]) -> Result<Self, Failure> {
        let folder = Folder::new("postgresql")?;
        let crate::tls::Files { ca, certificate, key } = crate::tls::write(&folder, names)?;
        let options = [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
        ];
        Self::with(folder, Some(ca), &options)
    }

    /// The one that `cargo xtask test` started for all tests, or one of this test's own where it did
    /// not. Others use it, too: take a schema or table of your own, and leave it as it is.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn shared() -> Result<Shared<Self>, Failure> {
        Shared::find(Self::SHARED, Self::start, Self::url)
    }

    /// Where it is, user, password, database and all.
    pub fn url(&self) -> String {
        url::of_database("postgres", self.port())
    }

    /// The password of user `app`.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The CA that signed its certificate, if it speaks TLS.
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Makes every transaction read-only, those of connections that are open included.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn refuse_writes(&self) -> Result<(), Failure> {
        self.set_read_only("on")
    }

    /// Takes writes again.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn accept_writes(&self) -> Result<(), Failure> {
        self.set_read_only("off")
    }

    /// Lets the superuser run statements in the database `tokens`; returns rows as `a|b` lines.
    ///
    /// # Errors
    /// If it does not answer, or with an error.
    pub fn sql(&self, statement: &str) -> Result<String, Failure> {
        ask(self.server.folder(), self.port(), DATABASE, statement)
    }

    fn set_read_only(&self, value: &str) -> Result<(), Failure> {
        self.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"))?;
        self.sql("SELECT pg_reload_conf()").map(drop)
    }

    fn with(folder: Folder, ca: Option<PathBuf>, options: &[String]) -> Result<Self, Failure> {
        let password = folder.write("password", PASSWORD)?.display().to_string();
        let arguments = ["-D", "cluster", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", &password]
            .into_iter()
            .chain(["--no-sync", "-E", "UTF8", "--locale=C"]);
        folder.run(&INITDB, &[], &arguments.collect::<Vec<_>>())?;
        let kind = if ca.is_some() { "hostssl" } else { "host" };
        let access = format!("{kind} all all 127.0.0.1/32 scram-sha-256\n");
        let access = folder.write("access.conf", &access)?;
        let options: Vec<String> = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB"]
            .into_iter()
            .chain(["listen_addresses=127.0.0.1", "unix_socket_directories="])
            .map(str::to_owned)
            .chain([format!("hba_file={}", access.display())])
            .chain(options.iter().cloned())
            .collect();
        let arguments = move |folder: &Folder, port: u16| {
            let cluster = folder.join("cluster").display().to_string();
            let mut words = vec!["-D".to_owned(), cluster, "-p".to_owned(), port.to_string()];
            words.extend(options.iter().flat_map(|option| ["-c".to_owned(), option.clone()]));
            words
        };
        let recipe = Recipe {
            program: POSTGRES,
            arguments: Box::new(arguments),
            ask: Box::new(|folder, port| ask(folder, port, "postgres", "SHOW data_directory")),
        };
        let server = Self { server: Server::start(folder, recipe)?, ca };
        server.create_database()?;
        Ok(server)
    }

    fn create_database(&self) -> Result<(), Failure> {
        for statement in [
            format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"),
            format!("CREATE DATABASE {DATABASE} OWNER {USER}"),
        ] {
            ask(self.server.folder(), self.port(), "postgres", &statement)?;
        }
        Ok(())
    }
}

impl Deref for PostgreSql {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn ask(folder: &Folder, port: u16, database: &str, statement: &str) -> Result<String, Failure> {
    let port = port.to_string();
    let arguments =
        ["-X", "-A", "-t", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-d", database, "-c", statement];
    folder.run(&PSQL, &[("PGPASSWORD", PASSWORD), ("PGCONNECT_TIMEOUT", "5")], &arguments)
}
