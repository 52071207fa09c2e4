//! The certificates of the play: those that configurations name, by which assertions are checked,
//! and those of the loopback servers, minted at start.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use anyhow::{Context, Result};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use entra_emulator::any_client_certificate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The certificates in `keys/`, by the name of their file.
#[derive(Debug)]
pub(crate) struct NamedCertificates(Vec<(String, Vec<u8>, Vec<u8>)>);

impl NamedCertificates {
    /// Reads every `*.crt` of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut found = Vec::new();
        let entries = fs::read_dir(folder).with_context(|| format!("no keys in {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "crt") {
                let der = CertificateDer::from_pem_file(&path)
                    .with_context(|| format!("{} is no certificate", path.display()))?;
                let (_, certificate) = X509Certificate::from_der(&der)?;
                let key = certificate.public_key().subject_public_key.data.to_vec();
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                found.push((name, der.to_vec(), key));
            }
        }
        Ok(Self(found))
    }

    /// Whose key signed this, by an algorithm of RFC 7518.
    pub(crate) fn signer(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> &str {
        let algorithm: &'static dyn VerificationAlgorithm = match algorithm {
            "PS256" => &RSA_PSS_2048_8192_SHA256,
            "RS256" => &RSA_PKCS1_2048_8192_SHA256,
            "ES256" => &ECDSA_P256_SHA256_FIXED,
            _ => return NOBODY,
        };
        let signed = |key: &[u8]| UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok();
        self.0.iter().find(|(_, _, key)| signed(key)).map_or(NOBODY, |(name, _, _)| name)
    }

    /// The name of a certificate.
    pub(crate) fn name(&self, der: &[u8]) -> &str {
        self.0.iter().find(|(_, known, _)| known == der).map_or(NOBODY, |(name, _, _)| name)
    }
}

/// What recordings write where they know no name.
const NOBODY: &str = "no known certificate";

/// A certificate authority of this run, and a certificate for every host that is played.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    authority_pem: String,
    tls: Arc<ServerConfig>,
}

impl Servers {
    /// Mints both.
    pub(crate) fn mint(hosts: &BTreeSet<String>) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(hosts.iter().cloned().collect::<Vec<_>>())?
            .signed_by(&key, &Issuer::new(authority, authority_key))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let tls = builder.with_client_cert_verifier(any_client_certificate(provider)).with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
        Ok(Self { authority_pem: authority_certificate.pem(), tls: Arc::new(tls) })
    }

    /// What clients must trust.
    pub(crate) fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// How a server speaks TLS.
    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }
}
