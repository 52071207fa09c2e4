//! A signed assertion in a file that somebody else keeps fresh, such as the token that Kubernetes
//! projects into a pod for workload identity.

use std::{path::Path, str};

use entra_abstractions::{Misconfigured, Secret};

use super::file;

/// The assertion as it is now. It is read every time: it is asked for once per request to Entra,
/// and whoever writes it rotates it by the hour.
// Unlike .NET: it keeps the first assertion until its `exp`, though the file has long another.
pub(super) fn read(path: &Path) -> Result<Secret, Misconfigured> {
    let content = file::read(path)?;
    str::from_utf8(&content)
        .ok()
        .map(str::trim)
        .filter(|text| is_compact_jwt(text))
        .map(Secret::from)
        .ok_or_else(|| {
            Misconfigured::new(format!("{:?} holds no signed assertion", path.to_string_lossy()))
                .hint("the file must hold one JWT, and nothing else")
        })
}

/// Three parts of base64url between dots (RFC 7515 section 7.1).
fn is_compact_jwt(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= LONGEST && text.split('.').count() == 3 && text.split('.').all(is_part)
}

/// Entra takes no longer ones.
const LONGEST: usize = 65_536;
