//! The certificate store of Windows, and the keys that its providers keep: in software, in a TPM, on a
//! smart card.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{Misconfigured, TokenError};
use rustls_cng::{
    cert::CertContext,
    error::CngError,
    key::{NCryptKey, SignaturePadding},
    store::{CertStore, CertStoreType},
};

use super::{Kept, Location};
use crate::credential::{
    aside,
    certificate::{Algorithm, KeyElsewhere},
};

/// Opens the store; one that does not exist is not made.
pub(super) fn certificates(location: Location, name: &str) -> Result<Vec<Box<dyn Kept>>, Misconfigured> {
    let kind = match location {
        Location::CurrentUser => CertStoreType::CurrentUser,
        Location::LocalMachine => CertStoreType::LocalMachine,
    };
    let all = CertStore::open(kind, name).and_then(|store| store.find_all()).map_err(|error| {
        let denied = error == CngError::WindowsError(ACCESS_DENIED);
        let (what, hint) = if denied {
            (
                "may not be opened by this account",
                "run as an account that may write to the store, or use CurrentUser/My",
            )
        } else {
            ("cannot be opened", "check CertificateStorePath; certlm.msc and certmgr.msc show the stores")
        };
        Misconfigured::new(format!("the certificate store {location}/{name} {what}"))
            .hint(hint)
            .with_source(error)
    })?;
    Ok(all.into_iter().map(|certificate| Box::new(certificate) as Box<dyn Kept>).collect())
}

const ACCESS_DENIED: u32 = 5;

impl Kept for CertContext {
    fn der(&self) -> &[u8] {
        self.as_der()
    }

    fn key(&self) -> Result<Arc<dyn KeyElsewhere>, Misconfigured> {
        // Silently: a service has nobody who could be asked for a PIN.
        let key = self.acquire_key(true).map_err(|error| {
            Misconfigured::new("it has no private key that this account may use")
                .hint("give the account the right to read the private key, in certlm.msc")
                .with_source(error)
        })?;
        Ok(Arc::new(Key(key)))
    }
}

struct Key(NCryptKey);

#[async_trait]
impl KeyElsewhere for Key {
    async fn sign(&self, algorithm: Algorithm, sha256: &[u8]) -> Result<Vec<u8>, TokenError> {
        let (key, sha256) = (self.0.clone(), sha256.to_vec());
        let padding = match algorithm {
            Algorithm::Ps256 => SignaturePadding::Pss,
            Algorithm::Rs256 => SignaturePadding::Pkcs1,
        };
        let sign = move || {
            key.sign(&sha256, padding).map_err(|error| {
                Misconfigured::new("the private key in the certificate store does not sign")
                    .with_source(error)
            })
        };
        Ok(aside(sign).await?)
    }
}

#[cfg(test)]
mod tests;
