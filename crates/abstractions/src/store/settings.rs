//! What every kind of shared store reads out of the section `TokenCache`: keys, waiting, lease, and
//! which keys are for which kind.

use std::{sync::Arc, time::Duration};

use crate::{
    EncryptionKeys, Faults, MemoryLimit, Misconfigured, Section, SharedStore, StoreTokens, section::known,
};

/// The part of the section `TokenCache` that is the same for every kind of store:
/// `EncryptionKeys` or `"Encryption": "None"`, `Timeout`, `Lease`, `SizeLimit`.
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
    memory: Option<MemoryLimit>,
}

impl StoreSettings {
    /// Notes each key of a section `TokenCache` that nobody knows, and each that a store of this kind
    /// has no use for, with the kinds that have one: `InstanceName` parts applications in Redis, and
    /// whoever writes it beside another kind believes that it does so there.
    ///
    /// `kind` is a name out of [`known::TOKEN_CACHE_OF_KINDS`].
    pub fn check_keys(section: &Section, kind: &str, faults: &mut Faults) {
        section.check_keys(known::TOKEN_CACHE, faults);
        for (key, kinds) in known::TOKEN_CACHE_OF_KINDS {
            let is_blank =
                section.text_or_blank(key, &mut Faults::default()).is_some_and(|text| text.is_empty());
            if kinds.contains(&kind) || section.section(key).is_absent() || is_blank {
                continue;
            }
            let fault =
                Misconfigured::new(format!("{kind} has no use for this key: it is for {}", listed(kinds)));
            faults.add(fault.at(section.path_of(key)).hint("remove it, or in an overlay set it to null"));
        }
    }

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
        let memory = faults.take(MemoryLimit::from_section(section)).flatten();
        faults.into_result(Self { keys, timeout, lease, memory })
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
        if let Some(memory) = self.memory {
            shared = shared.memory_limit(memory);
        }
        match self.lease {
            Some(lease) => shared.lease(lease),
            None => shared,
        }
    }
}

fn listed(kinds: &[&str]) -> String {
    match kinds {
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => String::new(),
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
