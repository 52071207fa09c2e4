//! Signs the assertion with which a certificate proves the application (`private_key_jwt`,
//! RFC 7523): three header members and six claims.
//!
//! Signed with aws-lc-rs itself rather than through jsonwebtoken: that parses the key again for each
//! signature, and panics in any program where another crate turns on its second crypto backend.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{Claims as JsonClaims, ClientId, Misconfigured, Secret, TokenError};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::credential::{Algorithm, SigningCertificate};

/// What the assertion says.
pub(crate) struct ClientAssertion<'a> {
    /// Who is proven.
    pub(crate) client: &'a ClientId,
    /// To whom: the token endpoint that is asked.
    pub(crate) audience: &'a str,
    /// Whether the certificate and those above it go along: only where `SendX5C` asks, because with
    /// it Entra trusts the issuer rather than this one certificate.
    pub(crate) send_x5c: bool,
    pub(crate) algorithm: Algorithm,
    /// What the caller wants said beside; none of the members that prove the application.
    pub(crate) further: Option<&'a JsonClaims>,
    pub(crate) now: SystemTime,
}

impl ClientAssertion<'_> {
    /// The assertion in its compact form.
    ///
    /// # Errors
    /// [`TokenError`] when the key cannot sign, or its vault cannot be asked.
    pub(crate) async fn sign(&self, certificate: &Arc<SigningCertificate>) -> Result<Secret, TokenError> {
        let (x5t_s256, x5t) = match self.algorithm {
            Algorithm::Ps256 => (Some(certificate.thumbprint()), None),
            Algorithm::Rs256 => (None, Some(certificate.sha1_thumbprint())),
        };
        let x5c = if self.send_x5c { certificate.chain() } else { &[] };
        let header = Header { alg: self.algorithm.name(), typ: "JWT", x5t_s256, x5t, x5c };
        let now = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let claims = Claims {
            aud: self.audience,
            iss: self.client.as_str(),
            sub: self.client.as_str(),
            jti: Uuid::new_v4().to_string(),
            nbf: now,
            exp: now + LIFETIME.as_secs(),
            further: self.further.map(members).unwrap_or_default(),
        };
        let mut assertion = format!("{}.{}", part(&header)?, part(&claims)?);
        let signature = certificate.sign(self.algorithm, &assertion).await?;
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
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<&'a str>,
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
    #[serde(flatten)]
    further: Map<String, Value>,
}

fn members(claims: &JsonClaims) -> Map<String, Value> {
    let mut members: Map<String, Value> = serde_json::from_str(claims.as_str()).unwrap_or_default();
    members.retain(|name, _| !["aud", "iss", "sub", "jti", "nbf", "exp", "iat"].contains(&name.as_str()));
    members
}

fn part(value: &impl Serialize) -> Result<String, Misconfigured> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Misconfigured::new("the assertion cannot be written").with_source(error))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests;
