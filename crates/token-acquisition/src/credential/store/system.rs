//! A store that the system keeps: certificates whose private keys sign where they lie, and do not
//! leave. Only Windows has one that is opened here, behind the feature `windows-store`.

#[cfg(not(all(windows, feature = "windows-store")))]
mod closed;
#[cfg(all(windows, feature = "windows-store"))]
mod windows;

use std::sync::Arc;

use entra_abstractions::Misconfigured;

use super::{
    Shelf, Wanted,
    place::{Location, STORES},
    why,
};
use crate::credential::certificate::{KeyElsewhere, SigningCertificate};

#[cfg(not(all(windows, feature = "windows-store")))]
use closed::certificates;
#[cfg(all(windows, feature = "windows-store"))]
use windows::certificates;

/// A store of this name. It is opened at each look: what comes, goes, or is imported again is seen.
pub(super) struct System {
    location: Location,
    name: String,
    open: Open,
}

/// Everything that a store holds.
type Open = fn(Location, &str) -> Result<Vec<Box<dyn Kept>>, Misconfigured>;

/// A certificate in the store of a system.
pub(super) trait Kept {
    fn der(&self) -> &[u8];

    /// Its private key, where it has one that can be used without asking anybody.
    fn key(&self) -> Result<Arc<dyn KeyElsewhere>, Misconfigured>;
}

impl System {
    pub(super) fn new(location: Location, name: String) -> Self {
        Self { location, name, open: certificates }
    }

    fn nothing(&self, wanted: &Wanted, count: usize, unusable: &[Misconfigured]) -> Misconfigured {
        let looked = match count {
            0 => "it is empty".to_owned(),
            1 => "it holds 1 certificate".to_owned(),
            many => format!("it holds {many} certificates"),
        };
        let unusable = match unusable {
            [] => String::new(),
            [first, ..] => format!("; {} that would fit cannot be used: {}", unusable.len(), why(first)),
        };
        let Self { location, name, .. } = self;
        Misconfigured::new(format!(
            "no certificate with {wanted} in the store {location}/{name}: {looked}{unusable}"
        ))
        .hint(format!("import it there with a private key that this account may use, or name a directory of stores in {STORES}"))
    }
}

impl Shelf for System {
    fn find(&self, wanted: &Wanted) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured> {
        let all = (self.open)(self.location, &self.name)?;
        let (mut fitting, mut unusable) = (Vec::new(), Vec::new());
        for kept in all.iter().filter(|kept| wanted.is(kept.der())) {
            match kept.key().and_then(|key| SigningCertificate::with_key_elsewhere(kept.der(), key)) {
                Ok(certificate) => fitting.push(Arc::new(certificate)),
                Err(fault) => unusable.push(fault),
            }
        }
        if fitting.is_empty() { Err(self.nothing(wanted, all.len(), &unusable)) } else { Ok(fitting) }
    }
}

#[cfg(test)]
mod tests;
