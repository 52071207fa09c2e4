//! Which certificate the client of a request showed: that of the TLS connection, or the one that a proxy
//! says it saw. A proxy is believed only where it is one of those that are configured.

mod proxy;

use std::{fmt, net::IpAddr};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Extensions;

pub use proxy::CertificateHeader;
pub(crate) use proxy::Proxies;

/// The certificate that the client of a connection showed, and proved to have the key of.
///
/// The server puts it into the extensions of each request of the connection. With `tokio-rustls`, whose
/// configuration asks clients for a certificate:
///
/// ```
/// use entra_web_api::ClientCertificate;
///
/// # fn accepted<B>(certificates: Option<&[Vec<u8>]>, request: &mut http::Request<B>) {
/// // certificates: stream.get_ref().1.peer_certificates()
/// if let Some(leaf) = certificates.and_then(|chain| chain.first()) {
///     request.extensions_mut().insert(ClientCertificate::from_der(leaf));
/// }
/// # }
/// ```
///
/// # Security
/// Nothing but the TLS connection may put it there: it is what a [bound token](crate::Flaw::Unbound) is
/// compared with.
#[doc(alias = "GetClientCertificateAsync")]
#[derive(Clone, Copy)]
pub struct ClientCertificate([u8; 32]);

impl ClientCertificate {
    /// Of the certificate as it came in the handshake, the first of the chain.
    pub fn from_der(der: &[u8]) -> Self {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, der).as_ref());
        Self(sha256)
    }

    /// Its SHA-256, as `cnf.x5t#S256` of a token has it (RFC 8705 section 3.1).
    #[doc(alias = "x5t#S256")]
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether a token's confirmation names this certificate; how much of it is right takes no time to
    /// tell.
    pub(crate) fn is(&self, confirmation: &str) -> bool {
        let named = URL_SAFE_NO_PAD.decode(confirmation);
        named.is_ok_and(|named| verify_slices_are_equal(&named, &self.0).is_ok())
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.thumbprint())
    }
}

/// The address at the other end of a request's connection. The server puts it into the request's
/// extensions, where the certificates that [proxies](CertificateHeader) tell are to count.
#[derive(Debug, Clone, Copy)]
pub struct Peer(IpAddr);

impl Peer {
    /// The peer of this address.
    pub fn new(address: IpAddr) -> Self {
        Self(address)
    }
}

/// The certificate of a request's client, if it showed one.
pub(crate) fn shown(
    proxies: Option<&Proxies>,
    headers: &http::HeaderMap,
    extensions: &Extensions,
) -> Option<ClientCertificate> {
    match (proxies, extensions.get::<Peer>()) {
        // The connection is the proxy's own, and so is a certificate that it shows.
        (Some(proxies), Some(Peer(peer))) if proxies.are_trusted(*peer) => proxies.told(headers),
        _ => extensions.get().copied(),
    }
}

#[cfg(test)]
mod tests;
