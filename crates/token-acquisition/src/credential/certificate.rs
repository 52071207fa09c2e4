//! A certificate that can sign: with a private key that lies here (RSA, long enough, belonging to
//! it), or with one that does not leave the vault or the store that keeps it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    rand::SystemRandom,
    rsa,
    signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use entra_abstractions::{Binding, KeyForm, Misconfigured, Secret, TokenError, WeakBinding};
use x509_parser::{
    certificate::X509Certificate, oid_registry::OID_PKCS1_RSAENCRYPTION, prelude::parse_x509_certificate,
    public_key::PublicKey, time::ASN1Time,
};

use crate::hex::hex;

use super::{aside, container::Container};

/// A certificate that can sign. Parsing the key is the expensive part, so it is done once, here.
pub(crate) struct SigningCertificate {
    signer: Signer,
    thumbprint: String,
    sha1_thumbprint: String,
    sha1_hex: String,
    chain: Vec<String>,
    not_before: ASN1Time,
    not_after: ASN1Time,
    /// Held by whoever shows it, and by tokens that are bound to it: connections stay as long as that is.
    binding: Mutex<Option<WeakBinding>>,
}

/// Where the private key is.
enum Signer {
    Here(Box<rsa::KeyPair>, KeyForm),
    Elsewhere(Arc<dyn KeyElsewhere>),
}

/// A private key that is used where it lies, and does not leave: in a vault, in a store of the system.
#[async_trait]
pub(super) trait KeyElsewhere: Send + Sync {
    /// Its signature of a digest.
    async fn sign(&self, algorithm: Algorithm, sha256: &[u8]) -> Result<Vec<u8>, TokenError>;
}

/// In bits. Of a key that lies here, aws-lc-rs sees to it.
const SHORTEST: usize = 2048;

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// What Entra advises. The certificate is named by its SHA-256.
    Ps256,
    /// What older servers know: ADFS and dSTS. The certificate is named by its SHA-1.
    Rs256,
}

impl Algorithm {
    /// Its name in a JOSE header, and in Key Vault.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

impl SigningCertificate {
    /// Reads a PEM or PFX file.
    pub(super) fn from_content(content: &[u8], password: Option<&Secret>) -> Result<Self, Misconfigured> {
        Self::from_container(&Container::open(content, password)?)
    }

    /// Picks the key, its certificate and the chain above it out of what a file held.
    pub(super) fn from_container(container: &Container) -> Result<Self, Misconfigured> {
        let certificates = container
            .certificates
            .iter()
            .map(|der| Ok((der.as_slice(), parse(der)?)))
            .collect::<Result<Vec<Parsed<'_>>, Misconfigured>>()?;
        if certificates.is_empty() {
            return Err(Misconfigured::new("there is no certificate in it")
                .hint("the file must hold the certificate beside its private key"));
        }
        if !certificates.iter().any(|(_, certificate)| is_rsa(certificate)) {
            return Err(not_rsa());
        }
        if container.keys.is_empty() {
            return Err(Misconfigured::new("there is no private key in it")
                .hint("export the certificate together with its private key"));
        }
        let pair = |form: &KeyForm| Ok((key_pair(form)?, form.clone()));
        let keys = container.keys.iter().map(pair).collect::<Result<Vec<_>, Misconfigured>>()?;
        let ((key, form), leaf) = keys
            .into_iter()
            .find_map(|(key, form)| certificate_of(&key, &certificates).map(|leaf| ((key, form), leaf)))
            .ok_or_else(|| {
                Misconfigured::new("the private key does not belong to the certificate")
                    .hint("export both together again")
            })?;
        Ok(Self::new(Signer::Here(Box::new(key), form), leaf, &certificates))
    }

    /// A certificate whose key stays where it is.
    pub(super) fn with_key_elsewhere(der: &[u8], key: Arc<dyn KeyElsewhere>) -> Result<Self, Misconfigured> {
        let leaf = (der, parse(der)?);
        match leaf.1.public_key().parsed() {
            Ok(PublicKey::RSA(key)) if key.key_size() >= SHORTEST => {}
            Ok(PublicKey::RSA(_)) => {
                return Err(Misconfigured::new("the certificate's key is shorter than 2048 bits")
                    .hint("make an RSA certificate of at least 2048 bits"));
            }
            _ => return Err(not_rsa()),
        }
        Ok(Self::new(Signer::Elsewhere(key), &leaf, &[]))
    }

    fn new(signer: Signer, leaf: &Parsed<'_>, certificates: &[Parsed<'_>]) -> Self {
        let (der, certificate) = leaf;
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
        Self {
            signer,
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
            sha1_thumbprint: URL_SAFE_NO_PAD.encode(sha1),
            sha1_hex: hex(sha1.as_ref()),
            chain: chain(leaf, certificates),
            not_before: certificate.validity().not_before,
            not_after: certificate.validity().not_after,
            binding: Mutex::default(),
        }
    }

    /// Refuses a certificate whose time has not come or is over: Entra would refuse it too, but
    /// only after the next credential has lost its chance.
    pub(super) fn check_time(&self, now: SystemTime) -> Result<(), Misconfigured> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let (from, to) = (self.not_before, self.not_after);
        if now < from.timestamp() {
            return Err(Misconfigured::new(format!("the certificate is valid only from {}", day(from)))
                .hint("check the clock of this machine"));
        }
        if now > to.timestamp() {
            return Err(Misconfigured::new(format!("the certificate expired on {}", day(to)))
                .hint("put a new certificate in its place, and register it in Entra"));
        }
        Ok(())
    }

    /// Signs, where it holds up nobody: RSA computes for about a millisecond.
    pub(crate) async fn sign(
        self: &Arc<Self>,
        algorithm: Algorithm,
        message: &str,
    ) -> Result<Vec<u8>, TokenError> {
        match &self.signer {
            Signer::Elsewhere(key) => key.sign(algorithm, digest(&SHA256, message.as_bytes()).as_ref()).await,
            Signer::Here(..) => {
                let (this, message) = (Arc::clone(self), message.to_owned());
                Ok(aside(move || this.sign_here(algorithm, message.as_bytes())).await?)
            }
        }
    }

    fn sign_here(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Misconfigured> {
        let Signer::Here(key, _) = &self.signer else { return Ok(Vec::new()) };
        let padding = match algorithm {
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &SystemRandom::new(), message, &mut signature)
            .map_err(|error| Misconfigured::new("the private key cannot sign").with_source(error))?;
        Ok(signature)
    }

    /// The SHA-256 of the certificate, as `x5t#S256` has it.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The SHA-1 of the certificate, as `x5t` has it. It finds the certificate and protects nothing.
    pub(crate) fn sha1_thumbprint(&self) -> &str {
        &self.sha1_thumbprint
    }

    /// The SHA-1 of the certificate, as portals show it.
    pub(super) fn sha1_hex(&self) -> &str {
        &self.sha1_hex
    }

    /// Until when the certificate is valid.
    pub(super) fn expires_at(&self) -> SystemTime {
        let seconds = u64::try_from(self.not_after.timestamp()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Since when it is valid.
    pub(super) fn valid_from(&self) -> SystemTime {
        let seconds = u64::try_from(self.not_before.timestamp()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Since when it is valid, in seconds: what is newer came later.
    pub(super) fn not_before(&self) -> i64 {
        self.not_before.timestamp()
    }

    /// The certificate itself, as DER.
    pub(super) fn leaf(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.chain.first()?).ok()
    }

    /// The certificate as that of a TLS client, to which tokens can be bound.
    pub(super) fn binding(&self) -> Result<Binding, Misconfigured> {
        let mut known = self.binding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(binding) = known.as_ref().and_then(WeakBinding::upgrade) {
            return Ok(binding);
        }
        let Signer::Here(_, key) = &self.signer else {
            return Err(Misconfigured::new(
                "the certificate's key does not leave where it is kept, and a TLS \
                                           connection needs it here",
            )
            .hint("bind tokens to a certificate whose key can be exported"));
        };
        let chain = self.chain.iter().filter_map(|text| STANDARD.decode(text).ok()).collect();
        let binding = Binding::new(chain, key)?;
        *known = Some(binding.downgrade());
        Ok(binding)
    }

    /// The certificate and those above it, as `x5c` has them.
    pub(crate) fn chain(&self) -> &[String] {
        &self.chain
    }
}

type Parsed<'a> = (&'a [u8], X509Certificate<'a>);

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Misconfigured> {
    let (_, certificate) = parse_x509_certificate(der).map_err(|error| {
        Misconfigured::new("a certificate in it is damaged").hint("export it again").with_source(error)
    })?;
    Ok(certificate)
}

fn is_rsa(certificate: &X509Certificate<'_>) -> bool {
    certificate.public_key().algorithm.algorithm == OID_PKCS1_RSAENCRYPTION
}

fn not_rsa() -> Misconfigured {
    Misconfigured::new("the certificate's key is not RSA, and Entra takes no other")
        .hint("make an RSA certificate of at least 2048 bits")
}

fn key_pair(key: &KeyForm) -> Result<rsa::KeyPair, Misconfigured> {
    match key {
        KeyForm::Pkcs1(der) => rsa::KeyPair::from_der(der),
        KeyForm::Pkcs8(der) => rsa::KeyPair::from_pkcs8(der),
    }
    .map_err(|error| {
        Misconfigured::new("the private key is damaged, or not RSA of 2048 to 8192 bits")
            .hint("make an RSA certificate of at least 2048 bits")
            .with_source(error)
    })
}

/// The certificate of a key. A certificate that was renewed with the same key may lie beside its
/// predecessor: the one that lives longest is taken.
fn certificate_of<'c, 'a>(key: &rsa::KeyPair, certificates: &'c [Parsed<'a>]) -> Option<&'c Parsed<'a>> {
    certificates
        .iter()
        .filter(|(_, certificate)| {
            *certificate.public_key().subject_public_key.data == *key.public_key().as_ref()
        })
        .max_by_key(|(_, certificate)| certificate.validity().not_after.timestamp())
}

/// The leaf, then each certificate's issuer, as far as they are at hand.
fn chain(leaf: &Parsed<'_>, certificates: &[Parsed<'_>]) -> Vec<String> {
    let mut chain = vec![leaf];
    let mut top = &leaf.1;
    // A ring of issuers ends where it would come back to one that is there already.
    while let Some(issuer) = certificates.iter().find(|(der, candidate)| {
        candidate.subject().as_raw() == top.issuer().as_raw() && chain.iter().all(|(known, _)| known != der)
    }) {
        // A self-issued certificate is its own issuer: an older sister of it is not above it.
        if top.issuer().as_raw() == top.subject().as_raw() {
            break;
        }
        chain.push(issuer);
        top = &issuer.1;
    }
    chain.into_iter().map(|(der, _)| STANDARD.encode(der)).collect()
}

fn day(time: ASN1Time) -> String {
    time.to_datetime().date().to_string()
}
