//! What Key Vault answers, as far as it is used.
//! <https://learn.microsoft.com/rest/api/keyvault/>

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::Deserialize;

/// `GET /certificates/{name}`
#[derive(Deserialize)]
pub(super) struct CertificateBundle {
    /// With the version.
    pub(super) id: String,
    /// The key's address.
    pub(super) kid: String,
    /// The secret's address.
    #[serde(default)]
    pub(super) sid: String,
    /// The certificate: base64 of the DER.
    cer: String,
    #[serde(default)]
    pub(super) attributes: Attributes,
    #[serde(default)]
    policy: Policy,
}

#[derive(Deserialize)]
pub(super) struct Attributes {
    #[serde(default = "yes")]
    pub(super) enabled: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { enabled: true }
    }
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize)]
struct Policy {
    #[serde(default)]
    key_props: KeyProperties,
}

#[derive(Default, Deserialize)]
struct KeyProperties {
    exportable: Option<bool>,
}

impl CertificateBundle {
    pub(super) fn der(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.cer).or_else(|_| URL_SAFE_NO_PAD.decode(&self.cer)).ok()
    }

    /// Whether the private key may leave the vault. Where nothing is said the secret tells.
    pub(super) fn key_may_leave(&self) -> bool {
        self.policy.key_props.exportable != Some(false) && !self.sid.is_empty()
    }
}

/// `GET /secrets/{name}/{version}`: certificate and key.
#[derive(Deserialize)]
pub(super) struct SecretBundle {
    pub(super) value: String,
    #[serde(rename = "contentType")]
    pub(super) content_type: Option<String>,
}

/// `POST /keys/{name}/{version}/sign`
#[derive(Deserialize)]
pub(super) struct Signature {
    pub(super) value: String,
}
