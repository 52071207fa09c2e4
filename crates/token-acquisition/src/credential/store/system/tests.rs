//! A store of the system, played: what fits, what can sign, and what is told.

use std::{fs, path::Path};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::TokenError;

use super::*;
use crate::credential::{certificate::Algorithm, store::StoreCertificate};

/// A certificate of the fixtures, with a key that tells what it was asked to sign.
struct Played {
    der: Vec<u8>,
    has_key: bool,
}

struct Echo;

#[async_trait]
impl KeyElsewhere for Echo {
    async fn sign(&self, algorithm: Algorithm, sha256: &[u8]) -> Result<Vec<u8>, TokenError> {
        Ok([algorithm.name().as_bytes(), sha256].concat())
    }
}

impl Kept for Played {
    fn der(&self) -> &[u8] {
        &self.der
    }

    fn key(&self) -> Result<Arc<dyn KeyElsewhere>, Misconfigured> {
        if self.has_key { Ok(Arc::new(Echo)) } else { Err(Misconfigured::new("it has no private key")) }
    }
}

fn der(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys").join(name);
    let pem = fs::read_to_string(path).unwrap();
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----").unwrap();
    let (base64, _) = rest.split_once("-----END").unwrap();
    STANDARD.decode(base64.split_whitespace().collect::<String>()).unwrap()
}

/// `My` of the user holds all kinds of certificates, that of the machine none; there is no other.
fn played(location: Location, name: &str) -> Result<Vec<Box<dyn Kept>>, Misconfigured> {
    let kept: &[(&str, bool)] = match (location, name) {
        (Location::CurrentUser, "My") => &[
            ("rsa.pem", true),
            ("chain.pem", true),
            ("ec.pem", true),
            ("small.pem", true),
            ("rotated.pem", false),
        ],
        (Location::LocalMachine, "My") => &[],
        _ => return Err(Misconfigured::new("there is no such store")),
    };
    let kept = kept.iter().map(|&(name, has_key)| Played { der: der(name), has_key });
    Ok(kept.map(|kept| Box::new(kept) as Box<dyn Kept>).collect())
}

fn store(open: Open, wanted: Wanted) -> StoreCertificate {
    store_of(Location::CurrentUser, "My", open, wanted)
}

fn store_of(location: Location, name: &str, open: Open, wanted: Wanted) -> StoreCertificate {
    StoreCertificate::on(System { location, name: name.to_owned(), open }, wanted)
}

fn sha1(name: &str) -> String {
    let content = der(name);
    let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &content);
    crate::hex::hex(sha1.as_ref())
}

fn told(store: &StoreCertificate) -> String {
    store.held().map(|held| held.len()).unwrap_err().to_string()
}

#[tokio::test]
async fn what_fits_signs_where_it_lies() {
    let wanted = Wanted::thumbprint(&format!("\u{200e}{}", sha1("rsa.pem").to_lowercase())).unwrap();
    let held = store(played, wanted).held().unwrap();
    let [certificate] = &*held else { panic!("{}", held.len()) };
    assert_eq!(certificate.sha1_hex(), sha1("rsa.pem"));
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"head.body");
    for (algorithm, name) in [(Algorithm::Ps256, &b"PS256"[..]), (Algorithm::Rs256, &b"RS256"[..])] {
        let signature = certificate.sign(algorithm, "head.body").await.unwrap();
        assert_eq!(signature, [name, sha256.as_ref()].concat());
    }
}

#[test]
fn the_newest_comes_first_and_what_no_assertion_is_signed_with_is_passed_over() {
    let held = store(played, Wanted::SubjectName(String::new())).held().unwrap();
    let found: Vec<&str> = held.iter().map(|certificate| certificate.sha1_hex()).collect();
    assert_eq!(found, [sha1("chain.pem"), sha1("rsa.pem")]);
}

#[test]
fn where_nothing_fits_it_says_why() {
    let absent = || Wanted::thumbprint(&"A".repeat(40)).unwrap();
    let of = |name| Wanted::thumbprint(&sha1(name)).unwrap();
    for (location, name, wanted, part) in [
        (Location::LocalMachine, "My", absent(), "in the store LocalMachine/My: it is empty"),
        (Location::LocalMachine, "Web", absent(), "there is no such store"),
        (Location::CurrentUser, "My", absent(), "AAAA in the store CurrentUser/My: it holds 5 certificates"),
        (
            Location::CurrentUser,
            "My",
            of("rotated.pem"),
            "; 1 that would fit cannot be used: it has no private key",
        ),
        (Location::CurrentUser, "My", of("ec.pem"), "cannot be used: the certificate's key is not RSA"),
        (Location::CurrentUser, "My", of("small.pem"), "cannot be used: the certificate's key is shorter"),
    ] {
        let told = told(&store_of(location, name, played, wanted));
        assert!(told.contains(part), "{told}");
    }
}

/// On Windows another test imports a certificate, with the feature.
#[cfg(not(all(windows, feature = "windows-store")))]
#[test]
fn without_the_feature_the_feature_is_named() {
    let told = told(&store(certificates, Wanted::subject_name("app").unwrap()));
    for part in ["the certificate store CurrentUser/My of Windows", "the feature windows-store", STORES] {
        assert!(told.contains(part), "{told}");
    }
}
