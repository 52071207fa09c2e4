//! The keys that sign tokens: which one signs now, which ones the JWKS document still shows.
//!
//! The first keys are fixed test keys that come with the crate, because making an RSA key takes longer than everything else at start-up.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::jwt;

/// An RSA key and the `kid` under which it is published.
pub(crate) struct SigningKey {
    id: String,
    pair: RsaKeyPair,
}

impl SigningKey {
    #[expect(clippy::expect_used, reason = "the keys come with the crate; a test reads every one")]
    pub(crate) fn from_pem(pem: &str) -> Self {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("an embedded key is PEM");
        let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an embedded key is RSA in PKCS#8");
        Self::named_by_thumbprint(pair)
    }

    #[expect(clippy::expect_used, reason = "fails only where the machine has no randomness")]
    fn generate() -> Self {
        Self::named_by_thumbprint(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be made"))
    }

    fn named_by_thumbprint(pair: RsaKeyPair) -> Self {
        let id = jwt::encode(digest(&SHA256, pair.public_key().as_ref())).chars().take(27).collect();
        Self { id, pair }
    }

    /// The same key under another's name.
    pub(crate) fn called(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    #[expect(clippy::expect_used, reason = "signing fails only without memory or randomness")]
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("an RSA key can sign");
        signature
    }

    /// The public key as PKCS#1 DER.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    fn jwk(&self) -> Value {
        let (modulus, exponent) = self.numbers().unwrap_or_default();
        json!({
            "kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id,
            "n": jwt::encode(modulus), "e": jwt::encode(exponent), "alg": "RS256",
        })
    }

    /// Modulus and exponent without leading zeros; every RSA key has them.
    fn numbers(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let spki: PublicKeyX509Der<'_> = self.pair.public_key().as_der().ok()?;
        let (_, spki) = SubjectPublicKeyInfo::from_der(spki.as_ref()).ok()?;
        let PublicKey::RSA(key) = spki.parsed().ok()? else { return None };
        let bare = |number: &[u8]| number.iter().copied().skip_while(|&byte| byte == 0).collect();
        Some((bare(key.modulus), bare(key.exponent)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The signing key of now, and those that validators may still meet.
#[derive(Debug)]
pub(crate) struct KeyRing {
    current: Arc<SigningKey>,
    published: Vec<Arc<SigningKey>>,
    rotations: usize,
}

impl KeyRing {
    pub(crate) fn new() -> Self {
        let current = Arc::new(SigningKey::from_pem(FIRST_KEY));
        Self { published: vec![Arc::clone(&current)], current, rotations: 0 }
    }

    pub(crate) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.current)
    }

    /// A new key signs from now on; the old ones stay published.
    pub(crate) fn rotate(&mut self) {
        let next =
            LATER_KEYS.get(self.rotations).map_or_else(SigningKey::generate, |pem| SigningKey::from_pem(pem));
        self.rotations += 1;
        self.current = Arc::new(next);
        self.published.push(Arc::clone(&self.current));
    }

    /// Only the key of now stays published.
    pub(crate) fn retire_old(&mut self) {
        self.published.retain(|key| key.id == self.current.id);
    }

    pub(crate) fn published(&self, id: &str) -> Option<Arc<SigningKey>> {
        self.published.iter().find(|key| key.id == id).cloned()
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.published.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
    }
}

const FIRST_KEY: &str = include_str!("../keys/signing-1.pem");
const LATER_KEYS: [&str; 2] = [include_str!("../keys/signing-2.pem"), include_str!("../keys/signing-3.pem")];

/// Signs tokens that nobody should accept.
pub(crate) const FOREIGN_KEY: &str = include_str!("../keys/foreign.pem");
/// Signs the assertions of the external issuer that the ready-made directory trusts.
pub(crate) const WORKLOAD_KEY: &str = include_str!("../keys/workload.pem");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_changes_the_signer_and_keeps_the_old_keys_until_they_are_retired() {
        let mut ring = KeyRing::new();
        let first = ring.current().id().to_owned();
        for expected in 2..=4 {
            ring.rotate();
            assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), expected);
        }
        assert!(ring.published(&first).is_some());
        ring.retire_old();
        assert!(ring.published(&first).is_none());
        assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", KeyRing::new()).contains("PRIVATE"));
        assert!(format!("{:?}", SigningKey::from_pem(WORKLOAD_KEY)).starts_with("SigningKey { id: "));
    }
}
