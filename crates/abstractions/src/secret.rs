//! A value that must not be seen: it prints as `[redacted]` and is wiped when dropped.

use std::{fmt, mem};

use zeroize::optimization_barrier;

/// A secret string: a client secret, a token, an assertion, an authorization code.
///
/// It has no `Display` and no `Serialize`; `Debug` prints `[redacted]`; the memory is wiped on
/// drop. [`expose`](Secret::expose) is the one way to read it, so every place that does is found
/// by its name.
///
/// ```
/// use entra_abstractions::Secret;
///
/// let secret = Secret::new("s3cret?%G&=");
/// assert_eq!(format!("{secret:?}"), "[redacted]");
/// assert_eq!(secret.expose(), "s3cret?%G&=");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes ownership of the value; copies that the caller keeps are the caller's to wipe.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing, or only white space, is behind the curtain.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // `String`'s own `zeroize` writes byte by byte, which for a token takes half as long as
        // hashing it. This is one `memset` over all that was allocated, and it stays.
        let mut bytes = mem::take(&mut self.0).into_bytes();
        bytes.clear();
        bytes.resize(bytes.capacity(), 0);
        optimization_barrier(bytes.as_slice());
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret that is a part of something: it is read where it lies, so that no copy of it is made.
///
/// As [`Secret`] it has no `Display` and no `Serialize`, and `Debug` prints `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretRef<'a>(&'a str);

impl<'a> SecretRef<'a> {
    /// What lies here; to wipe it is up to whoever owns it.
    pub fn new(value: &'a str) -> Self {
        Self(value)
    }

    /// The value itself.
    pub fn expose(self) -> &'a str {
        self.0
    }

    /// A copy that lives by itself.
    pub fn to_secret(self) -> Secret {
        Secret::new(self.0)
    }
}

impl fmt::Debug for SecretRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'a> From<&'a Secret> for SecretRef<'a> {
    fn from(secret: &'a Secret) -> Self {
        Self(secret.expose())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}
