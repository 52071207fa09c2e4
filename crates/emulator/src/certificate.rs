//! Certificates as directories and assertions carry them: PEM or DER, thumbprints, who signed whom.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The first certificate of a PEM text.
pub(crate) fn der(pem: &str) -> Option<Vec<u8>> {
    Some(CertificateDer::from_pem_slice(pem.as_bytes()).ok()?.to_vec())
}

/// One entry of `x5c`: base64 of the DER. MSAL Python leaves the line breaks of the PEM file in it.
pub(crate) fn from_x5c(entry: &str) -> Option<Vec<u8>> {
    let joined: String = entry.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(joined).ok()
}

/// A thumbprint from a JOSE header. MSAL Python pads it and MSAL Go uses the other alphabet; Entra takes all of them.
pub(crate) fn thumbprint(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    lenient.decode(text.replace('+', "-").replace('/', "_")).ok()
}

pub(crate) fn sha256(der: &[u8]) -> Vec<u8> {
    digest(&SHA256, der).as_ref().to_vec()
}

/// `x5t` is SHA-1 by its definition (RFC 7515, 4.1.7); it only finds the certificate, it protects nothing.
pub(crate) fn sha1(der: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec()
}

/// The thumbprint as Entra prints it in its messages.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What an assertion's check needs of a certificate.
pub(crate) struct Facts {
    pub(crate) public_key: Vec<u8>,
    pub(crate) common_name: Option<String>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

pub(crate) fn facts(der: &[u8]) -> Option<Facts> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Some(Facts {
        public_key: certificate.public_key().raw.to_vec(),
        common_name: name.map(str::to_owned),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
    })
}

/// Whether `authority` signed `leaf` (RSA with SHA-256, which is what test authorities use).
pub(crate) fn is_signed_by(leaf: &[u8], authority: &[u8]) -> bool {
    let (Ok((_, leaf)), Some(authority)) = (X509Certificate::from_der(leaf), facts(authority)) else {
        return false;
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, authority.public_key)
        .verify(leaf.tbs_certificate.as_ref(), &leaf.signature_value.data)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ids::{APP_CERTIFICATE, RENEWED_CERTIFICATE};

    #[test]
    fn thumbprints_are_read_in_every_spelling_that_clients_use() {
        let bytes = [0xfb, 0xff, 0xbe, 0x01];
        for spelling in ["-_--AQ", "-_--AQ==", "+/++AQ==", "+/++AQ"] {
            assert_eq!(thumbprint(spelling).as_deref(), Some(&bytes[..]), "{spelling}");
        }
        assert_eq!(thumbprint("no thumbprint!"), None);
    }

    #[test]
    fn a_certificate_is_signed_by_its_authority_only() {
        let authority = der(include_str!("../keys/app-authority.cert.pem")).unwrap();
        let leaf = der(RENEWED_CERTIFICATE).unwrap();
        assert!(is_signed_by(&leaf, &authority));
        assert!(!is_signed_by(&leaf, &der(APP_CERTIFICATE).unwrap()));
        assert_eq!(facts(&leaf).unwrap().common_name.as_deref(), Some("app.contoso.example"));
    }

    #[test]
    fn x5c_may_have_line_breaks() {
        let inner = APP_CERTIFICATE
            .replace("-----BEGIN CERTIFICATE-----", "")
            .replace("-----END CERTIFICATE-----", "");
        assert_eq!(from_x5c(&inner), der(APP_CERTIFICATE));
    }
}
