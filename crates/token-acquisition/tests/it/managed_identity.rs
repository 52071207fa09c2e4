//! Managed identities, against hosts of every kind.

mod arc;
mod attested;
mod bound;
mod hostile;
mod requests;
mod retries;
mod service_fabric;
mod sources;
mod stability;
mod vouching;

use std::{sync::Arc, time::Duration};

use entra_abstractions::{Clock, Environment, ManagedIdentityId};
use entra_emulator::{Emulator, Endpoint, Entry, ManagedIdentityHost as Host, ids};
use entra_token_acquisition::{ManagedIdentity, ManagedIdentityBuilder};

use crate::kit::Kit;

/// An identity of a program on such a host.
fn on(kit: &Kit, host: Host, id: ManagedIdentityId) -> ManagedIdentityBuilder {
    with(kit, environment(&kit.emulator, host), id).arc_keys(kit.emulator.arc_keys())
}

fn with(kit: &Kit, environment: Environment, id: ManagedIdentityId) -> ManagedIdentityBuilder {
    ManagedIdentity::builder(id)
        .clock(Arc::clone(&kit.clock) as Arc<dyn Clock>)
        .environment(environment)
        .retry_delay(Duration::ZERO)
}

fn system(kit: &Kit, host: Host) -> ManagedIdentity {
    on(kit, host, ManagedIdentityId::System).build().unwrap()
}

fn environment(emulator: &Emulator, host: Host) -> Environment {
    Environment::from_pairs(emulator.managed_identity_environment(host))
}

fn shared() -> ManagedIdentityId {
    ManagedIdentityId::client_id(ids::SHARED_IDENTITY).unwrap()
}

/// What the hosts were asked.
fn asked(kit: &Kit) -> Vec<Entry> {
    let entries = kit.emulator.log().entries();
    entries.into_iter().filter(|entry| entry.endpoint == Endpoint::ManagedIdentity).collect()
}

fn count(kit: &Kit) -> usize {
    asked(kit).len()
}
