//! A certificate authority of one run: for servers on this machine, and for clients that show who they
//! are when they connect.

use anyhow::Result;
use entra_abstractions::{Binding, KeyForm};
use entra_emulator::ids;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// The authority, and the certificate of `localhost` below it.
pub(crate) struct Pki {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pki {
    pub(crate) fn new() -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "the authority of this run");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let ca = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &issuer)?;
        Ok(Self { issuer, ca, certificate: server.pem(), key: key.serialize_pem() })
    }

    /// A client's certificate for this name, below the authority, and its key: PEM. The key is the one of
    /// the emulator's application, so that the certificates of this function and [`self_signed`] differ in
    /// nothing that a comparison of keys would see.
    pub(crate) fn client(&self, name: &str) -> Result<String> {
        let key = KeyPair::from_pem(ids::APP_KEY)?;
        Ok(format!("{}{}", named(name)?.signed_by(&key, &self.issuer)?.pem(), ids::APP_KEY))
    }
}

/// A certificate for this name that nobody vouches for, and its key, which is another one: PEM.
pub(crate) fn strangers(name: &str) -> Result<String> {
    let key = KeyPair::from_pem(ids::RENEWED_KEY)?;
    Ok(format!("{}{}", named(name)?.self_signed(&key)?.pem(), ids::RENEWED_KEY))
}

/// The self-signed certificate of the emulator's application, and its key: PEM.
pub(crate) fn self_signed() -> String {
    format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)
}

/// The same, as what connections are made with.
pub(crate) fn binding(pem: &str) -> Result<Binding> {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|der| Ok(der?.to_vec()))
        .collect::<Result<Vec<_>, rustls_pki_types::pem::Error>>()?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())?;
    Ok(Binding::new(chain, &KeyForm::Pkcs8(key.secret_der().to_vec().into()))?)
}

fn named(name: &str) -> Result<CertificateParams> {
    let mut client = CertificateParams::new(vec![name.to_owned()])?;
    client.distinguished_name.push(DnType::CommonName, name);
    client.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    Ok(client)
}
