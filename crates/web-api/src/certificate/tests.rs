//! Whose certificate counts.

use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const CERTIFICATE: &[u8] = b"a certificate, as far as this room looks";

fn own() -> String {
    ClientCertificate::from_der(CERTIFICATE).thumbprint()
}

fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    values.iter().map(header).collect()
}

fn told(header: CertificateHeader, peer: &str, values: &[(&'static str, &str)]) -> Option<String> {
    let proxies = Proxies::new(header, &["10.1.0.0/16".to_owned(), "::1".to_owned()]).unwrap();
    let mut extensions = Extensions::new();
    extensions.insert(Peer::new(peer.parse().unwrap()));
    shown(Some(&proxies), &headers(values), &extensions).map(|certificate| certificate.thumbprint())
}

#[test]
fn the_certificate_of_a_connection_is_that_of_its_client() {
    let mut extensions = Extensions::new();
    assert!(shown(None, &HeaderMap::new(), &extensions).is_none());
    extensions.insert(ClientCertificate::from_der(CERTIFICATE));
    let certificate = shown(None, &HeaderMap::new(), &extensions).unwrap();
    assert!(certificate.is(&own()));
    for other in ["", "x", "AAAA", &own()[1..], &format!("{}=", own()), &own().to_lowercase()] {
        assert!(!certificate.is(other), "{other}");
    }
}

#[test]
fn rfc_9440_is_read_from_trusted_proxies_alone() {
    let value = format!(":{}:", STANDARD.encode(CERTIFICATE));
    let sent = [("client-cert", value.as_str())];
    for (peer, expected) in [
        ("10.1.2.3", Some(own())),
        ("::1", Some(own())),
        ("::ffff:10.1.2.3", Some(own())),
        ("10.2.2.3", None),
        ("2001:db8::1", None),
    ] {
        assert_eq!(told(CertificateHeader::ClientCert, peer, &sent), expected, "{peer}");
    }
    // Nobody says who is at the other end, or another header is configured.
    assert!(shown(None, &headers(&sent), &Extensions::new()).is_none());
    assert_eq!(told(CertificateHeader::XForwardedClientCert, "10.1.2.3", &sent), None);
    for hostile in ["", "::", ":AA", "AAAA", ":not base64!:", ":AAAA:,:AAAA:"] {
        assert_eq!(
            told(CertificateHeader::ClientCert, "10.1.2.3", &[("client-cert", hostile)]),
            None,
            "{hostile}"
        );
    }
    assert_eq!(told(CertificateHeader::ClientCert, "10.1.2.3", &[sent[0], sent[0]]), None);
}

#[test]
fn a_trusted_proxys_own_certificate_is_not_its_clients() {
    let proxies = Proxies::new(CertificateHeader::ClientCert, &["10.1.0.0/16".to_owned()]).unwrap();
    let mut extensions = Extensions::new();
    extensions.insert(Peer::new("10.1.2.3".parse().unwrap()));
    extensions.insert(ClientCertificate::from_der(CERTIFICATE));
    assert!(shown(Some(&proxies), &HeaderMap::new(), &extensions).is_none());
    // Whoever comes by another way counts for themselves.
    extensions.insert(Peer::new("192.0.2.1".parse().unwrap()));
    assert!(shown(Some(&proxies), &HeaderMap::new(), &extensions).is_some());
}

#[test]
fn envoys_header_tells_one_client() {
    let digest = aws_lc_rs::digest::digest(&SHA256, CERTIFICATE);
    let hex = |bytes: &[u8], before: &str| {
        bytes.iter().fold(String::new(), |text, byte| format!("{text}{before}{byte:02x}"))
    };
    let hash = hex(digest.as_ref(), "");
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(CERTIFICATE));
    let pem = hex(pem.as_bytes(), "%");
    let check = |value: &str, is_told: bool| {
        let told =
            told(CertificateHeader::XForwardedClientCert, "10.1.2.3", &[("x-forwarded-client-cert", value)]);
        assert_eq!(told, is_told.then(own), "{value}");
    };
    check(&format!("Hash={hash}"), true);
    check(&format!("By=spiffe://a;Hash={};Subject=\"CN=a;b, O=\\\"c\\\"\"", hash.to_uppercase()), true);
    check(&format!("Cert=\"{pem}\""), true);
    check(&format!("Hash={hash};Cert=\"{pem}\";URI="), true);
    check(&format!("Hash={};Cert=\"{pem}\"", "0".repeat(64)), false);
    check(&format!("Hash={hash};Hash={hash}"), false);
    // Two elements: a client that sent one of its own through a proxy that adds.
    check(&format!("Hash={hash},Hash={}", "0".repeat(64)), false);
    for hostile in ["", "Hash=", "Hash=+1", "Subject=\"CN=a", "Cert=\"%FF\"", "=;", "Hash"] {
        check(hostile, false);
    }
}

#[test]
fn proxies_are_named_by_address() {
    for (written, told) in [
        ("proxy.example", "\"proxy.example\" is not the address of a proxy"),
        ("0.0.0.0/0", "a network of all addresses trusts everybody"),
        ("::/0", "a network of all addresses trusts everybody"),
    ] {
        let error = Proxies::new(CertificateHeader::ClientCert, &[written.to_owned()]).unwrap_err();
        assert!(error.to_string().starts_with(told), "{error}");
    }
}
