//! The TLS side of a client that shows a certificate.

use std::sync::Arc;

use entra_abstractions::{Binding, HoldKey, Misconfigured, RsaSignature};
use rustls::{
    ClientConfig, Error, OtherError, SignatureAlgorithm, SignatureScheme,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls_platform_verifier::Verifier;

/// Trusts the system's authorities and these.
pub(crate) fn verifier(trusted: &[String]) -> Result<Arc<Verifier>, Misconfigured> {
    let authorities = trusted.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes()));
    let authorities = authorities.collect::<Result<Vec<_>, _>>().map_err(|error| {
        Misconfigured::new("a trusted certificate authority is not PEM").with_source(error)
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, provider).map_err(|error| {
        Misconfigured::new("the system's certificate authorities cannot be read")
            .hint("is a store of trusted certificates installed?")
            .with_source(error)
    })?;
    Ok(Arc::new(verifier))
}

/// Shows the binding's certificate. Sessions are its own: one that is resumed shows the certificate with
/// which it began.
pub(crate) fn client_config(
    binding: &Binding,
    verifier: Arc<Verifier>,
) -> Result<ClientConfig, Misconfigured> {
    // Named, because an application may hold two providers and then rustls knows none.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = signing_key(binding, &provider)?;
    let chain = binding.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
    // As it is, unparsed: a certificate of version 1 is fine with Entra, and whoever made the binding has
    // seen that the key belongs to it.
    let shown = CertifiedKey::new(chain, key);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Misconfigured::new("no TLS can be spoken here").with_source(error))?
        .dangerous() // rustls's word for any verifier but its own; this one asks the system
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.resumption = Resumption::in_memory_sessions(32);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn signing_key(binding: &Binding, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, Misconfigured> {
    if let Some(key) = binding.held_key() {
        return Ok(Arc::new(Held(Arc::clone(key))));
    }
    let unusable = "the certificate cannot be that of a connection";
    let pem = binding.pem().map_or("", |pem| pem.expose());
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| Misconfigured::new(unusable).with_source(error))?;
    let key = provider.key_provider.load_private_key(key);
    key.map_err(|error| Misconfigured::new(unusable).with_source(error))
}

/// A key that signs handshakes where it is held.
#[derive(Debug)]
struct Held(Arc<dyn HoldKey>);

impl SigningKey for Held {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let known = [
            (SignatureScheme::RSA_PSS_SHA256, RsaSignature::PssSha256),
            (SignatureScheme::RSA_PKCS1_SHA256, RsaSignature::Pkcs1Sha256),
        ];
        let (scheme, signature) = known.into_iter().find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(HeldSigner { key: Arc::clone(&self.0), scheme, signature }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct HeldSigner {
    key: Arc<dyn HoldKey>,
    scheme: SignatureScheme,
    signature: RsaSignature,
}

impl Signer for HeldSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.sign(self.signature, message).map_err(|fault| Error::Other(OtherError(Arc::new(fault))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
