//! Reads JSON as people write it in configuration: with comments and trailing commas.
//!
//! What is wrong is told with its place; no value of the text gets into a message.

use entra_abstractions::Misconfigured;
use jsonc_parser::{
    CollectOptions, ParseOptions, ParseStringErrorKind, ast,
    errors::{ParseError, ParseErrorKind},
    parse_to_ast,
};
use serde_json::{Map, Number, Value};

/// The members of the object that the text holds. `name` says in messages where the text is from.
pub(crate) fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Misconfigured> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS)
        .map_err(|error| fault(&error).at(place(name, error.line_display(), error.column_display())))?;
    let reader = Reader { name, text };
    match parsed.value {
        Some(ast::Value::Object(object)) => reader.members("", object),
        _ => Err(Misconfigured::new("the text is not a JSON object").at(name).hint("begin it with {")),
    }
}

/// The text in bytes as editors save it: UTF-8, with or without a byte order mark, or UTF-16 with
/// one, which .NET reads too.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<String, Misconfigured> {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().copied().map(from).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    text.ok_or_else(|| Misconfigured::new("the text is not UTF-8").at(name).hint("save the file as UTF-8"))
}

/// What the parser would allow beyond comments and trailing commas is a slip of the pen here, as
/// it is for .NET.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn members(&self, path: &str, object: ast::Object<'_>) -> Result<Map<String, Value>, Misconfigured> {
        let mut members = Map::new();
        for property in object.properties {
            let start = property.range.start;
            let key = property.name.into_string();
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            // .NET refuses two keys that differ only in case: they are one to whoever reads them.
            if members.keys().any(|known: &String| known.eq_ignore_ascii_case(&key)) {
                return Err(Misconfigured::new(format!("{path} is written twice"))
                    .at(self.place_of(start))
                    .hint("keys that differ only in case are the same"));
            }
            members.insert(key, self.value(&path, property.value)?);
        }
        Ok(members)
    }

    fn value(&self, path: &str, value: ast::Value<'_>) -> Result<Value, Misconfigured> {
        Ok(match value {
            ast::Value::Object(object) => Value::Object(self.members(path, object)?),
            ast::Value::Array(array) => Value::Array(
                array
                    .elements
                    .into_iter()
                    .enumerate()
                    .map(|(index, element)| self.value(&format!("{path}[{index}]"), element))
                    .collect::<Result<_, _>>()?,
            ),
            ast::Value::StringLit(text) => Value::String(text.value.into_owned()),
            ast::Value::NumberLit(number) => {
                let start = number.range.start;
                Value::Number(number.value.parse::<Number>().map_err(|_source| {
                    Misconfigured::new(format!("{path} is not a number")).at(self.place_of(start))
                })?)
            }
            ast::Value::BooleanLit(flag) => Value::Bool(flag.value),
            ast::Value::NullKeyword(_) => Value::Null,
        })
    }

    fn place_of(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        place(self.name, before.matches('\n').count() + 1, column)
    }
}

fn place(name: &str, line: usize, column: usize) -> String {
    format!("{name}, line {line}, column {column}")
}

fn fault(error: &ParseError) -> Misconfigured {
    let text = match error.kind() {
        // The one message that repeats a piece of the text, which may be a secret's.
        ParseErrorKind::String(ParseStringErrorKind::InvalidUnicodeEscapeSequence(_)) => {
            "invalid unicode escape sequence".to_owned()
        }
        kind => kind.to_string(),
    };
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    Misconfigured::new(format!("not JSON: {}", first.into_iter().chain(letters).collect::<String>()))
}

#[cfg(test)]
mod tests;
