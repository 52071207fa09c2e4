//! The store as applications hold it, whichever database is behind it.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{Misconfigured, Section, StoreError, StoreKey, StoreTokens, StoredEntry};

use crate::{SqlStoreBuilder, builder::connection, kind::Kind};

/// Keeps tokens in a table.
///
/// A clone is the same store.
#[doc(alias = "AddDistributedPostgresCache")]
#[doc(alias = "PostgresCacheOptions")]
#[derive(Debug, Clone)]
pub struct SqlStore(Arc<dyn StoreTokens>);

impl SqlStore {
    pub(crate) fn new(store: Arc<dyn StoreTokens>) -> Self {
        Self(store)
    }

    /// A file of SQLite: a path, `Data Source=tokens.db` as Microsoft.Data.Sqlite has it, or
    /// `sqlite:tokens.db`.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is none of them; the developer must act.
    #[cfg(feature = "sqlite")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
    pub fn sqlite(text: &str) -> Result<SqlStoreBuilder, Misconfigured> {
        Ok(SqlStoreBuilder::new(Kind::Sqlite, connection(text)?))
    }

    /// A database of PostgreSQL: `Host=db.example;Database=tokens;Username=app;Password=..` as
    /// Npgsql has it, or `postgres://app:..@db.example/tokens`.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is neither; the developer must act.
    #[cfg(feature = "postgres")]
    #[cfg_attr(docsrs, doc(cfg(feature = "postgres")))]
    pub fn postgres(text: &str) -> Result<SqlStoreBuilder, Misconfigured> {
        Ok(SqlStoreBuilder::new(Kind::PostgreSql, connection(text)?))
    }

    /// A database of MySQL or MariaDB: `Server=db.example;Database=tokens;User ID=app;Password=..`
    /// as `MySqlConnector` has it, or `mysql://app:..@db.example/tokens`.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is neither; the developer must act.
    #[cfg(feature = "mysql")]
    #[cfg_attr(docsrs, doc(cfg(feature = "mysql")))]
    pub fn mysql(text: &str) -> Result<SqlStoreBuilder, Misconfigured> {
        Ok(SqlStoreBuilder::new(Kind::MySql, connection(text)?))
    }

    /// The store that a section such as `TokenCache` describes:
    /// [`SqlStoreBuilder::from_section`], built.
    ///
    /// # Errors
    /// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must
    /// act.
    pub fn from_section(section: &Section, root: &Section) -> Result<Self, Misconfigured> {
        SqlStoreBuilder::from_section(section, root)?.build()
    }
}

#[async_trait]
impl StoreTokens for SqlStore {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.0.put(key, entry).await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.0.put_new(key, entry).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.0.remove(key).await
    }
}
