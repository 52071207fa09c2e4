//! A store that is a directory: files that hold a certificate and its private key.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use entra_abstractions::{Misconfigured, Secret};

use super::{Shelf, Wanted, why};
use crate::credential::{certificate::SigningCertificate, file};

/// Searched in their order, as if they were one.
pub(super) struct Directory {
    directories: Vec<PathBuf>,
    password: Option<Secret>,
    /// Files that have not changed are not opened again.
    read: Mutex<HashMap<PathBuf, Read>>,
}

#[derive(Clone)]
struct Read {
    sha256: Vec<u8>,
    certificate: Result<Arc<SigningCertificate>, Misconfigured>,
}

/// A directory with more was named by mistake.
const MOST_FILES: usize = 256;

impl Directory {
    pub(super) fn new(directories: Vec<PathBuf>, password: Option<Secret>) -> Self {
        Self { directories, password, read: Mutex::default() }
    }

    fn read(&self, known: &HashMap<PathBuf, Read>) -> HashMap<PathBuf, Read> {
        let mut files = HashMap::new();
        for path in self.paths() {
            let read = match file::read(&path) {
                Ok(content) => {
                    let sha256 = digest(&SHA256, &content).as_ref().to_vec();
                    let known = known.get(&path).filter(|known| known.sha256 == sha256);
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
        files
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

    fn nothing(&self, wanted: &Wanted, files: &HashMap<PathBuf, Read>) -> Misconfigured {
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
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                format!("; {} cannot be used, the first is {name:?}: {}", unread.len(), why(fault))
            }
        };
        Misconfigured::new(format!(
            "no certificate with {wanted} in {}: {looked}{unread}",
            shown.join(" or ")
        ))
        .hint("put the PFX or PEM file with its private key there, or use the source Path")
    }
}

impl Shelf for Directory {
    fn find(&self, wanted: &Wanted) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        *read = self.read(&read);
        let fitting: Vec<Arc<SigningCertificate>> = read
            .values()
            .filter_map(|read| read.certificate.as_ref().ok())
            .filter(|certificate| certificate.leaf().is_some_and(|der| wanted.is(&der)))
            .cloned()
            .collect();
        if fitting.is_empty() { Err(self.nothing(wanted, &read)) } else { Ok(fitting) }
    }
}

fn is_certificate(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["pfx", "p12", "pem"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}
