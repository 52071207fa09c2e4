//! What is known of an application's credentials: which one is in use, and why each other one is not.

use std::{fmt, time::SystemTime};

/// One of the application's credentials, as things stand. Holds no secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CredentialReport {
    /// Its place in the configuration, such as `AzureAd.ClientCredentials[0]`.
    pub at: String,
    /// What it is, in the words of the configuration: `ClientSecret`, `Path`, `KeyVault`.
    pub kind: &'static str,
    /// Whether it is used.
    pub state: CredentialState,
    /// The certificate that it holds now.
    pub certificate: Option<CertificateFacts>,
}

/// Whether a credential is used, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialState {
    /// It proved the application last.
    InUse,
    /// Nobody has needed it so far.
    NotTried,
    /// It could be used; another one is, because that one is usable too.
    Usable,
    /// It was tried and passed over, for this reason.
    PassedOver(String),
}

/// What tells one certificate from another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// Its SHA-1 in hexadecimal, as portals show it.
    pub thumbprint: String,
    /// Since when it is valid.
    pub valid_from: SystemTime,
    /// Until when it is valid.
    pub expires_at: SystemTime,
}

impl fmt::Display for CredentialReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.at, self.kind)?;
        if let Some(CertificateFacts { thumbprint, expires_at, .. }) = &self.certificate {
            let until = httpdate::fmt_http_date(*expires_at);
            write!(f, ", certificate {thumbprint} until {until}")?;
        }
        f.write_str("): ")?;
        match &self.state {
            CredentialState::InUse => f.write_str("in use"),
            CredentialState::NotTried => f.write_str("not tried"),
            CredentialState::Usable => f.write_str("usable, another one is in use"),
            CredentialState::PassedOver(reason) => write!(f, "passed over, {reason}"),
        }
    }
}
