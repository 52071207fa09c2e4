//! The fuzz target of certificates: what is read of a PEM or PFX file.

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{KeyForm, Misconfigured, Secret};

use super::{certificate::SigningCertificate, container::Container};
use crate::fuzzing::spelled;

const PASSWORD: &str = "opensesame";

/// Whatever is read can be written as PEM and read again; no fault repeats the password or a piece
/// of what lies in the file.
///
/// # Panics
/// Where that does not hold.
pub fn certificate(input: &[u8]) {
    for password in [None, Some(Secret::new(PASSWORD))] {
        match Container::open(input, password.as_ref()) {
            Err(fault) => assert_hidden(&fault, input),
            Ok(container) => {
                let read_again = Container::open(written(&container).as_bytes(), None);
                assert!(
                    read_again.is_ok_and(|again| again.certificates == container.certificates
                        && again.keys.iter().map(der).eq(container.keys.iter().map(der))),
                    "it is another one when it is written and read again"
                );
                match SigningCertificate::from_container(&container) {
                    Err(fault) => assert_hidden(&fault, input),
                    Ok(certificate) => {
                        assert!(!certificate.chain().is_empty(), "a certificate without itself");
                        assert_eq!(certificate.thumbprint().len(), 43, "no SHA-256");
                    }
                }
            }
        }
    }
}

fn der(key: &KeyForm) -> &[u8] {
    match key {
        KeyForm::Pkcs1(der) | KeyForm::Pkcs8(der) => der,
    }
}

fn written(container: &Container) -> String {
    // One block more than there may be, so that an empty container is PEM too.
    let mut pem = block("X509 CRL", b"");
    for key in &container.keys {
        pem += &match key {
            KeyForm::Pkcs1(der) => block("RSA PRIVATE KEY", der),
            KeyForm::Pkcs8(der) => block("PRIVATE KEY", der),
        };
    }
    pem + &container.certificates.iter().map(|der| block("CERTIFICATE", der)).collect::<String>()
}

fn block(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----\r\n", STANDARD.encode(der))
}

fn assert_hidden(fault: &Misconfigured, input: &[u8]) {
    let text = fault.to_string();
    assert!(text.len() <= 512 && !text.contains(char::is_control), "no line of a log: {text:?}");
    let told = spelled(fault);
    assert!(!told.contains(PASSWORD), "the password is repeated: {told}");
    // No word of our own is as long.
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    for piece in input.split(|byte| !is_key(byte)).filter(|piece| piece.len() >= 32) {
        let piece = String::from_utf8_lossy(piece);
        assert!(!told.contains(&*piece), "a piece of the file is repeated: {told}");
    }
}
