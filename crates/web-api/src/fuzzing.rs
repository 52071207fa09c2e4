//! The fuzz target of tokens before their signature is checked. Compiled with `--cfg fuzzing`, and
//! for tests, which play its corpus once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    json::Members,
    token::{Header, Token},
};

/// A header that is accepted can be read in one way only, asks for nothing that is not understood,
/// and is the same when it is written again. (A flaw is a fixed text: its type repeats nothing.)
///
/// # Panics
/// Where that does not hold.
pub fn jwt_header(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(token) = Token::split(&text) else { return };
    assert!(text.len() <= 256_000 && text.matches('.').count() == 2, "no compact JWS");
    if let Ok(header) = token.read_header() {
        assert_header(&token, &header);
    }
    if let Ok(signature) = token.signature() {
        assert!(text.ends_with(&URL_SAFE_NO_PAD.encode(signature)), "two spellings of one signature");
    }
    if let Ok(payload) = token.payload() {
        assert_members(&token, &payload);
    }
}

fn assert_header(token: &Token<'_>, header: &Header) {
    let decoded = URL_SAFE_NO_PAD.decode(token.header).unwrap_or_default();
    assert_eq!(URL_SAFE_NO_PAD.encode(&decoded), token.header, "two spellings of one header");
    let found = serde_json::from_slice::<Map<String, Value>>(&decoded);
    let found = found.unwrap_or_default();
    assert_eq!(found.get("alg").and_then(Value::as_str), Some(header.algorithm.name()));
    assert_eq!(found.get("kid").and_then(Value::as_str), Some(header.kid.as_str()));
    assert!(!found.contains_key("crit") && !found.contains_key("zip"), "an extension was passed over");
    assert_eq!(found.contains_key("nonce"), header.is_for_graph);

    let written = format!("{}.e30.", URL_SAFE_NO_PAD.encode(Value::Object(found).to_string()));
    let again = Token::split(&written).and_then(|token| token.read_header());
    assert!(again.is_ok_and(|again| again.kid == header.kid && again.algorithm == header.algorithm));
}

/// What is taken for an object is one to others too, and has each member once.
fn assert_members(token: &Token<'_>, payload: &str) {
    assert!(token.signed.ends_with(&URL_SAFE_NO_PAD.encode(payload)), "two spellings of one payload");
    let Some(members) = Members::read(payload) else { return };
    let others = serde_json::from_str::<Map<String, Value>>(payload);
    let is_same = others.is_ok_and(|others| {
        others.iter().all(|(name, value)| {
            members.text(name) == value.as_str() && (members.get(name).is_some() || value.is_null())
        })
    });
    assert!(is_same, "another reader finds other members");
    for name in ["exp", "nbf", "iat"] {
        let seconds = members.get(name).and_then(crate::json::Item::seconds);
        assert!(seconds.is_none() || members.has(name));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_corpus_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/jwt_header");
        let mut count = 0;
        for entry in fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            jwt_header(&fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 0, "there is no corpus");
    }
}
