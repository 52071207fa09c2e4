//! What a recorded token is like, read with code of its own: as leniently as anybody could, so
//! that it can be said why we refuse it.

use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// A token, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Token {
    signed: String,
    signature: String,
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    /// One reader would take it for something else than another: padding or spare bits, a member
    /// that stands twice, something behind the JSON.
    pub(crate) is_ambiguous: bool,
}

impl Token {
    /// Reads the token of an `Authorization` header.
    pub(crate) fn of(authorization: &str) -> Option<Self> {
        let (scheme, token) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return None;
        }
        let (signed, signature) = token.trim().rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let (header_text, payload_text) = (decode(header)?, decode(payload)?);
        let is_canonical =
            |segment: &str| URL_SAFE_NO_PAD.decode(segment).is_ok() || decode(segment).is_none();
        let is_ambiguous = ![header, payload, signature].into_iter().all(is_canonical)
            || !is_one_object(&header_text)
            || !is_one_object(&payload_text);
        Some(Self {
            signed: signed.to_owned(),
            signature: signature.to_owned(),
            header: first_object(&header_text).unwrap_or_default(),
            claims: first_object(&payload_text).unwrap_or_default(),
            is_ambiguous,
        })
    }

    /// A member of the header that is a text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// A claim that is a text.
    pub(crate) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// Whether this JWK signed it, with the algorithm that the header says.
    pub(crate) fn is_signed_by(&self, jwk: &Value) -> bool {
        let part = |name: &str| jwk.get(name).and_then(Value::as_str).and_then(decode);
        let algorithm: &'static RsaParameters = match self.header("alg") {
            Some("RS256") => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            Some("RS384") => &RSA_PKCS1_2048_8192_SHA384,
            Some("RS512") => &RSA_PKCS1_2048_8192_SHA512,
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            Some("PS384") => &RSA_PSS_2048_8192_SHA384,
            Some("PS512") => &RSA_PSS_2048_8192_SHA512,
            _ => return false,
        };
        let (Some(n), Some(e), Some(signature)) = (part("n"), part("e"), decode(&self.signature)) else {
            return false;
        };
        RsaPublicKeyComponents { n, e }.verify(algorithm, self.signed.as_bytes(), &signature).is_ok()
    }
}

/// The bits of base64url text, whatever surrounds them.
pub(crate) fn decode(segment: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(segment).ok()
}

fn first_object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::Deserializer::from_slice(text).into_iter::<Map<String, Value>>().next()?.ok()
}

fn is_one_object(text: &[u8]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.deserialize_map(EachOnce).is_ok_and(|each_once| each_once) && reader.end().is_ok()
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut names = Vec::<String>::new();
        while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
            names.push(name);
        }
        let all = names.len();
        names.sort();
        names.dedup();
        Ok(names.len() == all)
    }
}
