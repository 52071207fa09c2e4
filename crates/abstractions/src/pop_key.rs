//! A key of the caller's own, to which a token is bound: whoever shows the token must prove that
//! they hold the key (proof of possession).

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::Misconfigured;

/// The public half of a key that the caller holds. Entra writes it into the token (`cnf`), and the
/// API asks for a signature by its private half, which never leaves the caller.
///
/// ```
/// use entra_abstractions::{PopKey, Scheme};
///
/// // As .NET's `PopPublicKey`: base64url of `{"kid":"<thumbprint>"}`.
/// let scheme = Scheme::Pop(PopKey::new("eyJraWQiOiJhYmMifQ")?);
/// assert_eq!(scheme.as_str(), "pop");
/// // As .NET's `PopClaim`: the key as JSON; its tokens are shown as `Bearer`.
/// let scheme = Scheme::Pop(PopKey::of_claim(r#"{"kid":"abc"}"#)?);
/// assert_eq!(scheme.as_str(), "Bearer");
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "PopPublicKey")]
#[doc(alias = "PopClaim")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PopKey {
    confirmation: Arc<str>,
    shown_as: &'static str,
}

/// Far longer than a key or its thumbprint.
const LONGEST: usize = 8 * 1024;

impl PopKey {
    /// Takes what the token request says of the key (`req_cnf`): base64url, as it goes on the wire.
    /// The token is shown as `pop`, by an API's own rules on how the proof goes along.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is empty or not base64.
    pub fn new(confirmation: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let text = confirmation.as_ref().trim();
        let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b);
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_base64) {
            return Err(Misconfigured::new("the public key is not base64url")
                .hint("give what req_cnf is to hold: base64url of {\"kid\":\"<thumbprint of the key>\"}"));
        }
        Ok(Self { confirmation: text.into(), shown_as: "pop" })
    }

    /// Takes the key as a JSON object: a JWK, or `{"kid": ..}`. The token is bound to it, yet shown
    /// as `Bearer`: the protocol of the API says how the proof goes along.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is no JSON object.
    pub fn of_claim(claim: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let text = claim.as_ref().trim();
        if text.len() > LONGEST
            || !serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|key| !key.is_empty())
        {
            return Err(Misconfigured::new("the claim of the key is not a JSON object")
                .hint("give the public key as a JWK, or its thumbprint as {\"kid\":\"..\"}"));
        }
        Ok(Self { confirmation: URL_SAFE_NO_PAD.encode(text).into(), shown_as: "Bearer" })
    }

    /// What the token request says of the key: `req_cnf`.
    pub fn confirmation(&self) -> &str {
        &self.confirmation
    }

    pub(crate) fn shown_as(&self) -> &'static str {
        self.shown_as
    }
}

/// A public key is no secret, but nobody wants to read one.
impl fmt::Debug for PopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PopKey({} bytes, shown as {})", self.confirmation.len(), self.shown_as)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_base64_or_json() {
        assert_eq!(PopKey::of_claim(r#"{"kid":"abc"}"#).unwrap().confirmation(), "eyJraWQiOiJhYmMifQ");
        assert_eq!(PopKey::new(" cG9wa2V5 ").unwrap().confirmation(), "cG9wa2V5");
        for hostile in ["", " ", "a&token_type=Bearer", "a\nb", r#"{"kid":"abc"}"#] {
            assert!(PopKey::new(hostile).is_err(), "{hostile:?}");
        }
        for hostile in ["", "{}", "[]", "null", "eyJ", "{"] {
            assert!(PopKey::of_claim(hostile).is_err(), "{hostile:?}");
        }
    }
}
