//! The signing keys of an authority, parsed once, and the issuers they sign for.

use std::sync::OnceLock;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Flaw,
    algorithm::Algorithm,
    token::{Header, Token},
};

/// A JWK set as it is served (RFC 7517). Keys that cannot be used are passed over one by one.
#[derive(Debug, Deserialize)]
pub(crate) struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: String,
    e: String,
    /// Entra's own member: whose tokens the key signs, with `{tenantid}` where it is everybody's.
    issuer: Option<String>,
}

/// A key that may sign tokens.
#[derive(Debug)]
pub(crate) struct Key {
    kid: String,
    /// One parsed key for each algorithm that it may be used with.
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
    pub(crate) issuer: Option<String>,
    /// The header of the first token that it signed, as it stood there. All tokens of a key begin
    /// with the same one, so that it need not be read again.
    header: OnceLock<(String, Header)>,
}

/// The keys of one key set.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

/// More than any authority has; the rest of a hostile set is not looked at.
const MOST: usize = 256;

impl Keys {
    pub(crate) fn new(set: JwkSet, algorithms: &[Algorithm]) -> Self {
        Self(set.keys.into_iter().take(MOST).filter_map(|key| Key::parse(key, algorithms)).collect())
    }

    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid == kid)
    }

    /// Whether no key of the set can check anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|key| key.parsed.is_empty())
    }

    /// What this header says, where a good token began with it before.
    pub(crate) fn remembered(&self, header: &str) -> Option<&Header> {
        let mut remembered = self.0.iter().filter_map(|key| key.header.get());
        remembered.find(|(known, _)| known == header).map(|(_, header)| header)
    }

    /// The key that signed the token. Only keys of the name that it gives are tried; two keys may
    /// share one while a key is being replaced.
    pub(crate) fn verify(&self, token: &Token<'_>, header: &Header) -> Result<&Key, Flaw> {
        let signature = token.signature()?;
        let mut flaw = Flaw::UnknownKey;
        for key in self.0.iter().filter(|key| key.kid == header.kid) {
            let Some((_, parsed)) = key.parsed.iter().find(|(known, _)| *known == header.algorithm) else {
                flaw = Flaw::Algorithm;
                continue;
            };
            if parsed.verify_sig(token.signed.as_bytes(), &signature).is_ok() {
                key.header.get_or_init(|| (token.header.to_owned(), header.clone()));
                return Ok(key);
            }
            flaw = if header.is_for_graph { Flaw::ForGraph } else { Flaw::Signature };
        }
        Err(flaw)
    }
}

impl Key {
    fn parse(jwk: Value, algorithms: &[Algorithm]) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let signs = jwk.kty == "RSA" && jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        if !signs || jwk.kid.is_empty() {
            return None;
        }
        let (n, e) = (URL_SAFE_NO_PAD.decode(&jwk.n).ok()?, URL_SAFE_NO_PAD.decode(&jwk.e).ok()?);
        let (n, e) = (number(&n), number(&e));
        // The parsed key would refuse a short one at each use; it is not taken in at all.
        if n.len() < 256 {
            return None;
        }
        let parsed = algorithms
            .iter()
            .filter(|algorithm| jwk.alg.as_deref().is_none_or(|alg| alg == algorithm.name()))
            .filter_map(|algorithm| {
                let components = RsaPublicKeyComponents { n, e };
                Some((*algorithm, components.to_parsed_public_key(algorithm.parameters()).ok()?))
            })
            .collect();
        Some(Self { kid: jwk.kid, parsed, issuer: jwk.issuer, header: OnceLock::new() })
    }
}

/// Without the zeros in front: some issuers write numbers with a sign byte.
fn number(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_set_without_a_key_that_can_check_anything_is_empty() {
        let number = URL_SAFE_NO_PAD.encode([0xff; 256]);
        let set = |keys: Value| Keys::new(serde_json::from_value(keys).unwrap(), &[Algorithm::Rs256]);
        for key in [
            json!({"kty": "RSA", "kid": "k", "n": number, "e": ""}),
            json!({"kty": "RSA", "kid": "k", "n": number, "e": "AQAB", "alg": "PS256"}),
            json!({"kty": "RSA", "kid": "k", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "n": number, "e": "AQAB", "use": "enc"}),
            json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0"}),
            json!("k"),
        ] {
            assert!(set(json!({"keys": [key]})).is_empty(), "{key}");
        }
        let good = json!({"kty": "RSA", "kid": "k", "n": number, "e": "AQAB"});
        assert!(!set(json!({"keys": [5, good]})).is_empty());
    }
}
