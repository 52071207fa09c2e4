//! Reads a small file that holds a credential: whole, and never more than a credential can be.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use entra_abstractions::Misconfigured;
use zeroize::Zeroizing;

/// No certificate, chain or assertion comes near it; what is larger was named by mistake.
pub(super) const LARGEST: usize = 1024 * 1024;

/// The content as it is now. It is read in one go, so that a file that is swapped atomically (as
/// Kubernetes does with mounted secrets) is seen either old or new.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Misconfigured> {
    let shown = path.to_string_lossy();
    let refuse = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file",
            io::ErrorKind::PermissionDenied => "this process may not read it",
            _ => "reading it failed",
        };
        let fault = Misconfigured::new(format!("cannot read {shown:?}: {why}")).with_source(error);
        if path.is_relative() {
            fault.hint("a relative path starts at the working directory of the process")
        } else {
            fault.hint("check the path, and the rights of the user that the process runs as")
        }
    };
    let metadata = fs::metadata(path).map_err(refuse)?;
    // A pipe or a device could keep the reader waiting for ever.
    if !metadata.is_file() {
        return Err(Misconfigured::new(format!("cannot read {shown:?}: it is not a file")));
    }
    // Room for all of it from the start: a buffer that grows leaves copies behind that nobody wipes.
    let room = usize::try_from(metadata.len()).unwrap_or(LARGEST).min(LARGEST) + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX) + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut content)).map_err(refuse)?;
    if content.len() > LARGEST {
        return Err(Misconfigured::new(format!("cannot read {shown:?}: it is larger than 1 MiB")));
    }
    Ok(content)
}
