//! Builds a store from a connection string or from the section `TokenCache`. Connects to nothing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use entra_abstractions::{
    AcquireToken, ConnectionString, Faults, Misconfigured, RefusedLogins, Section, StoreSettings,
};

use crate::{
    connect::Door,
    pool::Pool,
    server::{Login, Server},
    store::{Inner, SqlServerStore},
    table::Table,
};

/// Builds a [`SqlServerStore`].
#[derive(Debug)]
pub struct SqlServerStoreBuilder {
    connection: ConnectionString,
    /// The section that this was read from; empty where it was described in code.
    section: Section,
    schema: String,
    table: String,
    creates_table: bool,
    timeout: Duration,
    credential: Option<Arc<dyn AcquireToken>>,
    root_certificates: Option<Vec<u8>>,
}

impl SqlServerStoreBuilder {
    pub(crate) fn new(connection: ConnectionString) -> Self {
        Self {
            connection,
            section: Section::default(),
            schema: "dbo".to_owned(),
            table: "TokenCache".to_owned(),
            creates_table: false,
            timeout: Duration::from_secs(5),
            credential: None,
            root_certificates: None,
        }
    }

    /// Reads `ConnectionString` (which may name an entry of `ConnectionStrings` in `root`),
    /// `SchemaName`, `TableName`, `CreateIfNotExists` and `CertificateAuthority` of a section such as
    /// `TokenCache`.
    ///
    /// # Errors
    /// [`Misconfigured`], for the developer.
    pub fn from_section(cache: &Section, root: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        StoreSettings::check_keys(cache, "SqlServer", &mut faults);
        let connection = ConnectionString::from_section(cache, root);
        let (schema, table) = (cache.text("SchemaName", &mut faults), cache.text("TableName", &mut faults));
        let creates_table = cache.flag("CreateIfNotExists", &mut faults);
        let authority = cache.text("CertificateAuthority", &mut faults).and_then(|file| {
            let pem = read_pem(Path::new(file.trim()));
            faults.take(pem.map_err(|fault| fault.at(cache.path_of("CertificateAuthority"))))
        });
        let Some(connection) = faults.take(connection) else { return Err(faults.into_error()) };
        let mut builder = Self { section: cache.clone(), ..Self::new(connection) };
        builder.root_certificates = authority;
        if let Some(schema) = schema {
            builder = builder.schema_name(schema);
        }
        if let Some(table) = table {
            builder = builder.table_name(table);
        }
        builder.creates_table = creates_table.unwrap_or(builder.creates_table);
        faults.into_result(builder)
    }

    /// In this schema, which exists; `dbo` where nothing is said.
    #[must_use]
    pub fn schema_name(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// In this table; `TokenCache` where nothing is said.
    #[must_use]
    pub fn table_name(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// Whether a table that is missing is created, at the first connection; where nothing is said it
    /// is not, and the error shows the statement to run.
    #[must_use]
    pub fn create_if_not_exists(mut self, create: bool) -> Self {
        self.creates_table = create;
        self
    }

    /// How long one request may take, with the connection that it opens; 5 seconds where nothing is
    /// said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Who acquires the token to log in with, where the connection string says
    /// `Authentication=Active Directory Default`, `.. Managed Identity` or `.. Workload Identity`.
    ///
    /// It must not keep its tokens in this very store.
    #[must_use]
    pub fn credential(mut self, tokens: Arc<dyn AcquireToken>) -> Self {
        self.credential = Some(tokens);
        self
    }

    /// Whether the connection string leaves it to a [credential](Self::credential) to log in.
    pub fn wants_credential(&self) -> bool {
        Server::read(&self.connection).is_ok_and(|server| matches!(server.login, Login::Entra(_)))
    }

    /// Root certificates (PEM) to trust besides those of the system.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// The store. It opens its first connection when it is first asked.
    ///
    /// # Errors
    /// [`Misconfigured`], for the developer: with every part of the connection string that is not
    /// understood.
    pub fn build(self) -> Result<SqlServerStore, Misconfigured> {
        let mut faults = Faults::default();
        let server = faults.take(Server::read(&self.connection));
        let table = faults.take(Table::new(&self.section, &self.schema, &self.table));
        let (Some(server), Some(table)) = (server, table) else { return Err(faults.into_error()) };
        if matches!(server.login, Login::Entra(_)) && self.credential.is_none() {
            faults.add(
                Misconfigured::new("Authentication says to log in with a token, and nobody acquires one")
                    .at(self.connection.path())
                    .hint("SqlServerStoreBuilder::from_section(..)?.credential(..)"),
            );
        }
        if server.is_any_certificate_trusted && self.root_certificates.is_some() {
            faults.add(
                Misconfigured::new(
                    "TrustServerCertificate trusts any certificate, whatever the root certificates",
                )
                .at(self.connection.path())
                .hint("leave one of them out"),
            );
        }
        faults.into_result(())?;
        Ok(SqlServerStore::new(Inner {
            name: server.name(),
            pool: Pool::new(server.connections),
            door: Door {
                server,
                credential: self.credential,
                root_certificates: self.root_certificates,
                logins: RefusedLogins::default(),
            },
            table,
            creates_table: self.creates_table,
            timeout: self.timeout,
            is_ready: AtomicBool::new(false),
            writes: AtomicU64::new(0),
        }))
    }
}

/// What is in a file, if it can be a certificate.
fn read_pem(file: &Path) -> Result<Vec<u8>, Misconfigured> {
    let fault = |what: String| {
        let fault = Misconfigured::new(format!("the file {} {what}", file.display()));
        fault.hint("a PEM file with one or more certificates is expected")
    };
    let pem = std::fs::read(file).map_err(|error| fault(format!("cannot be read ({})", error.kind())))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(fault("holds no certificate".to_owned()));
    }
    Ok(pem)
}
