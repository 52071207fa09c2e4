//! Ten instances of an application start at once on one store: how often is Entra asked for a key?

use std::time::Duration;

use anyhow::Result;
use entra_abstractions::SharedStore;
use entra_emulator::{Emulator, Endpoint, Entry};
use futures_util::future::try_join_all;

use super::{
    instance::{Instance, MARK},
    stand::Stand,
};

pub(super) const INSTANCES: usize = 10;
pub(super) const KEYS: usize = 50;
const LEASE: Duration = Duration::from_secs(10);

/// A lease guarantees nothing where the store takes longer than callers wait for it. Here the lease is
/// looked at, not how busy this machine is.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often Entra was asked for the key that it was asked for most.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) with_lease: usize,
    pub(super) without: usize,
}

/// Starts them with the lease, and without.
pub(super) async fn drill(emulator: &Emulator, stand: &Stand) -> Result<Cold> {
    Ok(Cold {
        with_lease: most(emulator, stand, "cold, with a lease", |store| store.timeout(PATIENCE).lease(LEASE))
            .await?,
        without: most(emulator, stand, "cold, without", |store| store.timeout(PATIENCE)).await?,
    })
}

async fn most(
    emulator: &Emulator,
    stand: &Stand,
    name: &str,
    wish: impl Fn(SharedStore) -> SharedStore,
) -> Result<usize> {
    emulator.log().clear();
    let instances: Vec<_> =
        (0..INSTANCES).map(|_| Instance::sharing(emulator, stand.store()?, &wish)).collect::<Result<_>>()?;
    let names: Vec<_> = (0..KEYS).map(|key| format!("{name} {key}")).collect();
    // Connections are open before it counts; what is cold are the keys.
    try_join_all(instances.iter().map(|instance| instance.ask("warm"))).await?;
    for name in &names {
        try_join_all(instances.iter().map(|instance| instance.ask(name))).await?;
    }
    for instance in &instances {
        instance.tokens.settled().await;
    }
    let asked = |name: &String| {
        let is_it = |entry: &Entry| entry.endpoint == Endpoint::Token && entry.header(MARK) == Some(name);
        emulator.log().count(is_it)
    };
    Ok(names.iter().map(asked).max().unwrap_or_default())
}
