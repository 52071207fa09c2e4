//! Says what is wrong with a TOML text: the line and the fault, never the text, which may be a secret.

/// One line of text about an error of the parser.
pub(crate) fn say(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}
