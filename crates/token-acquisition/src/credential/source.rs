//! Where certificates come from: a file or a value, a store, a vault. Each is looked at when it is
//! used, never by a task of its own.

use std::{sync::Arc, time::SystemTime};

use entra_abstractions::TokenError;

use super::{
    aside, certificate::SigningCertificate, disk::DiskCertificate, store::StoreCertificate,
    vault::VaultCertificate,
};

pub(super) enum CertificateSource {
    Disk(Arc<DiskCertificate>),
    Store(Arc<StoreCertificate>),
    Vault(VaultCertificate),
}

impl CertificateSource {
    /// The certificates that are at hand, the newest first.
    pub(super) async fn held(&self, now: SystemTime) -> Result<Vec<Arc<SigningCertificate>>, TokenError> {
        match self {
            Self::Disk(disk) => {
                let disk = Arc::clone(disk);
                Ok(aside(move || disk.held()).await?)
            }
            Self::Store(store) => {
                let store = Arc::clone(store);
                Ok(aside(move || store.held()).await?)
            }
            Self::Vault(vault) => vault.held(now).await,
        }
    }

    /// Looks again, whenever it would otherwise be due. Files and stores are looked at each time.
    pub(super) async fn reload(&self, now: SystemTime) {
        match self {
            Self::Disk(_) | Self::Store(_) => {}
            Self::Vault(vault) => vault.reload(now).await,
        }
    }

    /// What was read last, without looking.
    pub(super) fn known(&self) -> Vec<Arc<SigningCertificate>> {
        match self {
            Self::Disk(disk) => disk.known(),
            Self::Store(store) => store.known(),
            Self::Vault(vault) => vault.known(),
        }
    }
}
