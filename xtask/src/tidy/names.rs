//! Names of files and types that say nothing, or say C#.

use super::Place;
use crate::{repository::Repository, rust_source};

/// Words that are about nothing. (`handler` is left out: in some rooms it does handle HTTP.)
const EMPTY: &[&str] = &[
    "util",
    "utils",
    "utility",
    "utilities",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "managers",
    "data",
    "info",
    "options2",
];

const DECLARES_A_TYPE: &[&str] = &["struct", "enum", "union", "trait", "type"];

pub(super) fn check(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    for (file, rust) in repository.rust() {
        let parts = file.path.trim_end_matches(".rs").split(['/', '_', '-']);
        if let Some(word) = parts.map(str::to_ascii_lowercase).find(|part| EMPTY.contains(&part.as_str())) {
            places.push(Place::file(&file.path, format!("the path holds the word {word}")));
        }
        for line in rust.production() {
            let words: Vec<&str> = rust_source::words(&line.code).collect();
            for pair in words.windows(2) {
                if let [keyword, name] = pair
                    && DECLARES_A_TYPE.contains(keyword)
                    && let Some(fault) = fault_of(name)
                {
                    places.push(Place::line(&file.path, line.number, format!("the type {name} {fault}")));
                }
            }
        }
    }
    places
}

fn fault_of(name: &str) -> Option<String> {
    let words = split(name);
    if let Some(word) = words.iter().find(|word| EMPTY.contains(&word.to_ascii_lowercase().as_str())) {
        return Some(format!("holds the word {word}"));
    }
    match (words.first()?.as_str(), words.last()?.as_str()) {
        (_, "Impl") => Some("ends in Impl".to_owned()),
        (first @ ("I" | "Base" | "Default"), _) if words.len() > 1 => Some(format!("begins with {first}")),
        _ => None,
    }
}

/// `IHttpClient` is `I`, `Http`, `Client`; `TLSPort` is `T`, `L`, `S`, `Port`, which harms nobody.
fn split(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, of};

    fn check_type(name: &str, expected: Option<&str>) {
        assert_eq!(fault_of(name).as_deref(), expected, "{name}");
    }

    #[test]
    fn names_that_say_nothing() {
        check_type("TokenManager", Some("holds the word Manager"));
        check_type("ClientInfo", Some("holds the word Info"));
        check_type("ITokenAcquirer", Some("begins with I"));
        check_type("BaseClient", Some("begins with Base"));
        check_type("DefaultClock", Some("begins with Default"));
        check_type("ClockImpl", Some("ends in Impl"));
    }

    #[test]
    fn names_that_only_look_like_them() {
        for name in ["IdToken", "Base64Text", "Information", "Database", "Issuer", "Implicit", "Default"] {
            check_type(name, None);
        }
    }

    #[test]
    fn files_and_declarations_are_looked_at() {
        let repository = of(&[
            ("crates/web-api/src/http_utils.rs", "//! x\n"),
            (
                "crates/web-api/src/user.rs",
                "//! struct UserInfo\npub(crate) struct UserInfo<'a>;\nlet data = 1;\n",
            ),
        ]);
        assert_eq!(
            brief(&check(&repository)),
            [
                "crates/web-api/src/http_utils.rs:0 the path holds the word utils",
                "crates/web-api/src/user.rs:2 the type UserInfo holds the word Info",
            ]
        );
    }
}
