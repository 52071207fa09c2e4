//! Rules about the lines of a file.

use super::Place;
use crate::{
    repository::{File, Repository},
    rust_source::{Line, RustSource},
};

const LONGEST: usize = 450;

/// Beginnings of absolute paths that exist on one machine only; in two pieces each, because this
/// file is looked at too.
const OF_A_MACHINE: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
];

pub(super) fn front_sentence(repository: &Repository) -> Vec<Place> {
    let begins_well = |line: &Line| {
        let text = line.text.as_str();
        text.strip_prefix("//!").is_some_and(|sentence| !sentence.trim().is_empty())
            || text.starts_with("#![doc = include_str!(")
    };
    repository
        .rust()
        .filter(|(_, rust)| !rust.lines().first().is_some_and(begins_well))
        .map(|(file, _)| Place::line(&file.path, 1, "line one is no `//!` sentence"))
        .collect()
}

pub(super) fn length(repository: &Repository) -> Vec<Place> {
    repository
        .rust()
        .map(|(file, rust)| (file, rust.production().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(file, lines)| Place::file(&file.path, format!("{lines} lines without its tests")))
        .collect()
}

pub(super) fn globs(repository: &Repository) -> Vec<Place> {
    each_line(repository, |file, line| {
        let code = line.code.trim_start();
        let imports = code.starts_with("use ") || code.starts_with("pub use ") || code.starts_with("pub(");
        let is_glob = imports && code.contains("use ") && code.contains("::*");
        (is_glob && !line.is_test).then(|| Place::line(&file.path, line.number, code.trim_end()))
    })
}

pub(super) fn unfinished(repository: &Repository) -> Vec<Place> {
    each_line(repository, |file, line| {
        let word = ["TODO", "FIXME", "XXX", "HACK"].into_iter().find(|word| line.comment_has(word))?;
        let has_issue = line.text.split(word).skip(1).all(|behind| {
            let number = behind.strip_prefix("(#").and_then(|rest| rest.split(')').next());
            word == "TODO" && number.is_some_and(|number| number.parse::<u32>().is_ok())
        });
        (!has_issue).then(|| Place::line(&file.path, line.number, format!("{word} without an issue")))
    })
}

pub(super) fn attributes(repository: &Repository) -> Vec<Place> {
    each_line(repository, |file, line| {
        let code: String = line.code.split_whitespace().collect();
        let found = ["[allow(", "[ignore", "[should_panic"]
            .into_iter()
            .find(|mark| code.contains(&format!("#{mark}")) || code.contains(&format!("#!{mark}")))?;
        Some(Place::line(&file.path, line.number, format!("#{})]", found.trim_end_matches('('))))
    })
}

pub(super) fn machine_paths(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    for file in &repository.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(path) = OF_A_MACHINE.iter().find(|path| begins_path(line, path)) {
                places.push(Place::line(&file.path, index + 1, format!("a path below {path}")));
            }
        }
    }
    places
}

/// Whether the words begin a path here, rather than being the middle of a URL or of a longer one.
fn begins_path(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=<,:".contains(c))
    })
}

fn each_line(repository: &Repository, rule: impl Fn(&File, &Line) -> Option<Place>) -> Vec<Place> {
    let lines = |rust: &'_ RustSource, file: &File| -> Vec<Place> {
        rust.lines().iter().filter_map(|line| rule(file, line)).collect()
    };
    repository.rust().flat_map(|(file, rust)| lines(rust, file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, of};

    const PATH: &str = "crates/web-api/src/user.rs";

    fn check(rule: fn(&Repository) -> Vec<Place>, text: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|line| format!("{PATH}:{line}")).collect();
        assert_eq!(brief(&rule(&of(&[(PATH, text)]))), expected, "{text}");
    }

    #[test]
    fn line_one() {
        check(front_sentence, "//! The user.\n", &[]);
        check(front_sentence, "#![doc = include_str!(\"../README.md\")]\n", &[]);
        check(front_sentence, "//!\n//! The user.\n", &["1 line one is no `//!` sentence"]);
        check(front_sentence, "\n//! The user.\n", &["1 line one is no `//!` sentence"]);
        check(front_sentence, "", &["1 line one is no `//!` sentence"]);
    }

    #[test]
    fn tests_do_not_count_as_length() {
        let tests = "\n    fn t() {}".repeat(100);
        let text = format!("{}#[cfg(test)]\nmod tests {{{tests}\n}}\n", "fn f() {}\n".repeat(450));
        check(length, &text, &[]);
        check(length, &format!("fn g() {{}}\n{text}"), &["0 451 lines without its tests"]);
    }

    #[test]
    fn globs_are_for_tests() {
        check(globs, "use a::b;\n// use a::*;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n", &[]);
        check(globs, "pub use a::*;\n", &["1 pub use a::*;"]);
        check(globs, "pub(crate) use a::*;\n", &["1 pub(crate) use a::*;"]);
    }

    #[test]
    fn notes_have_an_issue() {
        check(unfinished, "// TODO(#12): more\nlet s = \"TODO\";\n", &[]);
        check(unfinished, "f(); // TODO more\n", &["1 TODO without an issue"]);
        check(unfinished, "/// FIXME(#12)\n", &["1 FIXME without an issue"]);
    }

    #[test]
    fn lints_are_expected_and_tests_run() {
        check(attributes, "#[expect(dead_code, reason = \"x\")]\n// #[allow(x)]\n\"#[ignore]\"\n", &[]);
        check(attributes, "#![allow(dead_code)]\n#[ignore = \"slow\"]\n", &["1 #[allow)]", "2 #[ignore)]"]);
    }

    #[test]
    fn paths_of_a_machine() {
        let [home, ..] = OF_A_MACHINE else { panic!("there are none") };
        check(machine_paths, &format!("https://x.example{home}a a{home}b"), &[]);
        check(machine_paths, &format!("x\n\"{home}me/key.pem\"\n"), &[&format!("2 a path below {home}")]);
    }
}
