//! Reads PFX (PKCS#12), with or without a password.

use entra_abstractions::{KeyForm, Misconfigured, Secret};
use p12_keystore::{Pkcs12Archive, error::Error};
use zeroize::Zeroizing;

use super::{Container, locked};

pub(super) fn open(content: &[u8], password: Option<&Secret>) -> Result<Container, Misconfigured> {
    // The archive rather than the crate's key store: that one follows Java and drops keys without a
    // local key id.
    let archive = Pkcs12Archive::from_pkcs12(content, password.map_or("", Secret::expose))
        .map_err(|error| explain(error, password))?;
    Ok(Container {
        // The crate keeps a copy of its own, which is freed but not wiped.
        keys: archive
            .keys
            .iter()
            .map(|bag| KeyForm::Pkcs8(Zeroizing::new(bag.key.as_der().to_vec())))
            .collect(),
        certificates: archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect(),
    })
}

fn explain(error: Error, password: Option<&Secret>) -> Misconfigured {
    match error {
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError => locked("the PFX file", password),
        Error::UnsupportedEncryptionScheme
        | Error::UnsupportedMacAlgorithm
        | Error::UnsupportedContentType
        | Error::UnsupportedCertificateType
        | Error::InvalidParameters => {
            Misconfigured::new("the PFX file is made in a way that is not supported")
                .hint("export it again with AES-256 and SHA-256")
                .with_source(error)
        }
        Error::IoError(_)
        | Error::DerError(_)
        | Error::InvalidVersion
        | Error::X509Error(_)
        | Error::InvalidLength
        | Error::InvalidData
        | Error::InvalidPrivateKey => {
            Misconfigured::new("damaged, or not a PFX file").hint("export it again").with_source(error)
        }
    }
}
