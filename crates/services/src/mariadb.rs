//! MariaDB: a data folder of its own, a user without privileges over the server, a database.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use crate::{
    Failure, Server, Shared,
    folder::Folder,
    package::{MARIADB, MARIADB_INSTALL_DB, MARIADBD},
    server::Recipe,
    url::{self, DATABASE, PASSWORD, USER},
};

/// A MariaDB server of this test's own; what is done to its process is [`Server`]'s.
///
/// User `app` may do everything in databases (`tokens` is there), and nothing to the server. Nothing is
/// flushed to the disk, but what was committed outlives a kill.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    ca: Option<PathBuf>,
}

impl MariaDb {
    /// The variable by which the gate tells where the one is that all tests share.
    pub const SHARED: &str = "ENTRA_TEST_MARIADB";

    /// A server that does not speak TLS.
    ///
    /// # Errors
    /// If MariaDB is not installed, or with the end of its log if it does not come up.
    pub fn start() -> Result<Self, Failure> {
        Self::with(Folder::new("mariadb")?, None, Vec::new())
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
        let folder = Folder::new("mariadb")?;
        let crate::tls::Files { ca, certificate, key } = crate::tls::write(&folder, names)?;
        let options = vec![
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
            format!("--ssl-ca={}", ca.display()),
            "--require-secure-transport=ON".to_owned(),
        ];
        Self::with(folder, Some(ca), options)
    }

    /// The one that `cargo xtask test` started for all tests, or one of this test's own where it did
    /// not. Others use it, too: take a database or table of your own, and leave it as it is.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn shared() -> Result<Shared<Self>, Failure> {
        Shared::find(Self::SHARED, Self::start, Self::url)
    }

    /// Where it is, user, password, database and all.
    pub fn url(&self) -> String {
        url::of_database("mysql", self.port())
    }

    /// The password of user `app`.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The CA that signed its certificate, if it speaks TLS.
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Makes the server read-only for all but its administrator.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn refuse_writes(&self) -> Result<(), Failure> {
        self.sql("SET GLOBAL read_only = ON").map(drop)
    }

    /// Takes writes again.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn accept_writes(&self) -> Result<(), Failure> {
        self.sql("SET GLOBAL read_only = OFF").map(drop)
    }

    /// Lets the administrator run statements in the database `tokens`; returns rows as lines with tabs.
    ///
    /// # Errors
    /// If it does not answer, or with an error.
    pub fn sql(&self, statement: &str) -> Result<String, Failure> {
        ask(self.server.folder(), DATABASE, statement)
    }

    fn with(folder: Folder, ca: Option<PathBuf>, options: Vec<String>) -> Result<Self, Failure> {
        let place = format!("--datadir={}", folder.join("data").display());
        // A server that starts clears the folder for temporary tables, be they another one's.
        let temporary = format!("--tmpdir={}", folder.path().display());
        let arguments = ["--no-defaults", &place, &temporary, "--auth-root-authentication-method=normal"]
            .into_iter()
            .chain(["--skip-test-db", "--skip-name-resolve", "--innodb-flush-method=nosync"]);
        folder.run(&MARIADB_INSTALL_DB, &[], &arguments.collect::<Vec<_>>())?;
        let users = format!(
            "CREATE DATABASE IF NOT EXISTS {DATABASE};\n\
             CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON `%`.* TO '{USER}'@'127.0.0.1';\n"
        );
        let users = folder.write("users.sql", &users)?;
        let arguments = move |folder: &Folder, port: u16| {
            let mut words = vec!["--no-defaults".to_owned(), place.clone(), temporary.clone()];
            words.push(format!("--port={port}"));
            words.push(format!("--socket={}", folder.join("socket").display()));
            words.push(format!("--pid-file={}", folder.join("pid").display()));
            words.push(format!("--init-file={}", users.display()));
            let fixed = ["--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-method=nosync"];
            words.extend(fixed.map(str::to_owned));
            words.extend(
                ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"].map(str::to_owned),
            );
            words.extend(options.iter().cloned());
            words
        };
        let recipe = Recipe {
            program: MARIADBD,
            arguments: Box::new(arguments),
            ask: Box::new(|folder, _| ask(folder, "mysql", "SELECT @@datadir")),
        };
        Ok(Self { server: Server::start(folder, recipe)?, ca })
    }
}

impl Deref for MariaDb {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Through the socket in its folder, which only ours has.
fn ask(folder: &Folder, database: &str, statement: &str) -> Result<String, Failure> {
    let socket = format!("--socket={}", folder.join("socket").display());
    let arguments = ["--no-defaults", &socket, "-u", "root", "-D", database, "-B", "-N", "-e", statement];
    folder.run(&MARIADB, &[], &arguments)
}
