//! A certificate in a certificate store. Where the system has none of its own that is made of files,
//! a store is a directory: `docs/decisions` says which, and what lies in it.

mod name;
mod place;

use std::{
    cmp::Reverse,
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{Misconfigured, Secret};

use super::{certificate::SigningCertificate, file};
use crate::telemetry;

pub(crate) use name::Wanted;
pub(super) use place::directories;

/// The certificates of a store that fit, each with its private key.
pub(super) struct StoreCertificate {
    directories: Vec<PathBuf>,
    wanted: Wanted,
    password: Option<Secret>,
    read: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<PathBuf, Read>,
    fitting: Vec<Arc<SigningCertificate>>,
}

#[derive(Clone)]
struct Read {
    sha256: Vec<u8>,
    certificate: Result<Arc<SigningCertificate>, Misconfigured>,
}

/// A directory with more was named by mistake.
const MOST_FILES: usize = 256;

impl StoreCertificate {
    pub(super) fn new(directories: Vec<PathBuf>, wanted: Wanted, password: Option<Secret>) -> Self {
        Self { directories, wanted, password, read: Mutex::default() }
    }

    /// Those that fit, the newest first; reads the disk. Files that have not changed are not opened
    /// again.
    pub(super) fn held(&self) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured> {
        let mut shelf = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = HashMap::new();
        for path in self.paths() {
            let read = match file::read(&path) {
                Ok(content) => {
                    let sha256 = digest(&SHA256, &content).as_ref().to_vec();
                    let known = shelf.files.get(&path).filter(|known| known.sha256 == sha256);
                    known.cloned().unwrap_or_else(|| Read {
                        certificate: SigningCertificate::from_content(&content, self.password.as_ref())
                            .map(Arc::new),
                        sha256,
                    })
                }
                Err(fault) => Read { certificate: Err(fault), sha256: Vec::new() },
            };
            files.insert(path, read);
        }
        let mut fitting: Vec<Arc<SigningCertificate>> = files
            .values()
            .filter_map(|read| read.certificate.as_ref().ok())
            .filter(|certificate| self.fits(certificate))
            .cloned()
            .collect();
        let age = |certificate: &SigningCertificate| Reverse(certificate.not_before());
        fitting.sort_by(|a, b| (age(a), a.thumbprint()).cmp(&(age(b), b.thumbprint())));
        // The same certificate may lie in two files.
        fitting.dedup_by(|a, b| a.thumbprint() == b.thumbprint());
        shelf.files = files;
        if fitting.is_empty() {
            // What was found before, and is not any more, still serves until it expires.
            if shelf.fitting.is_empty() {
                return Err(self.nothing(&shelf.files));
            }
            telemetry::kept_certificate(&self.nothing(&shelf.files));
        } else {
            shelf.fitting = fitting;
        }
        Ok(shelf.fitting.clone())
    }

    pub(super) fn known(&self) -> Vec<Arc<SigningCertificate>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).fitting.clone()
    }

    fn fits(&self, certificate: &SigningCertificate) -> bool {
        let leaf = certificate.chain().first().and_then(|leaf| STANDARD.decode(leaf).ok());
        leaf.is_some_and(|der| self.wanted.is(&der))
    }

    fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self
            .directories
            .iter()
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
            .filter(|path| is_certificate(path))
            .collect();
        paths.sort();
        paths.truncate(MOST_FILES);
        paths
    }

    fn nothing(&self, files: &HashMap<PathBuf, Read>) -> Misconfigured {
        let shown = self.directories.iter().map(|path| match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.display().to_string(),
            Err(error) => format!("{} (which cannot be read: {})", path.display(), error.kind()),
            Ok(_) => path.display().to_string(),
        });
        let shown: Vec<String> = shown.collect();
        let looked = match files.len() {
            0 => "no certificate file lies there".to_owned(),
            1 => "one certificate file lies there".to_owned(),
            many => format!("{many} certificate files lie there"),
        };
        let mut unread: Vec<(&PathBuf, &Misconfigured)> =
            files.iter().filter_map(|(path, read)| Some((path, read.certificate.as_ref().err()?))).collect();
        unread.sort_by_key(|(path, _)| *path);
        let unread = match unread.first() {
            None => String::new(),
            Some((path, fault)) => {
                let why = fault.faults().first().map_or("it cannot be read", |fault| fault.what());
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                format!("; {} cannot be used, the first is {name:?}: {why}", unread.len())
            }
        };
        Misconfigured::new(format!(
            "no certificate with {} in {}: {looked}{unread}",
            self.wanted,
            shown.join(" or ")
        ))
        .hint("put the PFX or PEM file with its private key there, or use the source Path")
    }
}

fn is_certificate(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["pfx", "p12", "pem"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests;
