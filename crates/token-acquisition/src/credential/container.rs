//! What a certificate comes in: PEM or PFX (PKCS#12), told apart by the content, never by a name.
//! Out come keys and certificates as they are; whether they belong together is judged elsewhere.

mod pem;
mod pfx;

use entra_abstractions::{KeyForm, Misconfigured, Secret};

/// Private keys and DER certificates, in the order of the file.
#[derive(Default)]
pub(super) struct Container {
    pub(super) keys: Vec<KeyForm>,
    pub(super) certificates: Vec<Vec<u8>>,
}

impl Container {
    pub(super) fn open(content: &[u8], password: Option<&Secret>) -> Result<Self, Misconfigured> {
        if pem::is_pem(content) {
            return pem::open(content, password);
        }
        if content.first() == Some(&DER_SEQUENCE) {
            return pfx::open(content, password);
        }
        Err(Misconfigured::new("neither PEM nor PFX").hint(
            "a PEM file starts with -----BEGIN and holds certificate and private key; a PFX file is binary",
        ))
    }
}

const DER_SEQUENCE: u8 = 0x30;

/// The one answer to a password that is missing or wrong.
fn locked(what: &str, password: Option<&Secret>) -> Misconfigured {
    match password {
        None => Misconfigured::new(format!("{what} is locked and there is no password for it"))
            .hint("give its password as CertificatePassword"),
        Some(_) => {
            Misconfigured::new(format!("the password does not open {what}")).hint("check CertificatePassword")
        }
    }
}
