//! Whom to trust: the system's authorities, or one's own.

use std::{path::Path, sync::Arc};

use entra_abstractions::Misconfigured;
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use rustls_platform_verifier::Verifier;

use crate::config::TlsVersions;

/// How TLS is spoken. `authority` is a PEM file that is trusted instead of the system's.
pub(crate) fn client_config(
    versions: TlsVersions,
    authority: Option<&Path>,
) -> Result<Arc<ClientConfig>, Misconfigured> {
    // Named, because an application may hold two providers and then rustls knows none.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(supported(versions))
        .map_err(|error| Misconfigured::new("TLS cannot be spoken with these versions").with_source(error))?;
    let config = match authority {
        Some(path) => builder.with_root_certificates(roots(path)?),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(system(provider)?)),
    };
    Ok(Arc::new(config.with_no_client_auth()))
}

fn supported(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match versions {
        TlsVersions::Both => &BOTH,
        TlsVersions::Only12 => &BOTH[1..],
        TlsVersions::Only13 => &BOTH[..1],
    }
}

/// "Dangerous" is rustls's word for any verifier but its own; this one asks the system.
fn system(provider: Arc<CryptoProvider>) -> Result<Verifier, Misconfigured> {
    Verifier::new(provider).map_err(|error| {
        Misconfigured::new("the system's certificate authorities cannot be read")
            .hint("install ca-certificates, or name a PEM file in CertificateAuthority")
            .with_source(error)
    })
}

fn roots(path: &Path) -> Result<RootCertStore, Misconfigured> {
    let fault = |what: &str| {
        Misconfigured::new(format!("the certificate authority {} {what}", path.display()))
            .hint("a PEM file with one or more certificates is expected")
    };
    let pem = std::fs::read(path).map_err(|error| fault("cannot be read").with_source(error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault("is no PEM").with_source(error))?;
        let added = roots.add(certificate);
        added.map_err(|error| fault("holds something that is no certificate").with_source(error))?;
    }
    if roots.is_empty() {
        return Err(fault("holds no certificate"));
    }
    Ok(roots)
}
