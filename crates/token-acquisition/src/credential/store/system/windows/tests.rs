//! Against the real store: a certificate whose key cannot be exported is made, found, and signs.

use std::process::Command;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use x509_parser::prelude::parse_x509_certificate;

use super::*;
use crate::credential::store::{Place, StoreCertificate, Wanted};

/// A certificate in the user's store; its end removes it, and its key.
struct Imported {
    thumbprint: String,
}

fn powershell(command: &str) -> String {
    let output =
        Command::new("powershell").args(["-NoProfile", "-NonInteractive", "-Command", command]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Imported {
    fn new(subject: &str) -> Self {
        let thumbprint = powershell(&format!(
            "(New-SelfSignedCertificate -Subject '{subject}' -CertStoreLocation Cert:\\CurrentUser\\My \
             -KeyAlgorithm RSA -KeyLength 2048 -KeyExportPolicy NonExportable \
             -Provider 'Microsoft Software Key Storage Provider').Thumbprint"
        ));
        Self { thumbprint }
    }
}

impl Drop for Imported {
    fn drop(&mut self) {
        let path = format!("Cert:\\CurrentUser\\My\\{}", self.thumbprint);
        powershell(&format!("Remove-Item -Path '{path}' -DeleteKey"));
    }
}

fn store(wanted: Wanted) -> StoreCertificate {
    StoreCertificate::new(Place::System(Location::CurrentUser, "My".to_owned()), wanted, None)
}

#[tokio::test]
async fn a_key_that_cannot_be_exported_signs() {
    let subject = format!("CN=entra-rs {}, O=Contoso", uuid::Uuid::new_v4());
    let imported = Imported::new(&subject);
    for wanted in [Wanted::thumbprint(&imported.thumbprint), Wanted::distinguished_name(&subject)] {
        let held = store(wanted.unwrap()).held().unwrap();
        let [certificate] = &*held else { panic!("{} certificates", held.len()) };
        assert_eq!(certificate.sha1_hex(), imported.thumbprint);
        let der = certificate.leaf().unwrap();
        let (_, parsed) = parse_x509_certificate(&der).unwrap();
        let public = parsed.public_key().subject_public_key.data.to_vec();
        let pss = certificate.sign(Algorithm::Ps256, "head.body").await.unwrap();
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &public).verify(b"head.body", &pss).unwrap();
        let pkcs1 = certificate.sign(Algorithm::Rs256, "head.body").await.unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).verify(b"head.body", &pkcs1).unwrap();
    }
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let place = Place::System(Location::CurrentUser, "entra-rs-nowhere".to_owned());
    let store = StoreCertificate::new(place, Wanted::subject_name("app").unwrap(), None);
    let told = store.held().map(|held| held.len()).unwrap_err().to_string();
    assert!(told.contains("the certificate store CurrentUser/entra-rs-nowhere cannot be opened"), "{told}");
}
