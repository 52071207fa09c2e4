//! The access token with which a user called this API: the proof that the user is here.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{Misconfigured, Secret};

/// The access token of a user who called this API, to be exchanged on their behalf.
///
/// Take it from a *validated* request: `web-api`'s `AuthenticatedUser` is one (`AsRef`). It is
/// compared and kept by its SHA-256, which is taken once, when it is first asked for. Cloning is
/// cheap.
///
/// ```
/// use entra_abstractions::UserAssertion;
///
/// let assertion = UserAssertion::new("eyJ0eXAi.eyJ0aWQi.c2ln")?;
/// assert!(!format!("{assertion:?}").contains("eyJ0"));
/// assert!(UserAssertion::new(" ").is_err());
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "BootstrapToken")]
#[derive(Clone)]
pub struct UserAssertion(Arc<Inner>);

struct Inner {
    token: Secret,
    sha256: OnceLock<[u8; 32]>,
}

impl UserAssertion {
    /// Takes the token as it came, without the `Bearer` before it.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is empty or holds characters that no token has: the request had
    /// no user, or the header was passed on whole.
    pub fn new(token: impl Into<String>) -> Result<Self, Misconfigured> {
        let token = Secret::new(token);
        if token.is_blank() {
            return Err(Misconfigured::new("there is no user: their access token is empty")
                .hint("call as the application, or pass the token with which the user called this API"));
        }
        // Gathered, not searched, so that many bytes are looked at together: tokens are long.
        if token.expose().bytes().fold(0, |odd, b| odd | u8::from(matches!(b, 0..=b' ' | 0x7f))) != 0 {
            return Err(Misconfigured::new("the user's access token holds white space")
                .hint("pass the token alone, without `Bearer` and line breaks"));
        }
        Ok(Self(Arc::new(Inner { token, sha256: OnceLock::new() })))
    }

    /// The token itself.
    pub fn token(&self) -> &Secret {
        &self.0.token
    }

    /// The digest by which it is kept.
    pub fn sha256(&self) -> &[u8; 32] {
        self.0.sha256.get_or_init(|| {
            let mut sha256 = [0; 32];
            sha256.copy_from_slice(digest(&SHA256, self.0.token.expose().as_bytes()).as_ref());
            sha256
        })
    }
}

impl PartialEq for UserAssertion {
    fn eq(&self, other: &Self) -> bool {
        self.sha256() == other.sha256()
    }
}

impl Eq for UserAssertion {}

impl Hash for UserAssertion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sha256().hash(state);
    }
}

impl AsRef<UserAssertion> for UserAssertion {
    fn as_ref(&self) -> &UserAssertion {
        self
    }
}

impl fmt::Debug for UserAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserAssertion([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn known_digest() {
        let assertion = UserAssertion::new("user-assertion-1").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(assertion.sha256()), "8A4yIUqz-wAUlE-2yn2nDEk2Z-zG-wPV6AbxvYDDoRU");
    }
}
