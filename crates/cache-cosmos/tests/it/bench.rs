//! A double, its clock, and a store in it.

use std::sync::Arc;

use azure_core::{
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    error::{Error, ErrorKind},
};
use entra_abstractions::testing::ManualClock;
use entra_cache_cosmos::{CosmosStore, CosmosStoreBuilder};
use time::OffsetDateTime;

use crate::double::{Double, signature::TOKEN};

pub(crate) struct Bench {
    pub(crate) double: Double,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: CosmosStore,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let clock = Arc::new(ManualClock::default());
        let double = Double::start(clock.clone()).await;
        let store = builder(&double).clock(clock.clone()).create_if_not_exists(true).build().unwrap();
        Self { double, clock, store }
    }
}

pub(crate) fn builder(double: &Double) -> CosmosStoreBuilder {
    CosmosStore::builder(&double.connection_string()).unwrap()
}

/// Has a token, or none.
#[derive(Debug)]
pub(crate) struct Credential(pub(crate) bool);

#[async_trait::async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://cosmos.azure.com/.default"]);
        if !self.0 {
            return Err(Error::with_message(ErrorKind::Credential, "s3cret reason"));
        }
        Ok(AccessToken {
            token: Secret::new(TOKEN),
            expires_on: OffsetDateTime::now_utc() + time::Duration::hours(1),
        })
    }
}
