//! What an error spells out, and what of an input must not be in it.

use std::{error::Error, fmt::Write};

use serde_json::Value;

/// Everything that a log could show of an error: its text, its sources' and their `Debug`.
pub(crate) fn spelled(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut link = Some(error);
    while let Some(error) = link {
        let _ = writeln!(text, "{error}\n{error:?}");
        link = error.source();
    }
    text
}

/// The texts of a JSON tree that are secrets, by the key that leads to them. What stands elsewhere
/// in the tree too is none.
pub(crate) fn secrets(tree: &Value, is_secret: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut secret, mut open) = (Vec::new(), Vec::new());
    sort(tree, "", &is_secret, &mut secret, &mut open);
    secret.retain(|text| is_telling(text) && !open.iter().any(|open| open.contains(text.as_str())));
    secret
}

/// Whether a text, found in an error, came from the input: the fuzzer soon writes inputs that hold
/// words of our own sentences, but those have none of these characters.
pub(crate) fn is_telling(secret: &str) -> bool {
    secret.len() >= 8 && secret.contains(['~', '%', '&'])
}

fn sort(
    tree: &Value,
    key: &str,
    is_secret: &impl Fn(&str) -> bool,
    secret: &mut Vec<String>,
    open: &mut Vec<String>,
) {
    match tree {
        Value::Object(members) => {
            for (key, value) in members {
                open.push(key.clone());
                sort(value, key, is_secret, secret, open);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| sort(item, key, is_secret, secret, open)),
        Value::String(text) if is_secret(key) => secret.push(text.clone()),
        Value::String(text) => open.push(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
