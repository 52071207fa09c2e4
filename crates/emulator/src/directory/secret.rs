//! Text that no log, error or `Debug` may show.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

/// A secret of the directory. It can be compared, in constant time, and not printed.
///
/// ```
/// let secret = entra_emulator::Hidden::from("s3cret?%G&=");
/// assert_eq!(format!("{secret:?}"), "[redacted]");
/// ```
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// Compares digests, so that neither text nor length shows in the time it takes.
    pub(crate) fn is(&self, presented: &str) -> bool {
        let (ours, theirs) = (digest(&SHA256, self.0.as_bytes()), digest(&SHA256, presented.as_bytes()));
        verify_slices_are_equal(ours.as_ref(), theirs.as_ref()).is_ok()
    }

    /// The text itself, for the one place that hands it to whoever owns the directory.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_is_equal() {
        assert!(Hidden::from("s3cret?%G&=").is("s3cret?%G&="));
        assert!(!Hidden::from("s3cret?%G&=").is("s3cret?%G&"));
        assert!(!Hidden::from("").is(" "));
    }
}
