//! Which applications are the identities of a host, and how its programs name them.

use serde::Deserialize;

use super::{App, Directory};

/// An application that is an identity of every host of the emulator: Azure made it, and nobody knows its secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ManagedIdentity {
    /// Which application.
    pub app: String,
    /// The id of the Azure resource, where a user assigned it; without one it is assigned by the system.
    #[serde(default)]
    pub resource_id: Option<String>,
    /// Whether it gets certificates for keys only that are attested: see
    /// [`Emulator::attestation`](crate::Emulator::attestation).
    #[serde(default)]
    pub requires_attestation: bool,
}

/// How a program names the identity that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    System,
    ClientId(&'a str),
    ResourceId(&'a str),
    ObjectId(&'a str),
}

impl Directory {
    /// The identity of that name, if it is assigned to the hosts.
    pub(crate) fn managed_identity(&self, named: &Named<'_>) -> Option<&App> {
        self.managed_identity_of(named).map(|(_, app)| app)
    }

    /// The same, with how it is assigned.
    pub(crate) fn managed_identity_of(&self, named: &Named<'_>) -> Option<(&ManagedIdentity, &App)> {
        let found = self.managed_identities.iter().find(|identity| {
            let Some(app) = self.app(&identity.app) else { return false };
            match *named {
                Named::System => identity.resource_id.is_none(),
                Named::ClientId(id) => app.client_id.eq_ignore_ascii_case(id),
                Named::ResourceId(id) => {
                    identity.resource_id.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(id))
                }
                Named::ObjectId(id) => app.object_id().eq_ignore_ascii_case(id),
            }
        });
        let found = found?;
        Some((found, self.app(&found.app)?))
    }
}
