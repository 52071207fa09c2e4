//! A claims request: what Entra must find out about the user or the application before it issues
//! the token. It comes in a challenge and goes back as it came.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose};
use serde_json::{Map, Value};

use crate::Misconfigured;

/// A claims request: a JSON object, kept as it was written.
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Claims(Arc<str>);

/// Longer than any real challenge; what is longer is not parsed.
const LONGEST: usize = 16 * 1024;

impl Claims {
    /// Takes a claims request: the JSON text itself, or the base64 form in which challenges carry
    /// it (`claims="eyJ.."`).
    ///
    /// # Errors
    /// [`Misconfigured`] when it is neither, or the JSON is not an object.
    pub fn new(text: &str) -> Result<Self, Misconfigured> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(Misconfigured::new("the claims are longer than 16 KiB"));
        }
        let json = if text.starts_with('{') { Some(text.to_owned()) } else { from_base64(text) };
        match json.as_deref().map(serde_json::from_str::<Map<String, Value>>) {
            Some(Ok(_)) => Ok(Self(json.unwrap_or_default().into())),
            _ => Err(Misconfigured::new("the claims are not a JSON object")
                .hint("pass them on as they came in the challenge")),
        }
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which a challenge carries them.
    pub fn to_base64(&self) -> String {
        general_purpose::STANDARD.encode(self.0.as_bytes())
    }

    /// These claims and the client capabilities (`xms_cc`), merged into one request: objects by
    /// member, lists joined without repetition.
    pub fn with_capabilities(claims: Option<&Self>, capabilities: &[String]) -> Option<Self> {
        if capabilities.is_empty() {
            return claims.cloned();
        }
        let values: Vec<Value> = capabilities.iter().map(|name| Value::from(name.as_str())).collect();
        let mut merged = serde_json::json!({"access_token": {"xms_cc": {"values": values}}});
        if let Some(Ok(asked)) = claims.map(|claims| serde_json::from_str(claims.as_str())) {
            merge(&mut merged, asked);
        }
        Some(Self(merged.to_string().into()))
    }
}

fn from_base64(text: &str) -> Option<String> {
    let bytes = general_purpose::STANDARD
        .decode(text)
        .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                match into.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => {
                        into.insert(name, value);
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for value in from {
                if !into.contains(&value) {
                    into.push(value);
                }
            }
        }
        (into, from) => *into = from,
    }
}

/// A policy's claims may name what it asks of a user, so only their size shows.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claims({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_or_base64() {
        let json = r#"{"access_token":{"nbf":{"essential":true,"value":"1701477303"}}}"#;
        let padded =
            "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzAxNDc3MzAzIn19fQ==";
        assert_eq!(Claims::new(padded).unwrap().as_str(), json);
        assert_eq!(Claims::new(json).unwrap().to_base64(), padded);
        for hostile in ["", "[]", "null", "{", "####", "eyJ", "bm90IGpzb24="] {
            assert!(Claims::new(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn capabilities_are_merged() {
        let asked = Claims::new(
            r#"{"access_token":{"nbf":{"essential":true},"xms_cc":{"values":["cp1"]}},"x":null}"#,
        )
        .unwrap();
        let merged = Claims::with_capabilities(Some(&asked), &["cp1".into(), "cp2".into()]).unwrap();
        let found: Value = serde_json::from_str(merged.as_str()).unwrap();
        assert_eq!(
            found,
            serde_json::json!({"access_token":{"nbf":{"essential":true},"xms_cc":{"values":["cp1","cp2"]}},"x":null})
        );
        assert_eq!(Claims::with_capabilities(None, &[]), None);
        assert_eq!(Claims::with_capabilities(Some(&asked), &[]).unwrap(), asked);
    }
}
