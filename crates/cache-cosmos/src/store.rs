//! The store: one request for each, by id and partition key, within a time.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_data_cosmos::{
    ContainerClient, CosmosError,
    options::{ItemWriteOptions, Precondition},
};
use entra_abstractions::{
    Clock, ConnectionString, Misconfigured, Section, StoreError, StoreKey, StoreTokens, StoredEntry,
};
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    builder::CosmosStoreBuilder,
    connect::{Closed, Door},
    item::Item,
    words,
};

/// Entries in a container of Azure Cosmos DB.
///
/// It is cheap to clone; all clones share the container, which is opened at the first use. An entry
/// ends by the clock of whoever reads it; Cosmos takes the item away about a second later.
#[doc(alias = "AddCosmosDbTokenCaches")]
#[doc(alias = "AddCosmosCache")]
#[doc(alias = "CosmosCache")]
#[derive(Clone)]
pub struct CosmosStore(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) door: Door,
    pub(crate) container: OnceCell<ContainerClient>,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CosmosStore {
    /// A store in the account that this connection string names: `AccountEndpoint=..;AccountKey=..`,
    /// or the account's URL, for a credential.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is neither; the developer must act.
    pub fn builder(text: &str) -> Result<CosmosStoreBuilder, Misconfigured> {
        Ok(CosmosStoreBuilder::new(ConnectionString::of(&Section::default(), text)?))
    }

    /// A store as the section `TokenCache` says: `ConnectionString` (which may name an entry of
    /// `ConnectionStrings` in `root`), `DatabaseId`, `ContainerId`, `CreateIfNotExists`.
    ///
    /// Where there is no key in the connection string, use [`CosmosStoreBuilder::from_section`], and
    /// hand in a credential.
    ///
    /// # Errors
    /// [`Misconfigured`], for the developer. Nothing is connected to yet.
    pub fn from_section(cache: &Section, root: &Section) -> Result<Self, Misconfigured> {
        CosmosStoreBuilder::from_section(cache, root)?.build()
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    fn error(&self, what: impl AsRef<str>) -> StoreError {
        StoreError::new(&self.0.name, what)
    }

    fn refused(&self, error: &CosmosError) -> StoreError {
        self.error(words::of(error))
    }

    /// Asks within the store's time.
    ///
    /// A caller may give up long before that. The request goes on without them, in a task that ends
    /// in time: else one hurried caller after the other would begin to open the container, and
    /// nobody ever have it open.
    async fn within_time<T: Send + 'static>(
        &self,
        ask: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, limit) = (self.clone(), self.0.timeout);
        let late = move |_| Err(store.error(format!("cannot be reached: no answer within {limit:?}")));
        let asking = tokio::spawn(async move { timeout(limit, ask).await.unwrap_or_else(late) });
        asking.await.unwrap_or_else(|_| Err(self.error("was not asked to the end: the runtime shuts down")))
    }

    async fn container(&self) -> Result<&ContainerClient, StoreError> {
        let Door { database, container, .. } = &self.0.door;
        let opened = self.0.container.get_or_try_init(|| Box::pin(self.0.door.open())).await;
        opened.map_err(|closed| match closed {
            Closed::Cosmos(error) => self.refused(&error),
            Closed::Unfit(why) => self.error(format!("the container {container} in {database} has {why}")),
            Closed::Missing => self.error(format!(
                "there is no container {container} in a database {database}; set CreateIfNotExists, or run: az cosmosdb \
                 sql container create --database-name {database} --name {container} --partition-key-path /id --ttl -1"
            )),
        })
    }

    /// What lies under a key, if it is one of ours, and its tag.
    async fn read(&self, key: &StoreKey) -> Result<Option<(Option<Item>, Option<String>)>, StoreError> {
        let id = key.to_text();
        match Box::pin(self.container().await?.read_item(id.clone(), &id, None)).await {
            Ok(found) => {
                let tag = found.headers().etag().map(ToString::to_string);
                Ok(Some((found.into_model().ok(), tag)))
            }
            Err(error) if error.status().is_not_found() => Ok(None),
            Err(error) => Err(self.refused(&error)),
        }
    }

    async fn create(self, key: StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        let (id, now) = (key.to_text(), self.0.clock.now());
        let item = Item::new(&key, &entry, now);
        let container = self.container().await?;
        match Box::pin(container.create_item(id.clone(), &id, &item, None)).await {
            Ok(_) => return Ok(true),
            Err(error) if error.status().is_conflict() => {}
            Err(error) => return Err(self.refused(&error)),
        }
        // In the last second before Cosmos takes an item away it may have ended already.
        let Some((there, Some(tag))) = self.read(&key).await? else { return Ok(false) };
        if !there.is_some_and(|there| there.has_ended(now)) {
            return Ok(false);
        }
        let only_that = ItemWriteOptions::default().with_precondition(Precondition::if_match(tag));
        match Box::pin(container.replace_item(id.clone(), &id, &item, Some(only_that))).await {
            Ok(_) => Ok(true),
            Err(error) if error.status().is_precondition_failed() || error.status().is_not_found() => {
                Ok(false)
            }
            Err(error) => Err(self.refused(&error)),
        }
    }
}

#[async_trait]
impl StoreTokens for CosmosStore {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let (store, key) = (self.clone(), *key);
        let found = self.within_time(async move { store.read(&key).await }).await?;
        let Some((item, _)) = found else { return Ok(None) };
        if item.as_ref().is_some_and(|item| item.has_ended(self.0.clock.now())) {
            return Ok(None);
        }
        Ok(Some(item.and_then(|item| item.to_entry()).unwrap_or_else(StoredEntry::unreadable)))
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        let (store, id, item) = (self.clone(), key.to_text(), Item::new(key, &entry, self.0.clock.now()));
        let put = async move {
            let written = Box::pin(store.container().await?.upsert_item(id.clone(), &id, &item, None)).await;
            written.map(drop).map_err(|error| store.refused(&error))
        };
        self.within_time(put).await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.within_time(self.clone().create(*key, entry)).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        let (store, id) = (self.clone(), key.to_text());
        let remove = async move {
            match Box::pin(store.container().await?.delete_item(id.clone(), &id, None)).await {
                Ok(_) => Ok(true),
                Err(error) if error.status().is_not_found() => Ok(false),
                Err(error) => Err(store.refused(&error)),
            }
        };
        self.within_time(remove).await
    }
}

impl fmt::Debug for CosmosStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosmosStore({}/{})", self.0.door.database, self.0.door.container)
    }
}
