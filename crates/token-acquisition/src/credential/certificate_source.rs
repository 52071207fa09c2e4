//! Where a certificate comes from: a file that may be replaced at any time, or a value.
//!
//! It is read at the first use and looked at again at each later one, which is once per request to
//! Entra, never for a cached token. The content decides whether it changed: times of files are too
//! coarse, and no watcher has to run.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{Misconfigured, Secret};
use zeroize::Zeroizing;

use crate::telemetry;

use super::{
    certificate::SigningCertificate,
    container::Container,
    file::{self, LARGEST},
};

pub(super) struct CertificateSource {
    place: Place,
    password: Option<Secret>,
    loaded: Mutex<Option<Loaded>>,
}

pub(super) enum Place {
    File(PathBuf),
    /// PEM as it is, or PEM or PFX as base64.
    Value(Secret),
}

struct Loaded {
    sha256: Vec<u8>,
    certificate: Arc<SigningCertificate>,
}

impl CertificateSource {
    pub(super) fn new(place: Place, password: Option<Secret>) -> Self {
        Self { place, password, loaded: Mutex::new(None) }
    }

    /// The certificate as it is now; reads the disk, so not for a thread that serves requests.
    pub(super) fn certificate(&self, now: SystemTime) -> Result<Arc<SigningCertificate>, Misconfigured> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = match (self.load(loaded.as_ref()), loaded.as_ref()) {
            (Ok(fresh), _) => loaded.insert(fresh).certificate.clone(),
            // A file that is being replaced, or was replaced badly, does not throw away the good
            // certificate that it held.
            (Err(fault), Some(kept)) => {
                telemetry::kept_certificate(&fault);
                kept.certificate.clone()
            }
            (Err(fault), None) => return Err(fault),
        };
        certificate.check_time(now)?;
        Ok(certificate)
    }

    fn load(&self, known: Option<&Loaded>) -> Result<Loaded, Misconfigured> {
        let content = match &self.place {
            Place::File(path) => file::read(path)?,
            Place::Value(value) => decode(value)?,
        };
        let sha256 = digest(&SHA256, &content).as_ref().to_vec();
        let certificate = match known.filter(|known| known.sha256 == sha256) {
            Some(known) => known.certificate.clone(),
            None => self.parse(&content)?,
        };
        Ok(Loaded { sha256, certificate })
    }

    fn parse(&self, content: &[u8]) -> Result<Arc<SigningCertificate>, Misconfigured> {
        let container = Container::open(content, self.password.as_ref())?;
        SigningCertificate::from_container(&container).map(Arc::new)
    }
}

fn decode(value: &Secret) -> Result<Zeroizing<Vec<u8>>, Misconfigured> {
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
