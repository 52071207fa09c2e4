//! Reads an RSA public key from a JWK.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The key as SPKI DER; `None` unless it is an RSA key.
pub(crate) fn public_key(jwk: &Value) -> Option<Vec<u8>> {
    let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
    let components = PublicKeyComponents { n: part("n")?, e: part("e")? };
    let der: PublicKeyX509Der<'_> = components.as_der().ok()?;
    Some(der.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::{self, Jws};
    use crate::keys::KeyRing;

    #[test]
    fn a_published_key_verifies_what_it_signed() {
        let ring = KeyRing::new();
        let token = jwt::sign(&ring.current(), &json!({ "sub": "x" }));
        let key = public_key(&ring.jwks()["keys"][0]).unwrap();
        assert!(Jws::parse(&token).unwrap().verifies_with(&key));
        assert_eq!(public_key(&json!({ "kty": "EC" })), None);
    }
}
