//! A certificate in a certificate store: a directory of files, or what Windows keeps. `docs/decisions`
//! says which store is where.

mod directory;
mod name;
mod place;
mod system;

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, PoisonError},
};

use entra_abstractions::{Misconfigured, Secret};

use super::certificate::SigningCertificate;
use crate::telemetry;

use directory::Directory;
pub(crate) use name::Wanted;
pub(super) use place::Place;
use system::System;

/// The certificates of a store that fit, each with its private key.
pub(super) struct StoreCertificate {
    shelf: Box<dyn Shelf>,
    wanted: Wanted,
    fitting: Mutex<Vec<Arc<SigningCertificate>>>,
}

/// What a store is made of.
trait Shelf: Send + Sync {
    /// Each certificate that fits and can sign, in any order; where there is none, why.
    fn find(&self, wanted: &Wanted) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured>;
}

impl StoreCertificate {
    /// The password opens files that are locked; Windows asks for none.
    pub(super) fn new(place: Place, wanted: Wanted, password: Option<Secret>) -> Self {
        match place {
            Place::Directories(directories) => Self::on(Directory::new(directories, password), wanted),
            Place::System(location, name) => Self::on(System::new(location, name), wanted),
        }
    }

    fn on(shelf: impl Shelf + 'static, wanted: Wanted) -> Self {
        Self { shelf: Box::new(shelf), wanted, fitting: Mutex::default() }
    }

    /// Those that fit, the newest first; reads the disk, or asks the system.
    pub(super) fn held(&self) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured> {
        let mut held = self.lock();
        match self.shelf.find(&self.wanted) {
            Ok(mut fitting) => {
                let age = |certificate: &SigningCertificate| Reverse(certificate.not_before());
                fitting.sort_by(|a, b| (age(a), a.thumbprint()).cmp(&(age(b), b.thumbprint())));
                // The same certificate may lie in two files.
                fitting.dedup_by(|a, b| a.thumbprint() == b.thumbprint());
                *held = fitting;
            }
            Err(nothing) if held.is_empty() => return Err(nothing),
            // What was found before, and is not any more, still serves until it expires.
            Err(nothing) => telemetry::kept_certificate(&nothing),
        }
        Ok(held.clone())
    }

    pub(super) fn known(&self) -> Vec<Arc<SigningCertificate>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<SigningCertificate>>> {
        self.fitting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn why(fault: &Misconfigured) -> &str {
    fault.faults().first().map_or("it cannot be read", |fault| fault.what())
}

#[cfg(test)]
mod tests;
