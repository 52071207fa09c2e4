//! A double, its clock, and a store in it.

use std::{sync::Arc, time::Duration};

use entra_abstractions::testing::ManualClock;
use entra_cache_sqlserver::{SqlServerStore, SqlServerStoreBuilder};

use crate::double::Double;

pub(crate) struct Bench {
    pub(crate) double: Double,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: SqlServerStore,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let clock = Arc::new(ManualClock::default());
        let double = Double::start(clock.clone()).await;
        let store = builder(&double).create_if_not_exists(true).build().unwrap();
        Self { double, clock, store }
    }
}

pub(crate) fn builder(double: &Double) -> SqlServerStoreBuilder {
    SqlServerStore::builder(&double.connection_string())
        .unwrap()
        .root_certificates(double.certificate())
        .timeout(Duration::from_secs(5))
}
