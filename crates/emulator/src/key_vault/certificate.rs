//! A certificate as it lies in the vault.

use std::fmt;

/// A certificate with its private key, and whether the key may leave the vault.
#[derive(Clone)]
#[must_use]
pub struct VaultCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) pkcs12: Option<String>,
    pub(super) exportable: bool,
    pub(super) enabled: bool,
}

impl VaultCertificate {
    /// A certificate and its RSA key (PKCS#8), both PEM. Its secret is that PEM.
    pub fn new(certificate: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            pkcs12: None,
            exportable: true,
            enabled: true,
        }
    }

    /// With this PFX file, in base64, as its secret.
    pub fn kept_as_pkcs12(self, base64: impl Into<String>) -> Self {
        Self { pkcs12: Some(base64.into()), ..self }
    }

    /// Its key does not leave the vault: the secret is the certificate alone.
    pub fn key_stays(self) -> Self {
        Self { exportable: false, ..self }
    }

    /// It is there, but may not be used.
    pub fn disabled(self) -> Self {
        Self { enabled: false, ..self }
    }
}

impl fmt::Debug for VaultCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultCertificate")
            .field("exportable", &self.exportable)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}
