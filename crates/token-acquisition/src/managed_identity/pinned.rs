//! TLS with a server that is known by the thumbprint of its certificate, and by nothing else.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use entra_abstractions::Misconfigured;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs::default_provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::hex::hex;

/// The SHA-1 of a certificate, in hexadecimal, as Service Fabric gives it.
#[derive(Debug, Clone)]
pub(super) struct Thumbprint(String);

impl Thumbprint {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase())
    }

    /// A configuration that trusts this certificate alone.
    // Unlike .NET: it takes any certificate that the system trusts, too. The cluster says which one
    // is its own; another one is not it.
    pub(super) fn tls(&self) -> Result<ClientConfig, Misconfigured> {
        let provider = Arc::new(default_provider());
        let verifier = Pinned { thumbprint: self.clone(), provider: Arc::clone(&provider) };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Misconfigured::new("no TLS can be had here").with_source(error))?;
        Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
    }

    fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        constant_time::verify_slices_are_equal(hex(sha1.as_ref()).as_bytes(), self.0.as_bytes()).is_ok()
    }
}

#[derive(Debug)]
struct Pinned {
    thumbprint: Thumbprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.thumbprint.is_of(end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_of_one_certificate_whatever_its_spelling() {
        let certificate = CertificateDer::from(b"abc".to_vec());
        for same in [
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D",
        ] {
            assert!(Thumbprint::new(same).is_of(&certificate));
        }
        for other in ["", "a9993e36", "b9993e364706816aba3e25717850c26c9cd0d89d"] {
            assert!(!Thumbprint::new(other).is_of(&certificate), "{other}");
        }
    }
}
