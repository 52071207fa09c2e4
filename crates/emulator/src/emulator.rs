//! A running emulator: the handle that a test holds.

mod appsettings;
mod builder;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::clock::VirtualClock;
use crate::directory::Directory;
use crate::faults::Faults;
use crate::key_vault::KeyVault;
use crate::managed_identity::{self, ManagedIdentityHost};
use crate::mint::Mint;
use crate::origin::Origin;
use crate::pipeline;
use crate::realm::Realm;
use crate::server::Server;
use crate::traffic::Log;

pub use builder::{EmulatorBuilder, StartError};

/// An Entra ID on loopback. It stops when dropped.
///
/// ```
/// use entra_emulator::{Emulator, ids};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), entra_emulator::StartError> {
/// let emulator = Emulator::start().await?;
/// assert_eq!(emulator.authority(ids::TENANT), format!("{}/{}", emulator.base_url(), ids::TENANT));
/// let token = emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
/// assert_eq!(token.split('.').count(), 3);
/// # Ok(())
/// # }
/// ```
pub struct Emulator {
    realm: Arc<Realm>,
    // Dropped first of all: nothing may come in while the rest goes.
    server: Option<Server>,
    base_url: String,
    ca_pem: Option<String>,
    /// The SHA-1 of the server's certificate, over HTTPS.
    thumbprint: Option<String>,
    strict: bool,
}

impl Emulator {
    /// Starts with the ready-made directory, over HTTP, on a free port.
    ///
    /// # Errors
    /// [`StartError`] when the machine has no port or thread to give.
    #[expect(
        clippy::unused_async,
        reason = "starting may come to wait for something; callers are ready for it"
    )]
    pub async fn start() -> Result<Self, StartError> {
        Self::start_blocking()
    }

    /// The same outside of async code; it does not wait for anything.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking() -> Result<Self, StartError> {
        Self::builder().start_blocking()
    }

    /// Another directory, HTTPS, a fixed port and more.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// `http://localhost:PORT`, without a slash at the end: the `Instance` of a configuration.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.as_ref().map_or(0, Server::port)
    }

    /// `http://localhost:PORT/{tenant}`
    pub fn authority(&self, tenant: &str) -> String {
        self.origin().authority(tenant)
    }

    /// The certificate of the test authority, PEM; `None` over HTTP.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The directory of this moment.
    pub fn directory(&self) -> Arc<Directory> {
        self.realm.directory()
    }

    /// Changes the directory: requests that come later see it.
    ///
    /// ```
    /// # use entra_emulator::{Consent, Emulator};
    /// # let emulator = Emulator::start_blocking()?;
    /// emulator.edit(|directory| directory.consents.push(Consent::scopes("shop-api", "payroll", ["read"])));
    /// # Ok::<(), entra_emulator::StartError>(())
    /// ```
    pub fn edit<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        self.realm.edit(change)
    }

    /// The requests that came, with their secrets taken out.
    pub fn log(&self) -> &Log {
        &self.realm.log
    }

    /// What shall go wrong.
    pub fn faults(&self) -> &Faults {
        &self.realm.faults
    }

    /// The emulator's time.
    pub fn clock(&self) -> &VirtualClock {
        &self.realm.clock
    }

    /// A new key signs from now on. The old ones stay published until [`retire_old_keys`](Self::retire_old_keys).
    pub fn rotate_keys(&self) {
        self.realm.keys.lock().rotate();
    }

    /// Only the key of now stays published; tokens of the others become invalid.
    pub fn retire_old_keys(&self) {
        self.realm.keys.lock().retire_old();
    }

    /// Ends a user's sessions: refresh tokens issued until now are refused with AADSTS50173.
    pub fn end_sessions(&self, user: &str) {
        if let Some(user) = self.directory().user(user) {
            self.realm.sessions.end(&user.object_id, self.clock().now());
        }
    }

    /// A token with which a user's client calls an API: what a browser would present.
    ///
    /// The scopes are written as in a request: `api://orders/read`. Consent is taken for granted.
    ///
    /// # Panics
    /// When the directory has no such user or resource: the test's own slip.
    pub fn user_token(&self, user: &str, scopes: &str) -> String {
        self.mint().user(user).scopes(scopes).build()
    }

    /// A token with which an application calls an API, with the roles it was given there.
    ///
    /// # Panics
    /// When the directory has no such application or resource.
    pub fn app_token(&self, client: &str, resource: &str) -> String {
        self.mint().app(client).resource(resource).build()
    }

    /// Makes odd tokens: expired, for another audience, signed by a stranger.
    pub fn mint(&self) -> Mint<'_> {
        Mint::new(self)
    }

    /// An assertion of the external issuer that the directory trusts (the first without keys of its own), for this subject:
    /// what a platform writes into a federated token file.
    pub fn workload_assertion(&self, subject: &str) -> String {
        crate::mint::workload_assertion(&self.directory(), self.clock().now(), subject)
    }

    /// An `appsettings.json` for an application of the directory, ready to paste: with its secret, which is test material.
    pub fn appsettings(&self, client: &str) -> String {
        appsettings::write(&self.directory(), &self.base_url, client)
    }

    /// The key vault: its URL is [`base_url`](Self::base_url), and it takes tokens of this Entra.
    pub fn key_vault(&self) -> &KeyVault {
        &self.realm.key_vault
    }

    /// The environment of a step in an Azure pipeline: its service connections vouch with tokens of
    /// [`ids::WORKLOAD_ISSUER`](crate::ids::WORKLOAD_ISSUER) for [`ids::WORKLOAD_SUBJECT`](crate::ids::WORKLOAD_SUBJECT).
    pub fn pipeline_environment(&self) -> Vec<(&'static str, String)> {
        pipeline::environment(&self.base_url)
    }

    /// The environment of a program on such a host: with these variables its managed identities come from here.
    pub fn managed_identity_environment(&self, host: ManagedIdentityHost) -> Vec<(&'static str, String)> {
        host.environment(&self.base_url, self.thumbprint.as_deref().unwrap_or(NO_CERTIFICATE))
    }

    /// The folder in which the agent of Azure Arc writes the keys that it asks for.
    pub fn arc_keys(&self) -> &Path {
        self.realm.managed_identities.keys()
    }

    /// What an attestation service would say of a key (DER of a `SubjectPublicKeyInfo`): that the machine guards it. The
    /// metadata service of virtual machines takes it, and issues certificates without where the directory does not ask
    /// for it.
    pub fn attestation(&self, public_key: &[u8]) -> String {
        managed_identity::attestation(&self.realm, &self.base_url, public_key)
    }

    /// From now on Entra takes none of the certificates that the metadata service has issued.
    pub fn revoke_certificates(&self) {
        self.realm.managed_identities.revoke_certificates();
    }

    pub(crate) fn realm(&self) -> &Realm {
        &self.realm
    }

    pub(crate) fn origin(&self) -> Origin {
        let (scheme, host) = self.base_url.split_once("://").unwrap_or(("http", &self.base_url));
        Origin::new(scheme, host)
    }
}

impl Drop for Emulator {
    // Strict traffic is asked for by a test, and a test fails by a panic.
    fn drop(&mut self) {
        drop(self.server.take());
        let unserved = self.realm.log.unserved();
        let is_fine = !self.strict || unserved.is_empty() || std::thread::panicking();
        assert!(is_fine, "requests that the emulator does not serve: {}", unserved.join(", "));
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("base_url", &self.base_url)
            .field("log", &self.realm.log)
            .finish_non_exhaustive()
    }
}

/// What stands for a thumbprint over HTTP, where there is no certificate.
const NO_CERTIFICATE: &str = "0000000000000000000000000000000000000000";
