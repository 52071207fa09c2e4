//! Builds a store from a connection string or from the section `TokenCache`. Connects to nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use entra_abstractions::{AcquireToken, ConnectionString, Faults, Misconfigured, Section};

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
    schema: String,
    table: String,
    creates_table: bool,
    timeout: Duration,
    acquirer: Option<Arc<dyn AcquireToken>>,
    root_certificates: Option<Vec<u8>>,
}

impl SqlServerStoreBuilder {
    pub(crate) fn new(connection: ConnectionString) -> Self {
        Self {
            connection,
            schema: "dbo".to_owned(),
            table: "TokenCache".to_owned(),
            creates_table: false,
            timeout: Duration::from_secs(5),
            acquirer: None,
            root_certificates: None,
        }
    }

    pub(crate) fn from_section(cache: &Section, root: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let connection = ConnectionString::from_section(cache, root);
        let (schema, table) = (cache.text("SchemaName", &mut faults), cache.text("TableName", &mut faults));
        let creates_table = cache.flag("CreateIfNotExists", &mut faults);
        let Some(connection) = faults.take(connection) else { return Err(faults.into_error()) };
        let mut builder = Self::new(connection);
        if let Some(schema) = schema {
            builder = builder.schema(schema);
        }
        if let Some(table) = table {
            builder = builder.table(table);
        }
        if creates_table == Some(true) {
            builder = builder.create_if_not_exists();
        }
        faults.into_result(builder)
    }

    /// In this schema, which exists; `dbo` where nothing is said.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// In this table; `TokenCache` where nothing is said.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// Creates the table at the first connection, where there is none.
    #[must_use]
    pub fn create_if_not_exists(mut self) -> Self {
        self.creates_table = true;
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
    pub fn acquirer(mut self, acquirer: impl AcquireToken + 'static) -> Self {
        self.acquirer = Some(Arc::new(acquirer));
        self
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
        let server = faults.take(self.connection.parts().and_then(Server::read));
        let table = faults.take(Table::new(&self.schema, &self.table));
        let (Some(server), Some(table)) = (server, table) else { return Err(faults.into_error()) };
        if matches!(server.login, Login::Entra(_)) && self.acquirer.is_none() {
            faults.add(
                Misconfigured::new("Authentication says to log in with a token, and nobody acquires one")
                    .at(self.connection.path())
                    .hint("SqlServerStore::builder_from(..)?.acquirer(..)"),
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
            door: Door { server, acquirer: self.acquirer, root_certificates: self.root_certificates },
            table,
            creates_table: self.creates_table,
            timeout: self.timeout,
            is_ready: AtomicBool::new(false),
            writes: AtomicU64::new(0),
        }))
    }
}
