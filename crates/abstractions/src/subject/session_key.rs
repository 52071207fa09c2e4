//! The name of a long-running session: whoever holds it gets tokens of the user who began it.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Misconfigured, Secret};

/// The key of a long-running session on behalf of a user: begun while the user is here
/// ([`keep_as`](crate::OnBehalfOf::keep_as)), used when they are gone
/// ([`User::Session`](crate::User::Session)).
///
/// [`allocate`](Self::allocate) makes one that nobody can guess; [`new`](Self::new) takes a name
/// that the program has already, such as the id of a job. Keep [`expose`](Self::expose) beside the
/// work item, in the row of its queue, and [`parse`](str::parse) it when the work is taken up.
///
/// ```
/// use entra_abstractions::SessionKey;
///
/// let key = SessionKey::allocate();
/// let row = key.expose().to_owned(); // beside the work item
/// assert_eq!(row.parse::<SessionKey>()?, key);
/// assert!(!format!("{key:?}").contains(&row));
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
///
/// # Security
/// The key opens what a user entrusted to this application: it is a secret, and prints as such.
/// Never take one from a caller's request without a check that the work item is theirs, and do not
/// use one again for another user: other instances may still hold tokens of the session that ended.
#[doc(alias = "LongRunningWebApiSessionKey")]
#[doc(alias = "LongRunningWebApiSessionKeyAuto")]
#[doc(alias = "AllocateForMe")]
#[doc(alias = "ILongRunningWebApi")]
#[derive(Clone)]
pub struct SessionKey(Arc<Inner>);

struct Inner {
    text: Secret,
    sha256: [u8; 32],
}

/// With which .NET asks for a key to be made. As a key it would be one that all users share.
const ALLOCATE_FOR_ME: &str = "AllocateForMe";

const LONGEST: usize = 1024;

impl SessionKey {
    /// A new key: 256 random bits, as 43 characters that any store and URL takes.
    ///
    /// # Panics
    /// Where the system gives no random bytes: it can open no TLS connection either.
    #[expect(clippy::expect_used, reason = "without randomness nothing here can work")]
    pub fn allocate() -> Self {
        let mut random = [0; 32];
        rand::fill(&mut random).expect("the system gives random bytes");
        Self::of(Secret::new(URL_SAFE_NO_PAD.encode(random)))
    }

    /// A key that the program has already: the id of a job, a row, a message. Each user's work
    /// needs a key of its own.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is empty, longer than 1024 bytes, begins or ends with white
    /// space, or holds control characters; and for .NET's `AllocateForMe`, which is no key.
    pub fn new(text: impl Into<String>) -> Result<Self, Misconfigured> {
        let secret = Secret::new(text);
        let text = secret.expose();
        if text.trim().eq_ignore_ascii_case(ALLOCATE_FOR_ME) {
            return Err(Misconfigured::new("AllocateForMe is not a session key but a request to make one")
                .hint(
                    "in code, pass SessionKey::allocate() to keep_as, and keep what it exposes beside the work item",
                ));
        }
        if text.is_empty() || text.len() > LONGEST {
            return Err(Misconfigured::new("the session key is empty or longer than 1024 bytes")
                .hint("name the session as its work item is named, or allocate a key"));
        }
        if text.trim().len() != text.len() || text.chars().any(char::is_control) {
            return Err(Misconfigured::new(
                "the session key begins or ends with white space, or holds control characters",
            )
            .hint("pass it as it was exposed"));
        }
        Ok(Self::of(secret))
    }

    fn of(text: Secret) -> Self {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, text.expose().as_bytes()).as_ref());
        Self(Arc::new(Inner { text, sha256 }))
    }

    /// The key itself, to be kept beside the work item.
    pub fn expose(&self) -> &str {
        self.0.text.expose()
    }

    /// The digest by which the session is found.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }
}

impl FromStr for SessionKey {
    type Err = Misconfigured;

    fn from_str(text: &str) -> Result<Self, Misconfigured> {
        Self::new(text)
    }
}

impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        self.sha256() == other.sha256()
    }
}

impl Eq for SessionKey {}

impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sha256().hash(state);
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocated_key_is_long_and_its_own() {
        let (one, other) = (SessionKey::allocate(), SessionKey::allocate());
        assert_ne!(one, other);
        assert_eq!(URL_SAFE_NO_PAD.decode(one.expose()).unwrap().len(), 32);
    }

    #[test]
    fn what_is_no_key() {
        for text in ["", " ", "\tjob", "job-17\n", "a\u{0}b", &"x".repeat(1025)] {
            assert!(SessionKey::new(text).is_err(), "{text:?}");
        }
        for text in ["job-17", "o'hara job %&=", "ключ", &"x".repeat(1024)] {
            assert_eq!(SessionKey::new(text).unwrap().expose(), text);
        }
    }

    #[test]
    fn the_sentinel_of_dotnet_is_told_what_to_write() {
        for text in ["AllocateForMe", "allocateforme", " AllocateForMe "] {
            let error = text.parse::<SessionKey>().unwrap_err().to_string();
            assert!(error.contains("SessionKey::allocate()"), "{error}");
        }
    }

    #[test]
    fn neither_an_error_nor_debug_tells_it() {
        let error = SessionKey::new("s3cret?%G&=\n").unwrap_err();
        let key = SessionKey::new("s3cret?%G&=").unwrap();
        assert!(!format!("{error} {error:?} {key:?}").contains("s3cret"));
    }
}
