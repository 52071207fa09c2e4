//! What tells a token from another without showing it: the SHA-256 of its text.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{Misconfigured, SecretRef};

/// The SHA-256 of a token's text.
///
/// ```
/// use entra_abstractions::{Secret, TokenHash};
///
/// let hash = TokenHash::of(&Secret::new("test_token"));
/// assert_eq!(hash.to_string(), "cc0af97287543b65da2c7e1476426021826cab166f1e063ed012b855ff819656");
/// assert_eq!(TokenHash::parse(&hash.to_string())?, hash);
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "WithAccessTokenSha256ToRefresh")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of this token.
    pub fn of<'a>(token: impl Into<SecretRef<'a>>) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.into().expose().as_bytes()).as_ref());
        Self(hash)
    }

    /// Reads 64 hexadecimal digits, as [`Display`](fmt::Display) writes them.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is something else.
    pub fn parse(text: &str) -> Result<Self, Misconfigured> {
        let mut hash = [0; 32];
        let text = text.trim();
        if text.len() == 64 && text.is_ascii() {
            for (at, byte) in hash.iter_mut().enumerate() {
                let digits = text.get(at * 2..at * 2 + 2).filter(|digits| !digits.starts_with('+'));
                match digits.map(|digits| u8::from_str_radix(digits, 16)) {
                    Some(Ok(value)) => *byte = value,
                    _ => return Err(not_a_hash()),
                }
            }
            return Ok(Self(hash));
        }
        Err(not_a_hash())
    }
}

fn not_a_hash() -> Misconfigured {
    Misconfigured::new("this is not the SHA-256 of a token").hint("give 64 hexadecimal digits")
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Enough to tell two in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_no_hashes() {
        let plus = "+c".repeat(32);
        let umlaut = "\u{e4}".repeat(32);
        for text in ["", "cc0a", "zz", &"g".repeat(64), &plus, &umlaut, &"a".repeat(65)] {
            assert!(TokenHash::parse(text).is_err(), "{text}");
        }
    }
}
