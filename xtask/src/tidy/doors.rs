//! Doors that each crate has once: the file that builds HTTP clients, the table of Entra's numbers.

use std::collections::BTreeSet;

use super::{Place, levels};
use crate::{
    repository::{File, Repository},
    rust_source::{self, Line, RustSource},
};

const BUILDS_A_CLIENT: &[&str] = &["Client::builder(", "Client::new(", "reqwest::ClientBuilder::new("];

/// A crate that speaks HTTP has exactly one `http.rs`, and builds its clients there.
pub(super) fn http(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    for member in repository.crates.iter().filter(|member| member.is_product()) {
        if !member.is_built_on("reqwest") {
            continue;
        }
        let doors = repository.sources(member).filter(|(file, _)| file.name() == "http.rs").count();
        if doors != 1 {
            let what = format!("depends on reqwest and has {doors} files named http.rs; one is wanted");
            places.push(Place::file(&format!("{}/src", member.folder), what));
        }
        for (file, rust) in repository.sources(member).filter(|(file, _)| file.name() != "http.rs") {
            for line in rust.production() {
                if let Some(call) = BUILDS_A_CLIENT.iter().find(|call| rust_source::names(&line.code, call)) {
                    let what = format!("{call}..) outside http.rs");
                    places.push(Place::line(&file.path, line.number, what));
                }
            }
        }
    }
    places
}

/// Numbers of Entra's errors stand in `aadsts.rs`; comments may quote them.
pub(super) fn aadsts(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    for member in repository.crates.iter().filter(|member| levels::is_library(member.name())) {
        let known = numbers_of_the_table(repository.sources(member).map(|(file, _)| file));
        for (file, rust) in repository.sources(member).filter(|(file, _)| file.name() != "aadsts.rs") {
            for line in rust.production() {
                if let Some(number) = number_in(line, &known) {
                    places.push(Place::line(&file.path, line.number, format!("{number} outside aadsts.rs")));
                }
            }
        }
    }
    places
}

fn numbers_of_the_table<'a>(files: impl Iterator<Item = &'a File>) -> BTreeSet<String> {
    files
        .filter(|file| file.name() == "aadsts.rs")
        .filter_map(|file| file.rust.as_ref())
        .flat_map(RustSource::production)
        .flat_map(|line| rust_source::words(&line.code))
        .filter_map(error_number)
        .collect()
}

fn number_in(line: &Line, known: &BTreeSet<String>) -> Option<String> {
    rust_source::words(&line.uncommented).find_map(|word| {
        let prefixed = word.find("AADSTS").and_then(|at| word.get(at + "AADSTS".len()..));
        if prefixed.is_some_and(|behind| behind.starts_with(|c: char| c.is_ascii_digit())) {
            return Some(word.to_owned());
        }
        error_number(word).filter(|number| known.contains(number))
    })
}

/// Entra's numbers have five to seven digits.
fn error_number(word: &str) -> Option<String> {
    let digits = word.replace('_', "");
    ((5..=7).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, member, of};

    #[test]
    fn clients_are_built_at_the_door() {
        let mut repository = of(&[
            ("crates/web-api/src/http.rs", "fn client() { reqwest::Client::builder() }"),
            (
                "crates/web-api/src/keys.rs",
                "// Client::new()\nfn f() { let c = reqwest::Client::new(); }\nfn g() { GraphClient::new(); }\n\
                 #[cfg(test)]\nmod tests { fn t() { reqwest::Client::new(); } }\n",
            ),
            ("crates/web-api/tests/it/main.rs", "fn t() { reqwest::Client::new(); }"),
            ("crates/settings/src/lib.rs", "fn f() { Client::new(); }"),
        ]);
        repository.crates = vec![member("crates/web-api", &["reqwest"]), member("crates/settings", &[])];
        assert_eq!(
            brief(&http(&repository)),
            ["crates/web-api/src/keys.rs:2 Client::new(..) outside http.rs"]
        );
    }

    #[test]
    fn there_is_one_door() {
        let mut repository = of(&[("crates/web-api/src/lib.rs", "")]);
        repository.crates = vec![member("crates/web-api", &["dev:reqwest"])];
        assert_eq!(http(&repository), []);
        repository.crates = vec![member("crates/web-api", &["reqwest"])];
        assert_eq!(
            brief(&http(&repository)),
            ["crates/web-api/src:0 depends on reqwest and has 0 files named http.rs; one is wanted"]
        );
    }

    #[test]
    fn numbers_stand_in_the_table() {
        let repository = of(&[
            ("crates/token-acquisition/src/wire/aadsts.rs", "const ROWS: &[u32] = &[65001, 500_133];"),
            (
                "crates/token-acquisition/src/plan.rs",
                "// AADSTS65001\nf(65_001);\nf(\"500133\");\nf(12345);\nf(\"AADSTS700016: x\");\nf(\"AADSTS{n}\");",
            ),
            ("crates/emulator/src/refusal.rs", "f(\"AADSTS65001\");"),
        ]);
        assert_eq!(
            brief(&aadsts(&repository)),
            [
                "crates/token-acquisition/src/plan.rs:2 65001 outside aadsts.rs",
                "crates/token-acquisition/src/plan.rs:3 500133 outside aadsts.rs",
                "crates/token-acquisition/src/plan.rs:5 AADSTS700016 outside aadsts.rs",
            ]
        );
    }
}
