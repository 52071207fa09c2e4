//! HTTPS for tests: an authority made at start-up, and a certificate for this machine and for Entra's own names.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;

use crate::managed_identity::hex;
use crate::mtls::any_client_certificate;

/// The test authority's certificate, and the server side of TLS.
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    /// The SHA-1 of the server's certificate, as Service Fabric tells its own.
    pub(crate) thumbprint: String,
    pub(crate) server: Arc<ServerConfig>,
}

impl Tls {
    /// New keys each time: an authority whose key is public must never be trusted by anybody's machine.
    pub(crate) fn mint() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let ca_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "entra-emulator test CA");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (authority.not_before, authority.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2124, 1, 1));
        let ca = authority.self_signed(&ca_key)?;

        let key = KeyPair::generate()?;
        let names = NAMES.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.is_ca = IsCa::ExplicitNoCa;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        (server.not_before, server.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2124, 1, 1));
        let certificate = server.signed_by(&key, &Issuer::from_params(&authority, &ca_key))?;

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(any_client_certificate(provider))
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der())?,
            )?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
        let thumbprint = hex(sha1.as_ref());
        Ok(Self { ca_pem: ca.pem(), thumbprint, server: Arc::new(config) })
    }
}

/// Names beside this machine's are for tests that resolve them to loopback, so that a client needs no setting at all.
const NAMES: [&str; 33] = [
    "localhost",
    "*.localhost",
    "127.0.0.1",
    "::1",
    "login.microsoftonline.com",
    "*.login.microsoftonline.com",
    "login.microsoft.com",
    "*.login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "*.login.microsoftonline.us",
    "login.usgovcloudapi.net",
    "login.sovcloud-identity.fr",
    "login.sovcloud-identity.de",
    "login.sovcloud-identity.sg",
    "*.b2clogin.com",
    "*.ciamlogin.com",
    "*.contoso.example",
    "*.dsts.core.windows.net",
    "*.login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "graph.microsoft.com",
    "mtlsauth.microsoft.com",
    "*.mtlsauth.microsoft.com",
    "mtlsauth.microsoftonline.us",
    "*.mtlsauth.microsoftonline.us",
    "mtlsauth.partner.microsoftonline.cn",
    "*.mtlsauth.partner.microsoftonline.cn",
    "mtlsauth.sovcloud-identity.fr",
    "mtlsauth.sovcloud-identity.de",
    "mtlsauth.sovcloud-identity.sg",
];
