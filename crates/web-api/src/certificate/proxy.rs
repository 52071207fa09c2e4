//! What a proxy that ends TLS tells of the client's certificate.

use std::{net::IpAddr, str};

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::Misconfigured;
use http::HeaderMap;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use super::ClientCertificate;

/// In which header a trusted proxy tells the certificate that its client showed.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateHeader {
    /// `Client-Cert`: the certificate as DER (RFC 9440).
    ClientCert,
    /// `X-Forwarded-Client-Cert` of Envoy and Istio: the certificate's SHA-256 (`Hash`), or itself
    /// (`Cert`), of exactly one client: let the proxy set the header, not add to it
    /// (`SANITIZE_SET`).
    XForwardedClientCert,
}

/// The proxies that are believed.
#[derive(Debug)]
pub(crate) struct Proxies {
    header: CertificateHeader,
    networks: Vec<IpNet>,
}

impl Proxies {
    /// Reads addresses (`10.0.0.5`) and networks (`10.0.0.0/24`).
    pub(crate) fn new(header: CertificateHeader, written: &[String]) -> Result<Self, Misconfigured> {
        let networks = written.iter().map(|text| {
            let text = text.trim();
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_unsaid| {
                Misconfigured::new(format!("\"{}\" is not the address of a proxy", text.escape_debug()))
                    .hint("such as 10.0.0.5 or 10.0.0.0/24")
            })?;
            if network.prefix_len() == 0 {
                return Err(Misconfigured::new("a network of all addresses trusts everybody")
                    .hint("name the addresses of the proxies"));
            }
            Ok(network)
        });
        Ok(Self { header, networks: networks.collect::<Result<_, Misconfigured>>()? })
    }

    pub(super) fn are_trusted(&self, peer: IpAddr) -> bool {
        // A socket that listens to both families shows IPv4 in IPv6's clothes.
        self.networks.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// The certificate that the header tells; nothing where it tells none, or several.
    pub(super) fn told(&self, headers: &HeaderMap) -> Option<ClientCertificate> {
        let name = match self.header {
            CertificateHeader::ClientCert => "client-cert",
            CertificateHeader::XForwardedClientCert => "x-forwarded-client-cert",
        };
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        match self.header {
            CertificateHeader::ClientCert => client_cert(value),
            CertificateHeader::XForwardedClientCert => forwarded(value),
        }
    }
}

/// A byte sequence of RFC 8941 section 3.3.5: base64 between colons.
fn client_cert(value: &str) -> Option<ClientCertificate> {
    let base64 = value.trim().strip_prefix(':')?.strip_suffix(':')?;
    let der = STANDARD.decode(base64).ok().filter(|der| !der.is_empty())?;
    Some(ClientCertificate::from_der(&der))
}

/// `By=..;Hash=<hex>;Cert="<PEM, percent-encoded>";Subject="..";URI=..`
fn forwarded(value: &str) -> Option<ClientCertificate> {
    let (mut hash, mut certificate) = (None, None);
    for pair in split(value, ';')? {
        let (name, value) = pair.split_once('=')?;
        let value = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
        let known = match name.trim().to_ascii_lowercase().as_str() {
            "hash" => hash.replace(of_hash(value)?),
            "cert" => certificate.replace(of_pem(value)?),
            _ => None,
        };
        // Twice the same would be a matter of who reads it.
        if known.is_some() {
            return None;
        }
    }
    match (hash, certificate) {
        (Some(hash), Some(certificate)) if hash.0 != certificate.0 => None,
        (hash, certificate) => certificate.or(hash),
    }
}

/// The parts between separators that stand outside of quotes; nothing where there is a comma outside of
/// them, which begins another client's element, or a quote is not closed.
fn split(value: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, character) in value.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => return None,
            _ if character == separator && !is_quoted => {
                parts.push(value.get(from..at)?);
                from = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(value.get(from..)?);
    (!is_quoted).then_some(parts)
}

fn of_hash(hex: &str) -> Option<ClientCertificate> {
    let digits = hex.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut sha256 = [0; 32];
    for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(ClientCertificate(sha256))
}

fn of_pem(encoded: &str) -> Option<ClientCertificate> {
    let pem = percent_decode_str(encoded).decode_utf8().ok()?;
    let base64 =
        pem.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?.strip_suffix("-----END CERTIFICATE-----")?;
    let base64: String = base64.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Some(ClientCertificate::from_der(&STANDARD.decode(base64).ok().filter(|der| !der.is_empty())?))
}
