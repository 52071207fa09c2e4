//! What the map shows: crates by level, their arrows, and each file by its first sentence.

use std::fmt::Write as _;

use crate::{
    repository::{Crate, File, Repository},
    rust_source::RustSource,
    tidy::{level_of, standing},
};

/// Each crate with what it is for, the highest level first.
pub(super) fn crates(repository: &Repository) -> String {
    let mut members: Vec<&Crate> =
        repository.crates.iter().filter(|one| !one.folder.starts_with("examples/")).collect();
    members.sort_by_key(|member| (std::cmp::Reverse(level_of(member.name())), member.folder.as_str()));
    let mut table = "| stands | crate | what it is for | features |\n|---|---|---|---|\n".to_owned();
    for member in members {
        let features: Vec<String> = member.features.iter().map(|name| format!("`{name}`")).collect();
        let (name, folder, description) = (member.name(), &member.folder, &member.description);
        let standing = standing(member);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {standing} | [`{name}`](../{folder}) | {description} | {} |",
            features.join(", ")
        );
    }
    table
}

/// Who is built on whom.
pub(super) fn arrows(repository: &Repository) -> String {
    let libraries = || repository.crates.iter().filter(|one| level_of(one.name()).is_some());
    let mut graph = "```mermaid\ngraph TD\n".to_owned();
    for from in libraries() {
        let targets: Vec<&Crate> = libraries().filter(|to| from.is_built_on(&to.package)).collect();
        if targets.is_empty() {
            let _ = writeln!(graph, "    {}", from.name());
        }
        for to in targets {
            let _ = writeln!(graph, "    {} --> {}", from.name(), to.name());
        }
    }
    graph.push_str("```");
    graph
}

/// Each file of each crate with its first sentence.
pub(super) fn files(repository: &Repository) -> String {
    let mut index = String::new();
    for member in repository.crates.iter().filter(|one| one.is_product() || one.folder == "xtask") {
        let _ = writeln!(index, "### {}\n", member.name());
        let src = format!("{}/src/", member.folder);
        let mut sources: Vec<(&File, &RustSource)> =
            repository.sources(member).filter(|(file, _)| file.name() != "tests.rs").collect();
        sources.sort_by_key(|(file, _)| file.path.trim_end_matches(".rs").to_owned());
        for (file, rust) in sources {
            let path = file.path.trim_start_matches(&src);
            let _ = writeln!(index, "- `{path}`: {}", first_sentence(rust));
        }
        index.push('\n');
    }
    index
}

/// The first sentence of the file's front comment.
fn first_sentence(rust: &RustSource) -> String {
    let lines = rust.lines().iter().map(|line| line.text.as_str());
    let mut words =
        lines.map_while(|line| line.strip_prefix("//!")).map(str::trim).take_while(|line| !line.is_empty());
    let Some(first) = words.next() else {
        return "the front page: README.md, and what the crate exports".to_owned();
    };
    let paragraph = words.fold(first.to_owned(), |all, line| format!("{all} {line}"));
    let sentence = paragraph.split_once(". ").map_or(paragraph.as_str(), |(sentence, _)| sentence);
    // Links to items work in rustdoc only.
    sentence.trim_end_matches('.').replace("[`", "`").replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::member;

    fn check(text: &str, expected: &str) {
        assert_eq!(first_sentence(&RustSource::parse(text, false)), expected);
    }

    #[test]
    fn one_sentence_of_the_front_comment() {
        check(
            "//! Asks [`Entra`], v2.0,\n//! for a token. Never logs.\n//!\n//! More.\n",
            "Asks `Entra`, v2.0, for a token",
        );
        check("//! One line\nfn f() {}\n", "One line");
        check(
            "#![doc = include_str!(\"../README.md\")]\n",
            "the front page: README.md, and what the crate exports",
        );
    }

    #[test]
    fn arrows_of_tests_are_not_drawn() {
        let crates = vec![
            member("crates/abstractions", &[]),
            member("crates/settings", &["entra-abstractions", "serde"]),
            member("crates/web-api", &["entra-abstractions", "dev:entra-settings"]),
        ];
        expect_test::expect![[r"
            ```mermaid
            graph TD
                abstractions
                settings --> abstractions
                web-api --> abstractions
            ```"]]
        .assert_eq(&arrows(&Repository { crates, ..Repository::default() }));
    }
}
