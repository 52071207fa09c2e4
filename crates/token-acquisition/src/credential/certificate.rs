//! A certificate with its private key, fit for signing: RSA, long enough, belonging together.

use std::time::{Duration, SystemTime};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rsa,
    signature::KeyPair,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use entra_abstractions::Misconfigured;
use x509_parser::{
    certificate::X509Certificate, oid_registry::OID_PKCS1_RSAENCRYPTION, prelude::parse_x509_certificate,
    time::ASN1Time,
};

use super::container::{Container, PrivateKey};

/// A certificate that can sign. Parsing the key is the expensive part, so it is done once, here.
pub(crate) struct SigningCertificate {
    key: rsa::KeyPair,
    thumbprint: String,
    chain: Vec<String>,
    not_before: ASN1Time,
    not_after: ASN1Time,
}

impl SigningCertificate {
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
            return Err(Misconfigured::new("the certificate's key is not RSA, and Entra takes no other")
                .hint("make an RSA certificate of at least 2048 bits"));
        }
        if container.keys.is_empty() {
            return Err(Misconfigured::new("there is no private key in it")
                .hint("export the certificate together with its private key"));
        }
        let keys = container.keys.iter().map(key_pair).collect::<Result<Vec<_>, Misconfigured>>()?;
        let (key, leaf) = keys
            .into_iter()
            .find_map(|key| certificate_of(&key, &certificates).map(|leaf| (key, leaf)))
            .ok_or_else(|| {
                Misconfigured::new("the private key does not belong to the certificate")
                    .hint("export both together again")
            })?;
        let (der, certificate) = leaf;
        Ok(Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
            chain: chain(leaf, &certificates),
            not_before: certificate.validity().not_before,
            not_after: certificate.validity().not_after,
        })
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

    /// The RSA key.
    pub(crate) fn key(&self) -> &rsa::KeyPair {
        &self.key
    }

    /// The SHA-256 of the certificate, as `x5t#S256` has it.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
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

fn key_pair(key: &PrivateKey) -> Result<rsa::KeyPair, Misconfigured> {
    match key {
        PrivateKey::Pkcs1(der) => rsa::KeyPair::from_der(der),
        PrivateKey::Pkcs8(der) => rsa::KeyPair::from_pkcs8(der),
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
