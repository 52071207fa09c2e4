//! A certification authority for one server, and the certificate that it signs.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, Error, IsCa, Issuer, KeyPair};

use crate::{Failure, folder::Folder};

/// Where the PEM files are.
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The names of this machine, by which tests know a server.
pub(crate) const HERE: &[&str] = &["localhost", "127.0.0.1"];

/// Writes them into the folder of the server, which is certified by these names.
pub(crate) fn write(folder: &Folder, names: &[&str]) -> Result<Files, Failure> {
    let made = make(names).map_err(|error| Failure::new(format!("no certificate could be made: {error}")))?;
    Ok(Files {
        ca: folder.write("ca.pem", &made.ca)?,
        certificate: folder.write("certificate.pem", &made.certificate)?,
        key: folder.write("key.pem", &made.key)?,
    })
}

struct Made {
    ca: String,
    certificate: String,
    key: String,
}

fn make(names: &[&str]) -> Result<Made, Error> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "CA of a test's server");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?.pem();
    Ok(Made { ca, certificate, key: key.serialize_pem() })
}
