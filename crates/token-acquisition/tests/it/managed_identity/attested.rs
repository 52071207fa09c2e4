//! Keys that a machine guards: attested by somebody, and used where they lie.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256},
};
use entra_abstractions::{
    AcquireToken, AttestKey, AttestationContext, HoldKey, ManagedIdentityId, Misconfigured, RsaSignature,
    Scheme, Secret, TokenError, TokenRequest,
};
use entra_emulator::Emulator;

use super::{
    bound::{Machine, bound},
    shared,
};
use crate::kit::{ORDERS, as_app, claims, every_text, who};

/// A key that this test holds, and of which the emulator's attestation service says that it is guarded.
struct Guarded<'e> {
    emulator: &'e Emulator,
    pair: KeyPair,
    public: Vec<u8>,
}

/// What the acquirer is given of it.
#[derive(Debug)]
struct Key {
    pair: KeyPair,
    public: Vec<u8>,
    attestation: Result<String, Misconfigured>,
    asked: AtomicUsize,
}

impl<'e> Guarded<'e> {
    fn new(emulator: &'e Emulator) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public_key: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = public_key.as_ref().to_vec();
        Self { emulator, pair, public }
    }

    fn attested(self) -> Arc<Key> {
        let attestation = self.emulator.attestation(&self.public);
        self.that(Ok(attestation))
    }

    fn that(self, attestation: Result<String, Misconfigured>) -> Arc<Key> {
        let Self { pair, public, .. } = self;
        Arc::new(Key { pair, public, attestation, asked: AtomicUsize::new(0) })
    }
}

impl HoldKey for Key {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn sign(&self, signature: RsaSignature, message: &[u8]) -> Result<Vec<u8>, Misconfigured> {
        let padding = match signature {
            RsaSignature::PssSha256 => &RSA_PSS_SHA256,
            RsaSignature::Pkcs1Sha256 => &RSA_PKCS1_SHA256,
        };
        let mut signed = vec![0; self.pair.public_modulus_len()];
        let done = self.pair.sign(padding, &SystemRandom::new(), message, &mut signed);
        done.map_err(|error| Misconfigured::new("it cannot sign").with_source(error))?;
        Ok(signed)
    }
}

#[async_trait]
impl AttestKey for Key {
    async fn attest(&self, context: &AttestationContext) -> Result<Secret, TokenError> {
        assert!(context.endpoint.as_str().ends_with("/attest"), "{}", context.endpoint);
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Secret::new(self.attestation.clone()?))
    }
}

#[tokio::test]
async fn a_guarded_key_is_attested_and_signs_where_it_lies() {
    let machine = Machine::new();
    machine.kit.emulator.edit(|directory| {
        directory.managed_identities.iter_mut().for_each(|identity| identity.requires_attestation = true);
    });
    let key = Guarded::new(&machine.kit.emulator).attested();
    let identity =
        machine.identity(ManagedIdentityId::System).attested_by(Arc::clone(&key) as _).build().unwrap();
    let token = identity.acquire(&bound(ORDERS)).await.unwrap();
    assert_eq!(claims(&token)["cnf"]["x5t#S256"], token.binding().unwrap().thumbprint());
    assert!(token.binding().unwrap().pem().is_none(), "the key did not leave");
    // Another identity's certificate is for the same key, which need not be attested again.
    let request = TokenRequest::as_managed_identity(as_app(ORDERS).scopes, shared()).scheme(Scheme::MtlsPop);
    assert_ne!(identity.acquire(&request).await.unwrap().binding(), token.binding());
    assert_eq!(key.asked.load(Ordering::Relaxed), 1);
    // A key that nobody attests is not enough there.
    let error = machine.system().acquire(&bound(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "the administrator");
    assert!(error.to_string().contains("where keys must be attested"), "{error}");
}

#[tokio::test]
async fn an_attestation_that_fails_is_told() {
    let machine = Machine::new();
    let emulator = &machine.kit.emulator;
    let another = Guarded::new(emulator);
    for (attestation, expected, told) in [
        (Err(Misconfigured::new("the key is not guarded")), "the developer", "attesting the key"),
        (Ok(" ".to_owned()), "the developer", "the key's attestation is empty"),
        (
            Ok(emulator.attestation(&another.public)),
            "the administrator",
            "issues no certificate for this key",
        ),
        (Ok("s3cret?%G&=".to_owned()), "the administrator", "issues no certificate for this key"),
    ] {
        let key = Guarded::new(emulator).that(attestation);
        let identity = machine.identity(ManagedIdentityId::System).attested_by(key).build().unwrap();
        let error = identity.acquire(&bound(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), expected, "{error}");
        assert!(every_text(&error).contains(told) && !every_text(&error).contains("s3cret"), "{error}");
    }
    assert_eq!(machine.kit.count(), 0);
}
