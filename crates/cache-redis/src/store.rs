//! The store: one command for each of the four things it does.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use entra_abstractions::{Misconfigured, Secret, Section, StoreError, StoreKey, StoreTokens, StoredEntry};
use redis::{Cmd, Value, cmd};
use tokio::time::timeout;

use crate::{
    builder::RedisStoreBuilder,
    cluster::Cluster,
    connection::Connection,
    dial::Dialer,
    entry,
    error::{Failure, MAX_VALUE},
    link::{Link, Place},
};

/// Keeps tokens in Redis: one server, one that is guarded by Sentinels, or a cluster.
///
/// Its clones share their connections. See the [crate](crate) for how it is configured.
#[doc(alias = "AddStackExchangeRedisCache")]
#[doc(alias = "RedisCacheOptions")]
#[doc(alias = "RedisCache")]
#[derive(Debug, Clone)]
pub struct RedisStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    prefix: String,
    dialer: Arc<Dialer>,
    link: Arc<Link>,
    /// Made when a server says that another one keeps the key.
    cluster: OnceLock<Arc<Cluster>>,
}

impl RedisStore {
    /// Builds the store of a connection string: in the syntax of StackExchange.Redis, or a
    /// `redis://` or `rediss://` URL.
    pub fn builder(connection: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Secret::new(connection))
    }

    /// Reads the section `TokenCache`: `ConnectionString`, `InstanceName`, `CertificateAuthority`.
    /// `root` is the whole configuration, for the `ConnectionStrings` in it.
    ///
    /// # Errors
    /// [`Misconfigured`] for whoever wrote the section, with the place of each fault.
    pub fn from_section(section: &Section, root: &Section) -> Result<Self, Misconfigured> {
        RedisStoreBuilder::from_section(section, root)?.build()
    }

    pub(crate) fn new(name: String, prefix: String, dialer: Dialer) -> Self {
        let dialer = Arc::new(dialer);
        let link = Arc::new(Link::new(Arc::clone(&dialer), Place::Configured));
        Self(Arc::new(Inner { name, prefix, dialer, link, cluster: OnceLock::new() }))
    }

    fn key(&self, key: &StoreKey) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.0.prefix.len() + StoreKey::TEXT_LEN);
        text.extend_from_slice(self.0.prefix.as_bytes());
        key.write_text(&mut text);
        text
    }

    /// Sends a command, and gives up when the store's time is over.
    async fn try_to_ask(&self, key: &[u8], command: &Cmd) -> Result<Value, Failure> {
        let patience = self.0.dialer.config.timeout;
        let answered = timeout(patience, self.0.send(key, command)).await;
        answered.unwrap_or(Err(Failure::Slow(patience)))
    }

    async fn ask(&self, key: &[u8], command: &Cmd) -> Result<Value, StoreError> {
        self.try_to_ask(key, command).await.map_err(|failure| self.told(failure))
    }

    fn told(&self, failure: Failure) -> StoreError {
        failure.at(&self.0.name)
    }
}

impl Inner {
    async fn send(&self, key: &[u8], command: &Cmd) -> Result<Value, Failure> {
        // What is rare is boxed, else every request would make room for it.
        if let Some(cluster) = self.cluster.get() {
            return Box::pin(cluster.ask(key, command)).await;
        }
        let connection = match self.link.at_hand() {
            Some(connection) => connection,
            None => Box::pin(self.link.connection()).await?,
        };
        match connection.ask(command).await {
            Ok(value) => Ok(value),
            Err(failure) => Box::pin(self.send_elsewhere(&connection, failure, key, command)).await,
        }
    }

    /// Sends it again, where a failure says that another server takes it.
    async fn send_elsewhere(
        &self,
        refusing: &Connection,
        failure: Failure,
        key: &[u8],
        command: &Cmd,
    ) -> Result<Value, Failure> {
        // Now it is known to be a cluster. What a server says of itself is not enough: one that stands
        // before a cluster and hides it may repeat what is behind it.
        if failure.redirection(refusing.endpoint()).is_some() {
            return self.cluster().ask(key, command).await;
        }
        // It became a replica while the connection was open. Nothing was done, so it is done now where
        // the writes are taken.
        if failure.is("READONLY")
            && let Some(other) = self.link.past(refusing).await
        {
            return other?.ask(command).await;
        }
        Err(failure)
    }

    fn cluster(&self) -> &Arc<Cluster> {
        self.cluster.get_or_init(|| Arc::new(Cluster::new(Arc::clone(&self.dialer))))
    }
}

#[async_trait]
impl StoreTokens for RedisStore {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let key = self.key(key);
        // What GET does, but never more than can be one of ours; nothing reads as an empty value.
        let mut command = Cmd::with_capacity(4, key.len() + 16);
        command.arg("GETRANGE").arg(&key).arg(0).arg(MAX_VALUE);
        match self.try_to_ask(&key, &command).await {
            Ok(Value::BulkString(value)) if value.is_empty() => Ok(None),
            Ok(Value::BulkString(value)) => Ok(Some(entry::decode(value))),
            Ok(_) => Err(self.told(Failure::Gibberish)),
            // A hash or a list of somebody else: the server is well.
            Err(failure) if failure.is("WRONGTYPE") => Ok(Some(StoredEntry::unreadable())),
            Err(failure) => Err(self.told(failure)),
        }
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        let key = self.key(key);
        let Some(life) = entry::life(&entry, self.0.dialer.clock.now()) else {
            return self.ask(&key, cmd("DEL").arg(&key)).await.map(drop);
        };
        let value = entry::encode(&entry).map_err(|failure| self.told(failure))?;
        match self.ask(&key, cmd("SET").arg(&key).arg(value).arg("PX").arg(life)).await? {
            Value::Okay => Ok(()),
            _ => Err(self.told(Failure::Gibberish)),
        }
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        let key = self.key(key);
        let Some(life) = entry::life(&entry, self.0.dialer.clock.now()) else {
            return self.ask(&key, cmd("EXISTS").arg(&key)).await.map(|there| there == Value::Int(0));
        };
        let value = entry::encode(&entry).map_err(|failure| self.told(failure))?;
        match self.ask(&key, cmd("SET").arg(&key).arg(value).arg("PX").arg(life).arg("NX")).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(self.told(Failure::Gibberish)),
        }
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        let key = self.key(key);
        match self.ask(&key, cmd("DEL").arg(&key)).await? {
            Value::Int(removed) => Ok(removed > 0),
            _ => Err(self.told(Failure::Gibberish)),
        }
    }
}
