//! The key to which tokens of managed identities are bound: one of this process's memory, or one that
//! the machine guards and somebody attests.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PSS_SHA256},
};
use entra_abstractions::{AttestKey, Binding, KeyForm, Misconfigured, RsaSignature};
use zeroize::Zeroizing;

/// To which key the program wants tokens of managed identities to be bound.
#[derive(Clone, Default)]
pub(crate) enum BindingKey {
    /// It has not said; then none are.
    #[default]
    Unsaid,
    /// A new one for each certificate.
    InMemory,
    Attested(Arc<dyn AttestKey>),
}

impl BindingKey {
    pub(super) fn check(&self) -> Result<(), Misconfigured> {
        match self {
            Self::InMemory | Self::Attested(_) => Ok(()),
            Self::Unsaid => Err(Misconfigured::new(
                "there is no key to bind tokens of managed identities to",
            )
            .hint(
                "give the acquirer's builder attested_by(key), or key_in_memory() where Entra and the API \
                     take keys that nobody attests",
            )),
        }
    }

    /// The key for the next certificate. Making one takes a tenth of a second: call it aside.
    pub(super) fn next(&self) -> Result<Key, Misconfigured> {
        match self {
            Self::Unsaid => self.check().and(Err(Misconfigured::new("there is no key"))),
            Self::Attested(key) => Ok(Key::Held(Arc::clone(key))),
            Self::InMemory => KeyPair::generate(KeySize::Rsa2048)
                .map(|pair| Key::Here(Box::new(pair)))
                .map_err(|error| Misconfigured::new("no RSA key can be made here").with_source(error)),
        }
    }
}

impl fmt::Debug for BindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "Unsaid",
            Self::InMemory => "InMemory",
            Self::Attested(_) => "Attested(..)",
        })
    }
}

/// A key for which a certificate is asked.
pub(super) enum Key {
    Here(Box<KeyPair>),
    Held(Arc<dyn AttestKey>),
}

impl Key {
    /// As DER of a `SubjectPublicKeyInfo`.
    pub(super) fn public_key(&self) -> Result<Vec<u8>, Misconfigured> {
        match self {
            Self::Held(key) => Ok(key.public_key().to_vec()),
            Self::Here(pair) => {
                let der: Result<PublicKeyX509Der<'_>, _> = pair.public_key().as_der();
                der.map(|der| der.as_ref().to_vec()).map_err(unusable)
            }
        }
    }

    /// Signs by RSASSA-PSS with SHA-256.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Misconfigured> {
        match self {
            Self::Held(key) => key.sign(RsaSignature::PssSha256, message),
            Self::Here(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(unusable)?;
                Ok(signature)
            }
        }
    }

    /// The key with the certificate that was issued for it.
    pub(super) fn bind(self, certificate: Vec<u8>) -> Result<Binding, Misconfigured> {
        match self {
            Self::Held(key) => Binding::held(vec![certificate], key),
            Self::Here(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(unusable)?;
                let key = KeyForm::Pkcs8(Zeroizing::new(der.as_ref().to_vec()));
                Binding::new(vec![certificate], &key)
            }
        }
    }
}

fn unusable(error: aws_lc_rs::error::Unspecified) -> Misconfigured {
    Misconfigured::new("the key of the managed identity's certificate cannot be used").with_source(error)
}
