//! A key vault with certificates: their public part, their secret where the key may leave, and signatures. It takes
//! tokens of this Entra for `https://vault.azure.net`, and knows nothing of who may do what beyond what a test forbids.

mod answer;
mod certificate;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::guarded::Guarded;

pub(crate) use answer::answer;
pub use certificate::VaultCertificate;

/// The vault of an emulator; its URL is [`Emulator::base_url`](crate::Emulator::base_url).
///
/// ```
/// use entra_emulator::{Emulator, VaultCertificate, ids};
///
/// let emulator = Emulator::start_blocking()?;
/// let certificate = VaultCertificate::new(ids::APP_CERTIFICATE, ids::APP_KEY);
/// let version = emulator.key_vault().add("app", certificate.key_stays());
/// assert_eq!(version.len(), 32);
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Debug, Default)]
pub struct KeyVault {
    certificates: Guarded<BTreeMap<String, Vec<Version>>>,
    forbidden: Guarded<BTreeSet<VaultOperation>>,
}

/// What a caller of the vault may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VaultOperation {
    /// See certificates (the role *Key Vault Certificate User*, or *Reader*).
    ReadCertificates,
    /// Read certificates with their keys (the role *Key Vault Secrets User*).
    ReadSecrets,
    /// Sign with keys (the role *Key Vault Crypto User*).
    Sign,
}

#[derive(Clone, Debug)]
struct Version {
    id: String,
    certificate: VaultCertificate,
}

impl KeyVault {
    /// Puts in a new version of a certificate: the newest is what is found under its name. Returns the version.
    pub fn add(&self, name: &str, certificate: VaultCertificate) -> String {
        let id = Uuid::new_v4().simple().to_string();
        let version = Version { id: id.clone(), certificate };
        self.certificates.lock().entry(name.to_ascii_lowercase()).or_default().push(version);
        id
    }

    /// Removes a certificate with all its versions.
    pub fn remove(&self, name: &str) {
        self.certificates.lock().remove(&name.to_ascii_lowercase());
    }

    /// Nobody may do this any more.
    pub fn forbid(&self, operation: VaultOperation) {
        self.forbidden.lock().insert(operation);
    }

    /// Everybody may do this again.
    pub fn allow(&self, operation: VaultOperation) {
        self.forbidden.lock().remove(&operation);
    }

    /// A version of a certificate; the newest, where none is named.
    fn find(&self, name: &str, version: Option<&str>) -> Option<Version> {
        let certificates = self.certificates.lock();
        let versions = certificates.get(name)?;
        match version {
            Some(id) => versions.iter().find(|version| version.id == id).cloned(),
            None => versions.last().cloned(),
        }
    }

    fn forbids(&self, operation: VaultOperation) -> bool {
        self.forbidden.lock().contains(&operation)
    }
}
