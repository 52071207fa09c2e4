//! Compact JWS: takes one apart, checks its signature, writes one.
//!
//! Written on the primitives alone, so that no library of a client under test is also its judge.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use crate::keys::SigningKey;

/// A JWS whose signature has not been looked at yet.
pub(crate) struct Jws<'a> {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes `header.claims.signature` apart; `None` unless all three are what RFC 7515 says.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        let claims: Value = serde_json::from_slice(&decode(claims)?).ok()?;
        if !header.is_object() || !claims.is_object() {
            return None;
        }
        Some(Self { header, claims, signed, signature: decode(signature)? })
    }

    /// Whether the RSA key (PKCS#1 or SPKI, DER) made the signature. Only RS256 and PS256 exist here:
    /// `none` and the HMAC algorithms are refused whatever the key.
    pub(crate) fn verifies_with(&self, public_key: &[u8]) -> bool {
        let algorithm = match self.header.get("alg").and_then(Value::as_str) {
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, public_key).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }

    /// A claim that is text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A claim that is a time: a number, with a fraction where MSAL Python writes it, in quotes where MSAL.NET does.
    pub(crate) fn seconds(&self, claim: &str) -> Option<i64> {
        let written = match self.claims.get(claim)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        };
        // The fraction is dropped as text: a float has no exact way to whole seconds.
        written.split('.').next()?.parse().ok()
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }
}

/// Signs claims with RS256.
pub(crate) fn sign(key: &SigningKey, claims: &impl Serialize) -> String {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": key.id() });
    let signed = format!("{}.{}", encode(header.to_string()), encode(json!(claims).to_string()));
    let signature = encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{FOREIGN_KEY, KeyRing};

    #[test]
    fn a_signature_holds_for_its_own_key_and_text_only() {
        let key = KeyRing::new().current();
        let token = sign(&key, &json!({ "aud": "x", "exp": "17" }));
        let jws = Jws::parse(&token).unwrap();
        assert!(jws.verifies_with(&key.public_key()));
        assert!(!jws.verifies_with(&SigningKey::from_pem(FOREIGN_KEY).public_key()));
        assert_eq!(jws.seconds("exp"), Some(17));
        let other = format!("{}.{}", encode(r#"{"alg":"RS256"}"#), token.split_once('.').unwrap().1);
        assert!(!Jws::parse(&other).unwrap().verifies_with(&key.public_key()));
    }

    #[test]
    fn no_algorithm_and_no_dots_are_refused() {
        let key = KeyRing::new().current();
        let bare = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode("{}"));
        assert!(!Jws::parse(&bare).unwrap().verifies_with(&key.public_key()));
        assert!(Jws::parse("opaque").is_none());
        assert!(Jws::parse("a.b.c").is_none());
    }
}
