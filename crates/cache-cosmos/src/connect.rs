//! Opens the container at the first use: the driver, the account's regions, the container's own
//! rules; and creates it, where that is said.

use std::time::Duration;

use azure_core::credentials::Secret;
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, CosmosCredential, CosmosError,
    CosmosRuntime, RoutingStrategy,
    models::{ContainerProperties, IndexingPolicy, PartitionKeyDefinition, TimeToLive},
    options::{
        BinaryEncodingOptions, ConnectionPoolOptions, OperationOptions, ServerCertificateValidation,
        ThrottlingRetryOptions,
    },
};

use crate::account::Account;

/// Everything that it takes to open the container.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) account: Account,
    pub(crate) credential: CosmosCredential,
    pub(crate) database: String,
    pub(crate) container: String,
    pub(crate) creates_container: bool,
}

/// Why it is not open.
#[derive(Debug)]
pub(crate) enum Closed {
    Cosmos(CosmosError),
    /// The container is there and is not fit for entries: why.
    Unfit(&'static str),
    /// There is none.
    Missing,
}

impl From<CosmosError> for Closed {
    fn from(error: CosmosError) -> Self {
        Self::Cosmos(error)
    }
}

impl Door {
    /// The account's reference for the driver; a key becomes the driver's own kind of secret.
    pub(crate) fn credential(key: &str) -> CosmosCredential {
        CosmosCredential::from(Secret::new(key.to_owned()))
    }

    pub(crate) async fn open(&self) -> Result<ContainerClient, Closed> {
        let client = Box::pin(self.client()).await?;
        let container = match Box::pin(self.container(&client)).await {
            Err(error) if is_missing(&error) && self.creates_container => {
                Box::pin(self.create(&client)).await?;
                Box::pin(self.container(&client)).await?
            }
            Err(error) if is_missing(&error) => return Err(Closed::Missing),
            container => container?,
        };
        let rules = Box::pin(container.read(None)).await?.into_model()?;
        if rules.partition_key.paths() != ["/id"] {
            return Err(Closed::Unfit("another partition key than /id"));
        }
        if rules.default_ttl.is_forever() {
            return Err(Closed::Unfit(
                "no time to live, so that nothing would ever leave it: switch it on (no default)",
            ));
        }
        Ok(container)
    }

    async fn client(&self) -> Result<CosmosClient, CosmosError> {
        let validation = if self.account.is_any_certificate_trusted {
            ServerCertificateValidation::RequiredUnlessEmulator
        } else {
            ServerCertificateValidation::Required
        };
        let connections = ConnectionPoolOptions::builder()
            .with_proxy_allowed(true)
            .with_max_connect_timeout(Duration::from_secs(2))
            .with_server_certificate_validation(validation)
            .build()?;
        // A runtime of this store's own: the driver's shared one takes the options of whoever is first.
        let runtime = CosmosRuntime::builder().with_connection_pool(connections).build().await?;
        let mut throttling = ThrottlingRetryOptions::default();
        throttling.max_retry_count = Some(1);
        let mut operation = OperationOptions::default();
        // Whoever asks has something better to do than to wait for request units.
        operation.throttling_retry_options = Some(throttling);
        let endpoint = AccountEndpoint::from(self.account.endpoint.clone());
        let account = match &self.credential {
            CosmosCredential::TokenCredential(credential) => {
                AccountReference::with_credential(endpoint, credential.clone())
            }
            CosmosCredential::AccountKey(key) => {
                AccountReference::with_authentication_key(endpoint, key.clone())
            }
            _ => return Err(CosmosError::builder().with_message("a credential of an unknown kind").build()),
        };
        CosmosClient::builder()
            .with_runtime(runtime)
            .with_default_operation_options(operation)
            // An item is one long text: there is nothing to gain, and emulators do not speak it.
            .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
            .build(account, RoutingStrategy::PreferredRegions(Vec::new()))
            .await
    }

    async fn container(&self, client: &CosmosClient) -> Result<ContainerClient, CosmosError> {
        client.database_client(self.database.clone()).container_client(self.container.clone(), None).await
    }

    /// Another instance may be first: then there is one, which is just as well.
    async fn create(&self, client: &CosmosClient) -> Result<(), CosmosError> {
        let is_there = |error: CosmosError| if error.status().is_conflict() { Ok(()) } else { Err(error) };
        client.create_database(&self.database, None).await.map(drop).or_else(is_there)?;
        // Each item decides for itself how long it lives, and nothing but its id is ever looked for:
        // an index would only cost request units.
        let mut indexing = IndexingPolicy::default().with_excluded_path("/*");
        indexing.automatic = true;
        let rules = ContainerProperties::new(self.container.clone(), PartitionKeyDefinition::from("/id"))
            .with_indexing_policy(indexing)
            .with_default_ttl(TimeToLive::NoDefault);
        let database = client.database_client(self.database.clone());
        database.create_container(rules, None).await.map(drop).or_else(is_there)
    }
}

/// Of a database that is not there the driver says more than that something was not found.
fn is_missing(error: &CosmosError) -> bool {
    u16::from(error.status().status_code()) == 404
}
