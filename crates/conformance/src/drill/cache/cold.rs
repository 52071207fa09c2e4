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

/// How often Entra was asked for the key that it was asked for most.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) with_lease: usize,
    pub(super) without: usize,
}

/// Starts them with the lease, and without.
pub(super) async fn drill(emulator: &Emulator, stand: &Stand) -> Result<Cold> {
    Ok(Cold {
        with_lease: most(emulator, stand, "cold, with a lease", |store| store.lease(LEASE)).await?,
        without: most(emulator, stand, "cold, without", |store| store).await?,
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
    // All of them at once, and no connection is open before.
    let all = instances.iter().flat_map(|instance| names.iter().map(|name| instance.ask(name)));
    try_join_all(all).await?;
    for instance in &instances {
        instance.tokens.settled().await;
    }
    let asked = |name: &String| {
        let is_it = |entry: &Entry| entry.endpoint == Endpoint::Token && entry.header(MARK) == Some(name);
        emulator.log().count(is_it)
    };
    Ok(names.iter().map(asked).max().unwrap_or_default())
}
