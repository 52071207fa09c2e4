//! A certificate in a file that may be replaced at any time, or in a value.
//!
//! It is read at the first use and looked at again at each later one, which is once per request to
//! Entra, never for a cached token. The content decides whether it changed: times of files are too
//! coarse, and no watcher has to run.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{Misconfigured, Secret};
use zeroize::Zeroizing;

use crate::telemetry;

use super::{
    certificate::SigningCertificate,
    file::{self, LARGEST},
};

pub(super) struct DiskCertificate {
    place: Place,
    password: Option<Secret>,
    /// What was read last, and what was there before: a certificate may be put in place before Entra
    /// knows it.
    read: Mutex<Vec<Read>>,
}

pub(super) enum Place {
    File(PathBuf),
    /// PEM as it is, or PEM or PFX as base64.
    Value(Secret),
}

struct Read {
    sha256: Vec<u8>,
    certificate: Arc<SigningCertificate>,
}

impl DiskCertificate {
    pub(super) fn new(place: Place, password: Option<Secret>) -> Self {
        Self { place, password, read: Mutex::default() }
    }

    /// The certificate as it is now, then the one before it; reads the disk, so not for a thread that
    /// serves requests.
    pub(super) fn held(&self) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match self.look(&read) {
            Ok(None) => {}
            Ok(Some(new)) => {
                read.retain(|known| known.sha256 != new.sha256);
                read.truncate(1);
                read.insert(0, new);
            }
            Err(fault) if read.is_empty() => return Err(fault),
            // A file that is being replaced, or was replaced badly, does not throw away the good
            // certificate that it held.
            Err(fault) => telemetry::kept_certificate(&fault),
        }
        Ok(certificates(&read))
    }

    pub(super) fn known(&self) -> Vec<Arc<SigningCertificate>> {
        certificates(&self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is there now, where it is not what was read last.
    fn look(&self, read: &[Read]) -> Result<Option<Read>, Misconfigured> {
        let content = match &self.place {
            Place::Value(_) if !read.is_empty() => return Ok(None),
            Place::File(path) => file::read(path)?,
            Place::Value(value) => decode(value)?,
        };
        let sha256 = digest(&SHA256, &content).as_ref().to_vec();
        if read.first().is_some_and(|known| known.sha256 == sha256) {
            return Ok(None);
        }
        let certificate = SigningCertificate::from_content(&content, self.password.as_ref())?;
        Ok(Some(Read { sha256, certificate: Arc::new(certificate) }))
    }
}

fn certificates(read: &[Read]) -> Vec<Arc<SigningCertificate>> {
    read.iter().map(|read| Arc::clone(&read.certificate)).collect()
}

/// A certificate as a value: PEM as it is, or PEM or PFX as base64.
pub(super) fn decode(value: &Secret) -> Result<Zeroizing<Vec<u8>>, Misconfigured> {
    let text = value.expose();
    if text.len() > LARGEST {
        return Err(Misconfigured::new("the certificate is larger than 1 MiB"));
    }
    if text.trim_start().starts_with("-----BEGIN") {
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    // Without the decoder's error: it tells characters of the value.
    STANDARD.decode(&*plain).ok().map(Zeroizing::new).ok_or_else(|| {
        Misconfigured::new("the certificate is not base64").hint("encode the whole PFX or PEM file as base64")
    })
}
