//! The rules of this house that rustc and Clippy do not know.
//!
//! A rule looks at the whole repository and tells places; why it exists and how to mend what it
//! found stands beside it in the one list, [`RULES`].

mod aliases;
mod documents;
mod doors;
mod layout;
mod levels;
mod manifests;
mod names;
mod text;

use std::process::ExitCode;

pub(crate) use self::levels::{level_of, standing};
use crate::{behaviours, progress, repository::Repository};

/// One rule.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) mend: &'static str,
    pub(crate) check: fn(&Repository) -> Vec<Place>,
}

/// Where a rule is broken, and by what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    /// Counted from one; a file as a whole has none.
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
}

/// A rule and the places where it is broken.
pub(crate) struct Broken {
    pub(crate) rule: &'static Rule,
    pub(crate) places: Vec<Place>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "levels",
        why: "arrows point downward, never sideways, so that nobody compiles what they do not use",
        mend: "move what is shared a level down, into abstractions, or turn the arrow around with a trait there",
        check: levels::check,
    },
    Rule {
        name: "doors",
        why: "HTTP clients are built in one place per crate, with timeouts and without redirects",
        mend: "build it in the crate's http.rs, and hand it in",
        check: doors::http,
    },
    Rule {
        name: "aadsts",
        why: "what a number of Entra means is written once, in a table",
        mend: "add a row to wire/aadsts.rs and ask the table",
        check: doors::aadsts,
    },
    Rule {
        name: "names",
        why: "a piece named after nothing collects everything",
        mend: "find the noun it is about",
        check: names::check,
    },
    Rule {
        name: "front-sentence",
        why: "a reader decides at line one whether this is the right room",
        mend: "begin the file with `//!` and one sentence that says what it is for",
        check: text::front_sentence,
    },
    Rule {
        name: "length",
        why: "a file of more than 450 lines does a second thing",
        mend: "find the second thing and give it a file; tests go to tests.rs beside it",
        check: text::length,
    },
    Rule {
        name: "globs",
        why: "a name's origin is read at the top of the file, and a re-export is a promise",
        mend: "list the names",
        check: text::globs,
    },
    Rule {
        name: "unfinished",
        why: "a note that nobody owns stays for ever",
        mend: "do it, or open an issue and write TODO(#123)",
        check: text::unfinished,
    },
    Rule {
        name: "attributes",
        why: "a silenced lint outlives its reason, and a test that does not run tests nothing",
        mend: "use #[expect(lint, reason = \"..\")]; let a test run, and assert the error it wants",
        check: text::attributes,
    },
    Rule {
        name: "machine-paths",
        why: "a path of somebody's machine works on that machine only",
        mend: "make it relative, or take it as an argument",
        check: text::machine_paths,
    },
    Rule {
        name: "dependencies",
        why: "one version and one set of features of each dependency, decided in one place",
        mend: "declare it in [workspace.dependencies] and write `name.workspace = true`",
        check: manifests::inherited,
    },
    Rule {
        name: "unused",
        why: "a dependency that nothing uses is compiled, audited and trusted for nothing",
        mend: "take it out of the manifest",
        check: manifests::unused,
    },
    Rule {
        name: "top-level",
        why: "who opens the repository sees the house, not the tool shed",
        mend: "move it into one of the folders there are",
        check: layout::top_level,
    },
    Rule {
        name: "readmes",
        why: "each crate is met alone, on crates.io",
        mend: "write README.md beside its Cargo.toml: what it is for and ten lines that use it",
        check: layout::readmes,
    },
    Rule {
        name: "servers",
        why: "`cargo xtask test --without-services` leaves tests out by the name of their module",
        mend: "move the test into tests/it/servers.rs, or below it",
        check: layout::servers,
    },
    Rule {
        name: "scenarios",
        why: "a recording that nothing plays proves nothing",
        mend: "name it in the crate's tests, or delete it",
        check: layout::scenarios,
    },
    Rule {
        name: "documents",
        why: "a page that nothing leads to is not read",
        mend: "link it from docs/README.md; mend the link that leads nowhere, on a generated page by `cargo xtask map`",
        check: documents::check,
    },
    Rule {
        name: "behaviours",
        why: "a behaviour that nothing holds gets lost, and so does a row that names what is gone",
        mend: "name what holds it now, or write the test; then `cargo xtask map`",
        check: behaviours::check,
    },
    Rule {
        name: "aliases",
        why: "who comes from .NET searches rustdoc for the names they know",
        mend: "add #[doc(alias = \"Name\")] to the item that stands in its place",
        check: aliases::check,
    },
];

/// Applies every rule.
pub(crate) fn check(repository: &Repository) -> Vec<Broken> {
    RULES
        .iter()
        .map(|rule| Broken { rule, places: (rule.check)(repository) })
        .filter(|broken| !broken.places.is_empty())
        .collect()
}

/// Prints what is broken, rule by rule.
pub(crate) fn report(broken: &[Broken]) -> ExitCode {
    for line in lines(broken) {
        progress::say(&line);
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The report, line by line.
pub(crate) fn lines(broken: &[Broken]) -> Vec<String> {
    let mut lines = Vec::new();
    for Broken { rule, places } in broken {
        lines.push(format!("{}: {}", rule.name, rule.why));
        for Place { path, line, what } in places {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            lines.push(format!("  {path}{line}: {what}"));
        }
        lines.push(format!("  mend: {}\n", rule.mend));
    }
    let places: usize = broken.iter().map(|broken| broken.places.len()).sum();
    lines.push(if places == 0 {
        format!("tidy: {} rules hold", RULES.len())
    } else {
        format!("tidy: {} of {} rules broken in {places} places", broken.len(), RULES.len())
    });
    lines
}

impl Place {
    pub(crate) fn file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }

    pub(crate) fn line(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), what: what.into() }
    }
}

#[cfg(test)]
pub(crate) mod fixture;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn this_repository_is_tidy() {
        let repository = Repository::read(&repository::root()).unwrap();
        let broken = check(&repository);
        assert!(broken.is_empty(), "{}", lines(&broken).join("\n"));
    }

    #[test]
    fn the_report_says_what_why_and_how_to_mend() {
        let repository = fixture::of(&[("crates/web-api/src/user.rs", "fn f() {}\n")]);
        let broken = check(&repository);
        let broken: Vec<_> =
            broken.into_iter().filter(|broken| broken.rule.name == "front-sentence").collect();
        expect_test::expect![[r"
            front-sentence: a reader decides at line one whether this is the right room
              crates/web-api/src/user.rs:1: line one is no `//!` sentence
              mend: begin the file with `//!` and one sentence that says what it is for

            tidy: 1 of 19 rules broken in 1 places"]]
        .assert_eq(&lines(&broken).join("\n"));
    }
}
