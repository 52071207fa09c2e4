//! Private keys that are used where they lie: in memory that the machine guards, in a security chip, in
//! a store of the system. And those of which a third party says so.

use std::fmt::Debug;

use async_trait::async_trait;
use url::Url;

use crate::{ClientId, CorrelationId, Misconfigured, Secret, TokenError};

/// An RSA key that does not leave where it is held.
///
/// It signs in the midst of TLS handshakes, which do not wait: a key behind a network cannot be one.
pub trait HoldKey: Send + Sync + Debug {
    /// The public key, as DER of a `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    fn public_key(&self) -> &[u8];

    /// Signs the message.
    ///
    /// # Errors
    /// [`Misconfigured`] when the key cannot sign: it is gone, or this process may not use it.
    fn sign(&self, signature: RsaSignature, message: &[u8]) -> Result<Vec<u8>, Misconfigured>;
}

/// How an RSA key signs.
#[expect(clippy::exhaustive_enums, reason = "a new one must fail to compile in every key")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaSignature {
    /// RSASSA-PSS with SHA-256, its mask by SHA-256, and a salt of 32 bytes (RFC 8017 section 8.1).
    PssSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2), for TLS 1.2.
    Pkcs1Sha256,
}

/// A key of which an attestation service says that the machine guards it, such as one of VBS Key Guard
/// on Windows.
///
/// Give one to the builder of an acquirer (`attested_by`), and the tokens of managed identities can be
/// bound to it.
#[doc(alias = "WithAttestationSupport")]
#[doc(alias = "KeyAttestation")]
#[async_trait]
pub trait AttestKey: HoldKey {
    /// What the service says of the key: a JWT. It is kept until it ends, and asked for once at a time.
    ///
    /// # Errors
    /// [`TokenError`] says who must act: `Unavailable` where the service is away, `Misconfigured` where
    /// the key is not guarded.
    async fn attest(&self, context: &AttestationContext) -> Result<Secret, TokenError>;
}

/// For what an attestation is wanted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AttestationContext {
    /// The attestation service, as the machine's metadata service names it.
    pub endpoint: Url,
    /// The client id of the managed identity.
    pub client: ClientId,
    /// The id under which this call is logged; pass it on.
    pub correlation_id: CorrelationId,
}

impl AttestationContext {
    /// For this identity, by this service.
    pub fn new(endpoint: Url, client: ClientId, correlation_id: CorrelationId) -> Self {
        Self { endpoint, client, correlation_id }
    }
}
