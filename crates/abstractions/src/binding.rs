//! The certificate to which tokens are bound (RFC 8705): one value that goes from the handshake with
//! Entra, through the token, to the handshake with the API, so that they can never be different ones.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use crate::{HoldKey, Misconfigured, Secret, TokenError, TokenRequest};

/// A certificate with its chain and its private key, which never changes: a renewed certificate is
/// another binding, also where its key is the same.
///
/// Two are equal when their certificates are.
#[doc(alias = "BindingCertificate")]
#[doc(alias = "X509Certificate2")]
#[derive(Clone)]
pub struct Binding(Arc<Bound>);

struct Bound {
    thumbprint: Box<str>,
    chain: Box<[Vec<u8>]>,
    key: Key,
}

enum Key {
    /// With the chain before it.
    Pem(Secret),
    Held(Arc<dyn HoldKey>),
}

/// A certificate that is kept in mind, not held: with the last credential and the last token that hold
/// it, it is gone.
#[derive(Clone)]
pub struct WeakBinding(Weak<Bound>);

/// In which form a private key is written, as DER.
#[expect(clippy::exhaustive_enums, reason = "whoever writes a key must know how")]
#[derive(Clone)]
pub enum KeyForm {
    /// PKCS#8, of any kind of key (RFC 5958).
    Pkcs8(Zeroizing<Vec<u8>>),
    /// PKCS#1, of an RSA key (RFC 8017).
    Pkcs1(Zeroizing<Vec<u8>>),
}

impl Binding {
    /// A certificate, those above it, each as DER, and its private key. Whether they belong together
    /// the TLS library says when a connection is made ready.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is no certificate.
    pub fn new(chain: Vec<Vec<u8>>, key: &KeyForm) -> Result<Self, Misconfigured> {
        let (label, key) = match key {
            KeyForm::Pkcs8(der) => ("PRIVATE KEY", der),
            KeyForm::Pkcs1(der) => ("RSA PRIVATE KEY", der),
        };
        let size = chain.iter().chain([&**key]).map(|der| der.len() * 3 / 2 + 128).sum();
        // So large from the start that no copy of the key is left behind unwiped.
        let mut pem = String::with_capacity(size);
        for der in &chain {
            write_pem(&mut pem, "CERTIFICATE", der);
        }
        write_pem(&mut pem, label, key);
        Self::of(chain, Key::Pem(Secret::new(pem)))
    }

    /// A certificate, those above it, each as DER, and a private key that is used where it is held.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is no certificate.
    pub fn held(chain: Vec<Vec<u8>>, key: Arc<dyn HoldKey>) -> Result<Self, Misconfigured> {
        Self::of(chain, Key::Held(key))
    }

    fn of(chain: Vec<Vec<u8>>, key: Key) -> Result<Self, Misconfigured> {
        let Some(leaf) = chain.first() else {
            return Err(Misconfigured::new("there is no certificate to bind to"));
        };
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, leaf)).into();
        Ok(Self(Arc::new(Bound { thumbprint, chain: chain.into(), key })))
    }

    /// The SHA-256 of the certificate, as `cnf.x5t#S256` of a token has it (RFC 8705 section 3.1).
    #[doc(alias = "x5t#S256")]
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// The certificate and those above it, each as DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.0.chain
    }

    /// Chain and key as PEM, for a TLS client; nothing where the key does not leave.
    pub fn pem(&self) -> Option<&Secret> {
        match &self.0.key {
            Key::Pem(pem) => Some(pem),
            Key::Held(_) => None,
        }
    }

    /// The key, where it does not leave.
    pub fn held_key(&self) -> Option<&Arc<dyn HoldKey>> {
        match &self.0.key {
            Key::Pem(_) => None,
            Key::Held(key) => Some(key),
        }
    }

    /// The same, for whoever must not be why it stays.
    pub fn downgrade(&self) -> WeakBinding {
        WeakBinding(Arc::downgrade(&self.0))
    }
}

impl WeakBinding {
    /// The certificate, while somebody holds it.
    pub fn upgrade(&self) -> Option<Binding> {
        self.0.upgrade().map(Binding)
    }

    /// Whether it is this very one, and not only the same certificate read again.
    #[inline]
    pub fn is(&self, binding: &Binding) -> bool {
        Weak::as_ptr(&self.0) == Arc::as_ptr(&binding.0)
    }

    /// Whether nobody holds it any more.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

fn write_pem(pem: &mut String, label: &str, der: &[u8]) {
    let text = Zeroizing::new(STANDARD.encode(der));
    pem.push_str("-----BEGIN ");
    pem.push_str(label);
    pem.push_str("-----\n");
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_at_checked(64) {
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    if !rest.is_empty() {
        pem.push_str(rest);
        pem.push('\n');
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
}

impl PartialEq for Binding {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.thumbprint == other.0.thumbprint
    }
}

impl Eq for Binding {}

impl Hash for Binding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.thumbprint.hash(state);
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({})", self.0.thumbprint)
    }
}

impl fmt::Debug for WeakBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakBinding")
    }
}

impl fmt::Debug for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pkcs8(_) => "Pkcs8(..)",
            Self::Pkcs1(_) => "Pkcs1(..)",
        })
    }
}

/// An acquirer that binds: whoever makes an API asks it beforehand what it can bind.
#[async_trait]
pub trait BindTokens: Send + Sync {
    /// Whether the token of such a request could be bound.
    ///
    /// # Errors
    /// [`Misconfigured`] saying why it never can: the developer must act.
    fn check(&self, request: &TokenRequest) -> Result<(), Misconfigured>;

    /// Whether there could be a certificate for an API that takes it alone. Whoever cannot know that
    /// beforehand leaves it to [`binding`](Self::binding).
    ///
    /// # Errors
    /// [`Misconfigured`] saying why there never can be one: the developer must act.
    fn check_certificate(&self) -> Result<(), Misconfigured> {
        Ok(())
    }

    /// The certificate to which the next token would be bound, for an API that takes the certificate
    /// alone.
    ///
    /// # Errors
    /// [`TokenError`] when there is none, or it cannot be read.
    async fn binding(&self) -> Result<Binding, TokenError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(certificate: &[u8]) -> Binding {
        let key = KeyForm::Pkcs8(Zeroizing::new(b"s3cret key".to_vec()));
        Binding::new(vec![certificate.to_vec(), b"issuer".to_vec()], &key).unwrap()
    }

    #[test]
    fn a_renewed_certificate_is_another_binding() {
        assert_eq!(binding(b"one"), binding(b"one"));
        assert_ne!(binding(b"one"), binding(b"two"));
        let key = KeyForm::Pkcs1(Zeroizing::new(Vec::new()));
        assert!(Binding::new(Vec::new(), &key).is_err());
    }

    #[test]
    fn who_keeps_it_in_mind_does_not_hold_it() {
        let held = binding(b"one");
        let kept = held.downgrade();
        assert_eq!((kept.is_gone(), kept.upgrade()), (false, Some(held.clone())));
        drop(held);
        assert_eq!((kept.is_gone(), kept.upgrade()), (true, None));
    }

    #[test]
    fn the_key_shows_in_the_pem_alone() {
        let binding = binding(&[7; 100]);
        let key = STANDARD.encode("s3cret key");
        let pem = binding.pem().unwrap().expose();
        assert!(pem.ends_with(&format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")));
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert!(!format!("{binding:?}").contains(&key));
    }
}
