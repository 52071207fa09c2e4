//! Signs the assertion with which a certificate proves the application (`private_key_jwt`,
//! RFC 7523): PS256 over three header members and six claims.
//!
//! Signed with aws-lc-rs itself rather than through jsonwebtoken: that parses the key again for each
//! signature, and panics in any program where another crate turns on its second crypto backend.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use std::time::{Duration, SystemTime};

use aws_lc_rs::{rand::SystemRandom, signature::RSA_PSS_SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{ClientId, Misconfigured, Secret};
use serde::Serialize;
use uuid::Uuid;

use crate::credential::SigningCertificate;

/// What the assertion says.
pub(crate) struct ClientAssertion<'a> {
    /// Who is proven.
    pub(crate) client: &'a ClientId,
    /// To whom: the token endpoint that is asked.
    pub(crate) audience: &'a str,
    /// The certificate and those above it, or nothing: only where `SendX5C` asks, because with it
    /// Entra trusts the issuer rather than this one certificate.
    pub(crate) x5c: &'a [String],
    pub(crate) now: SystemTime,
}

impl ClientAssertion<'_> {
    /// The assertion in its compact form.
    ///
    /// # Errors
    /// [`Misconfigured`] when the key cannot sign.
    pub(crate) fn sign(&self, certificate: &SigningCertificate) -> Result<Secret, Misconfigured> {
        let header = Header { alg: "PS256", typ: "JWT", x5t_s256: certificate.thumbprint(), x5c: self.x5c };
        let now = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let claims = Claims {
            aud: self.audience,
            iss: self.client.as_str(),
            sub: self.client.as_str(),
            jti: Uuid::new_v4().to_string(),
            nbf: now,
            exp: now + LIFETIME.as_secs(),
        };
        let mut assertion = format!("{}.{}", part(&header)?, part(&claims)?);
        let key = certificate.key();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), assertion.as_bytes(), &mut signature)
            .map_err(|error| Misconfigured::new("the private key cannot sign").with_source(error))?;
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut assertion);
        Ok(Secret::new(assertion))
    }
}

/// What Microsoft's libraries take, and Entra advises.
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(rename = "x5t#S256")]
    x5t_s256: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    x5c: &'a [String],
}

/// Times are numbers (RFC 7519 section 2).
// Unlike .NET: it writes them as texts, which only Entra takes.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: u64,
    exp: u64,
}

fn part(value: &impl Serialize) -> Result<String, Misconfigured> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Misconfigured::new("the assertion cannot be written").with_source(error))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests;
