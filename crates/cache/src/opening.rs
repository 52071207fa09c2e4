//! Opens one kind of store each. Never connects.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, ConnectionString, Misconfigured, Section, StoreTokens};

use crate::kind::Kind;

/// Whose tokens log in, where they may.
pub(crate) type Tokens = Option<Arc<dyn AcquireToken>>;

/// Where it is said what to open, and who may log in.
pub(crate) struct Opening<'a> {
    pub(crate) section: &'a Section,
    pub(crate) root: &'a Section,
    pub(crate) tokens: Tokens,
}

impl Opening<'_> {
    /// The store of this kind.
    pub(crate) fn store(&self, kind: Kind) -> Result<Arc<dyn StoreTokens>, Misconfigured> {
        match STORES.iter().find(|(known, _)| *known == kind) {
            Some((_, open)) => open(self),
            None => Err(Misconfigured::new(format!("this program was built without {kind}"))
                .at(self.section.path_of("Kind"))
                .hint(format!("add the feature \"{}\" to entra-cache", kind.feature()))),
        }
    }

    /// Those who log in, where the connection string leaves it to them.
    #[cfg_attr(
        not(any(
            feature = "redis",
            feature = "sqlite",
            feature = "postgres",
            feature = "mysql",
            feature = "sqlserver",
            feature = "cosmos"
        )),
        expect(dead_code, reason = "this build opens nothing that is logged in to")
    )]
    fn credential(&self, is_wanted: bool) -> Result<Tokens, Misconfigured> {
        match &self.tokens {
            _ if !is_wanted => Ok(None),
            Some(tokens) => Ok(Some(Arc::clone(tokens))),
            None => {
                let connection = ConnectionString::from_section(self.section, self.root)?;
                Err(Misconfigured::new("one logs in there by a token of Entra, and nobody acquires any")
                    .at(connection.path())
                    .hint(
                        "open it by entra_cache::open_with(&root, tokens), where tokens are a managed identity's or an \
                         application's; or write the password or key into the connection string",
                    ))
            }
        }
    }
}

type Open = fn(&Opening<'_>) -> Result<Arc<dyn StoreTokens>, Misconfigured>;

/// Those that this program was built with.
const STORES: &[(Kind, Open)] = &[
    #[cfg(feature = "redis")]
    (Kind::Redis, |opening| {
        let builder = entra_cache_redis::RedisStoreBuilder::from_section(opening.section, opening.root)?;
        let store = match opening.credential(builder.wants_credential())? {
            Some(tokens) => builder.credential(tokens, None).build()?,
            None => builder.build()?,
        };
        Ok(Arc::new(store))
    }),
    #[cfg(feature = "sqlite")]
    (Kind::Sqlite, sql),
    #[cfg(feature = "postgres")]
    (Kind::PostgreSql, sql),
    #[cfg(feature = "mysql")]
    (Kind::MySql, sql),
    #[cfg(feature = "sqlserver")]
    (Kind::SqlServer, |opening| {
        let builder =
            entra_cache_sqlserver::SqlServerStoreBuilder::from_section(opening.section, opening.root)?;
        let store = match opening.credential(builder.wants_credential())? {
            Some(tokens) => builder.credential(tokens).build()?,
            None => builder.build()?,
        };
        Ok(Arc::new(store))
    }),
    #[cfg(feature = "cosmos")]
    (Kind::CosmosDb, |opening| {
        let builder = entra_cache_cosmos::CosmosStoreBuilder::from_section(opening.section, opening.root)?;
        let store = match opening.credential(builder.wants_credential())? {
            Some(tokens) => {
                let credential = entra_azure_credential::EntraCredential::new(tokens);
                builder.credential(Arc::new(credential)).build()?
            }
            None => builder.build()?,
        };
        Ok(Arc::new(store))
    }),
];

/// It tells them apart by the section's `Kind`.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
fn sql(opening: &Opening<'_>) -> Result<Arc<dyn StoreTokens>, Misconfigured> {
    let builder = entra_cache_sql::SqlStoreBuilder::from_section(opening.section, opening.root)?;
    let store = match opening.credential(builder.wants_credential())? {
        Some(tokens) => builder.credential(tokens).build()?,
        None => builder.build()?,
    };
    Ok(Arc::new(store))
}
