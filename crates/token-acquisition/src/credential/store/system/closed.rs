//! Where no store of the system is opened: says so, and names the ways out.

use entra_abstractions::Misconfigured;

use super::{Kept, Location, STORES};

pub(super) fn certificates(location: Location, name: &str) -> Result<Vec<Box<dyn Kept>>, Misconfigured> {
    Err(Misconfigured::new(format!(
        "the certificate store {location}/{name} of Windows is opened only with the feature windows-store"
    ))
    .hint(format!(
        "switch on the feature windows-store of entra-token-acquisition, use the source Path, or name a directory of stores in {STORES}"
    )))
}
