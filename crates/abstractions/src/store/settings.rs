//! What every kind of shared store reads out of the section `TokenCache`: keys, waiting, lease.

use std::{sync::Arc, time::Duration};

use crate::{EncryptionKeys, Faults, Misconfigured, Section, SharedStore, StoreTokens, section::known};

/// The part of the section `TokenCache` that is the same for every kind of store:
/// `EncryptionKeys` or `"Encryption": "None"`, `Timeout`, `Lease`.
///
/// ```
/// use entra_abstractions::{Section, StoreSettings};
///
/// let section = Section::new("TokenCache", serde_json::json!({"Kind": "Redis"}));
/// let error = StoreSettings::from_section(&section).unwrap_err();
/// assert!(error.to_string().contains("openssl rand -base64 32"));
/// ```
#[derive(Debug, Clone)]
pub struct StoreSettings {
    keys: Option<EncryptionKeys>,
    timeout: Option<Duration>,
    lease: Option<Duration>,
}

impl StoreSettings {
    /// Reads them. Keys of the section that nobody knows are told, too.
    ///
    /// # Errors
    /// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act.
    pub fn from_section(section: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        section.check_keys(known::TOKEN_CACHE, &mut faults);
        let keys = keys(section, &mut faults);
        let timeout = section.duration("Timeout", &mut faults);
        let lease = section.duration("Lease", &mut faults);
        faults.into_result(Self { keys, timeout, lease })
    }

    /// Shares a store in this way.
    pub fn share(self, store: Arc<dyn StoreTokens>) -> SharedStore {
        let mut shared = match self.keys {
            Some(keys) => SharedStore::encrypted(store, keys),
            None => SharedStore::unencrypted(store),
        };
        if let Some(timeout) = self.timeout {
            shared = shared.timeout(timeout);
        }
        match self.lease {
            Some(lease) => shared.lease(lease),
            None => shared,
        }
    }
}

/// None only where the opt-out is written, or a fault was noted.
fn keys(section: &Section, faults: &mut Faults) -> Option<EncryptionKeys> {
    let path = section.path_of("Encryption");
    match section.text("Encryption", faults) {
        None => faults.take(EncryptionKeys::from_section(section)),
        Some(text) if !text.trim().eq_ignore_ascii_case("None") => {
            let fault = Misconfigured::new("the only value known here is None");
            faults
                .add(fault.at(path).hint("to encrypt, list keys in EncryptionKeys, and leave this one out"));
            None
        }
        Some(_) if !section.section("EncryptionKeys").is_absent() => {
            let fault = Misconfigured::new("None contradicts the EncryptionKeys beside it");
            faults.add(fault.at(path).hint("remove one of both"));
            None
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
