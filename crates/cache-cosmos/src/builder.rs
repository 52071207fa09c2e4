//! Builds a store from a connection string or from the section `TokenCache`. Connects to nothing.

use std::{fmt, sync::Arc, time::Duration};

use azure_core::credentials::TokenCredential;
use azure_data_cosmos::CosmosCredential;
use entra_abstractions::{
    Clock, ConnectionString, Faults, Misconfigured, Section, StoreSettings, SystemClock,
};
use tokio::sync::OnceCell;

use crate::{
    account::Account,
    connect::Door,
    store::{CosmosStore, Inner},
};

/// Builds a [`CosmosStore`].
pub struct CosmosStoreBuilder {
    connection: ConnectionString,
    /// The section that this was read from; empty where it was described in code.
    section: Section,
    database: String,
    container: String,
    creates_container: bool,
    timeout: Duration,
    credential: Option<Arc<dyn TokenCredential>>,
    clock: Arc<dyn Clock>,
}

impl CosmosStoreBuilder {
    pub(crate) fn new(connection: ConnectionString) -> Self {
        Self {
            connection,
            section: Section::default(),
            database: "TokenCache".to_owned(),
            container: "Tokens".to_owned(),
            creates_container: false,
            timeout: Duration::from_secs(5),
            credential: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Reads `ConnectionString` (which may name an entry of `ConnectionStrings` in `root`),
    /// `DatabaseId`, `ContainerId` and `CreateIfNotExists` of a section such as `TokenCache`.
    ///
    /// # Errors
    /// [`Misconfigured`], for the developer.
    pub fn from_section(cache: &Section, root: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        StoreSettings::check_keys(cache, "CosmosDb", &mut faults);
        let connection = ConnectionString::from_section(cache, root);
        let (database, container) =
            (cache.text("DatabaseId", &mut faults), cache.text("ContainerId", &mut faults));
        let creates_container = cache.flag("CreateIfNotExists", &mut faults);
        let Some(connection) = faults.take(connection) else { return Err(faults.into_error()) };
        let mut builder = Self { section: cache.clone(), ..Self::new(connection) };
        if let Some(database) = database {
            builder = builder.database_id(database);
        }
        if let Some(container) = container {
            builder = builder.container_id(container);
        }
        builder.creates_container = creates_container.unwrap_or(builder.creates_container);
        faults.into_result(builder)
    }

    /// In this database; `TokenCache` where nothing is said.
    #[must_use]
    pub fn database_id(mut self, id: impl Into<String>) -> Self {
        self.database = id.into();
        self
    }

    /// In this container; `Tokens` where nothing is said.
    #[must_use]
    pub fn container_id(mut self, id: impl Into<String>) -> Self {
        self.container = id.into();
        self
    }

    /// Whether database and container are created at the first use, where they are not there; where
    /// nothing is said they are not. Cosmos lets only the account's key do so.
    #[must_use]
    pub fn create_if_not_exists(mut self, create: bool) -> Self {
        self.creates_container = create;
        self
    }

    /// How long one request may take, and at the first one all that comes before it; 5 seconds where
    /// nothing is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Logs in with tokens of this credential's, in place of a key. The identity needs the data role
    /// "Cosmos DB Built-in Data Contributor".
    ///
    /// It must not keep its tokens in this very store.
    #[must_use]
    pub fn credential(mut self, credential: Arc<dyn TokenCredential>) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Whether the connection string leaves it to a [credential](Self::credential) to log in: it has
    /// no key.
    pub fn wants_credential(&self) -> bool {
        Account::read(&self.connection).is_ok_and(|account| account.key.is_none())
    }

    /// The clock by which entries end.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The store. It opens its container when it is first asked.
    ///
    /// # Errors
    /// [`Misconfigured`], for the developer.
    pub fn build(self) -> Result<CosmosStore, Misconfigured> {
        let path = self.connection.path();
        let account = Account::read(&self.connection)?;
        let mut faults = Faults::default();
        for (key, id) in [("DatabaseId", &self.database), ("ContainerId", &self.container)] {
            if id.trim().is_empty() || id.len() > 255 || id.contains(['/', '\\', '#', '?', '%']) {
                let fault = Misconfigured::new("no id of Cosmos DB's").at(self.section.path_of(key));
                faults.add(fault.hint("1 to 255 characters, none of them / \\ # ? %"));
            }
        }
        let credential = match (&account.key, self.credential) {
            (Some(key), None) => Some(Door::credential(key.expose())),
            (None, Some(credential)) => Some(CosmosCredential::from(credential)),
            (Some(_), Some(_)) => {
                let fault = Misconfigured::new("AccountKey: there is a credential, too").at(path);
                faults.add(fault.hint("leave one of them out"));
                None
            }
            (None, None) => {
                let fault = Misconfigured::new("AccountKey: missing, and there is no credential").at(path);
                faults.add(
                    fault.hint("AccountKey=.., or CosmosStoreBuilder::from_section(..)?.credential(..)"),
                );
                None
            }
        };
        if self.creates_container && account.key.is_none() {
            let fault = Misconfigured::new("only the account's key can create a container");
            let fault = fault.at(self.section.path_of("CreateIfNotExists"));
            faults.add(fault.hint("az cosmosdb sql container create .. --partition-key-path /id --ttl -1"));
        }
        let Some(credential) = credential else { return Err(faults.into_error()) };
        faults.into_result(())?;
        let name = account.name();
        Ok(CosmosStore::new(Inner {
            name,
            door: Door {
                account,
                credential,
                database: self.database,
                container: self.container,
                creates_container: self.creates_container,
            },
            container: OnceCell::new(),
            timeout: self.timeout,
            clock: self.clock,
        }))
    }
}

impl fmt::Debug for CosmosStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosmosStoreBuilder({}/{})", self.database, self.container)
    }
}
