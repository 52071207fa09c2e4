//! A store is a directory; what lies in it comes and goes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys").join(name)
}

/// A store with these files.
fn store(files: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in files {
        fs::copy(fixture(file), directory.path().join(file)).unwrap();
    }
    directory
}

fn found(directory: &Path, wanted: Wanted) -> Result<Vec<String>, String> {
    held(&store_in(directory, wanted))
}

fn store_in(directory: &Path, wanted: Wanted) -> StoreCertificate {
    StoreCertificate::new(Place::Directories(vec![directory.to_owned()]), wanted, None)
}

fn held(store: &StoreCertificate) -> Result<Vec<String>, String> {
    let thumbprints =
        |held: Vec<Arc<SigningCertificate>>| held.iter().map(|one| one.thumbprint().to_owned()).collect();
    store.held().map(thumbprints).map_err(|fault| fault.to_string())
}

const RSA: &str = "YsG72XeBtbg6a-zB7gRCdIlcLYWqVSg6BB72zpqoe94";

/// The thumbprints and the subject of a fixture.
fn facts(name: &str) -> (String, String, String) {
    let content = fs::read(fixture(name)).unwrap();
    let certificate = SigningCertificate::from_content(&content, None).unwrap();
    let der = certificate.leaf().unwrap();
    let subject = x509_parser::prelude::parse_x509_certificate(&der).unwrap().1.subject().to_string();
    let sha256 = crate::hex::hex(digest(&SHA256, &der).as_ref());
    (certificate.sha1_hex().to_owned(), sha256, subject)
}

#[test]
fn by_thumbprint_by_subject_and_by_a_part_of_it() {
    let directory = store(&["rsa.pfx", "ec.pem", "locked.pfx", "chain.pem", "small.pem"]);
    let (sha1, sha256, subject) = facts("rsa.pfx");
    for wanted in [
        Wanted::thumbprint(&sha1.to_lowercase()).unwrap(),
        Wanted::thumbprint(&sha256).unwrap(),
        Wanted::distinguished_name(&subject.to_uppercase()).unwrap(),
    ] {
        let shown = wanted.to_string();
        assert_eq!(found(directory.path(), wanted), Ok(vec![RSA.to_owned()]), "{shown}");
    }
    let name = subject.split('=').nth(1).unwrap();
    let part = Wanted::subject_name(&name[..name.len() - 1]).unwrap();
    assert!(found(directory.path(), part).is_ok_and(|found| found.contains(&RSA.to_owned())));
}

#[test]
fn where_nothing_fits_it_says_where_it_looked() {
    let directory = store(&["rsa.pfx", "locked.pfx"]);
    let wanted = || Wanted::thumbprint(&"A".repeat(40)).unwrap();
    let told = found(directory.path(), wanted()).unwrap_err();
    for part in [
        &*format!("no certificate with the thumbprint {}", "A".repeat(40)),
        &directory.path().display().to_string(),
        "2 certificate files lie there; 1 cannot be used, the first is \"locked.pfx\": the PFX file is locked",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let told = found(&directory.path().join("none"), wanted()).unwrap_err();
    assert!(told.contains("no certificate file lies there"), "{told}");
    let told = found(&directory.path().join("rsa.pfx"), wanted()).unwrap_err();
    assert!(told.contains("rsa.pfx (which cannot be read: not a directory)"), "{told}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_too() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("app.pfx")).unwrap();
    let told = found(directory.path(), Wanted::subject_name("app").unwrap()).unwrap_err();
    let path = directory.path().join("app.pfx");
    let expected = format!(
        "one certificate file lies there; 1 cannot be used, the first is \"app.pfx\": cannot read {path:?}: it is not a file"
    );
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn what_is_put_beside_comes_first_if_it_is_newer_and_nothing_good_is_lost() {
    let directory = store(&["rsa.pem"]);
    let (_, _, subject) = facts("rsa.pem");
    let wanted = Wanted::subject_name(subject.split('=').nth(1).unwrap().get(..3).unwrap()).unwrap();
    let store = store_in(directory.path(), wanted);
    assert_eq!(held(&store), Ok(vec![RSA.to_owned()]));
    fs::copy(fixture("rsa.pfx"), directory.path().join("the-same.pfx")).unwrap();
    assert_eq!(held(&store), Ok(vec![RSA.to_owned()]));
    fs::remove_file(directory.path().join("rsa.pem")).unwrap();
    fs::write(directory.path().join("the-same.pfx"), b"0").unwrap();
    assert_eq!(held(&store), Ok(vec![RSA.to_owned()]));
}
