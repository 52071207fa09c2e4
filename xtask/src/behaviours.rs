//! The catalogue of behaviours: what Microsoft's libraries assert in their tests and the documents
//! promise, row by row, each with what holds it here.
//!
//! The rows are written by hand, in `crates/conformance/data/behaviours`; that what they name exists is
//! checked here, and `docs/behaviours.md` is written from them.

mod evidence;
mod row;

use std::collections::BTreeMap;

use self::{evidence::Evidence, row::Written};
pub(crate) use self::{
    evidence::Proof,
    row::{Row, Standing},
};
use crate::{
    repository::{File, Repository},
    tidy::Place,
};

const FOLDER: &str = "crates/conformance/data/behaviours/";

/// Each family of rows: its letter, and how many there are.
const FAMILIES: &[(char, usize)] = &[('S', 38), ('B', 402), ('W', 226)];

/// Rows that belong together: a file of the folder.
#[derive(Debug)]
pub(crate) struct Chapter {
    pub(crate) title: String,
    /// Whose behaviours these are.
    pub(crate) about: String,
    pub(crate) rows: Vec<Row>,
}

/// The catalogue, and what is wrong with it.
pub(crate) fn read(repository: &Repository) -> (Vec<Chapter>, Vec<Place>) {
    let evidence = Evidence::of(repository);
    let mut places = Vec::new();
    let mut seen = BTreeMap::new();
    let mut chapters = Vec::new();
    for file in repository.files.iter().filter(|file| file.path.starts_with(FOLDER)) {
        match Written::parse(&file.text) {
            Err(what) => places.push(Place::file(&file.path, what)),
            Ok(written) => {
                let mut rows = Vec::new();
                for (id, row) in written.rows {
                    let line = line_of(file, &id);
                    if let Some(other) = seen.insert(id.clone(), file.path.clone()) {
                        places.push(Place::line(&file.path, line, format!("{id} is in {other} too")));
                    }
                    match Row::read(id, &row, &evidence) {
                        Ok(row) => rows.push(row),
                        Err(what) => places.push(Place::line(&file.path, line, what)),
                    }
                }
                chapters.push(Chapter { title: written.title, about: written.about, rows });
            }
        }
    }
    let expected = || FAMILIES.iter().flat_map(|(letter, count)| ids(*letter, *count));
    let missing = expected().filter(|id| !seen.contains_key(id));
    places.extend(missing.map(|id| Place::file(FOLDER, format!("{id} is missing"))));
    for (id, path) in &seen {
        if !expected().any(|expected| expected == *id) {
            places.push(Place::file(path, format!("{id} is the name of no behaviour")));
        }
    }
    chapters.sort_by_key(|chapter| {
        let first = chapter.rows.first().map_or("", |row| row.id.as_str());
        (FAMILIES.iter().position(|(letter, _)| first.starts_with(*letter)), first.to_owned())
    });
    (chapters, places)
}

/// The rule of tidy: every row is there, and what it names exists.
pub(crate) fn check(repository: &Repository) -> Vec<Place> {
    if repository.files.iter().any(|file| file.path.starts_with(FOLDER)) {
        read(repository).1
    } else {
        Vec::new()
    }
}

fn ids(letter: char, count: usize) -> impl Iterator<Item = String> {
    let width = count.to_string().len();
    (1..=count).map(move |number| format!("{letter}{number:0width$}"))
}

fn line_of(file: &File, id: &str) -> usize {
    let heading = format!("[{id}]");
    file.text.lines().position(|line| line.trim() == heading).map_or(1, |line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, of};

    fn told(rows: &str) -> Vec<String> {
        let text = format!("title = \"Agents\"\nabout = \"of agents\"\n{rows}");
        let path = format!("{FOLDER}agents.toml");
        let test = "//! x\n#[test]\nfn it_holds() {}\n#[tokio::test]\n#[cfg(unix)]\nasync fn twice() {}\nfn no() {}\n";
        let mut repository = of(&[
            (path.as_str(), text.as_str()),
            ("crates/a/src/one.rs", test),
            ("crates/a/src/two.rs", "//! x\n#[test]\nfn twice() {}\n"),
            (
                "crates/conformance/data/golden/pending.toml",
                "[[pending]]\ngroups = [\"F\"]\nscenarios = [\"A02\"]\n",
            ),
        ]);
        repository.scenarios.push("crates/a/tests/scenarios/app_cold".to_owned());
        repository.recordings = ["A01-a.json", "A02-b.json", "F01-c.json"].map(str::to_owned).to_vec();
        let places = brief(&check(&repository));
        let here = format!("{path}:");
        places.iter().filter_map(|place| place.strip_prefix(&here)).map(str::to_owned).collect()
    }

    #[test]
    fn what_a_row_names_exists() {
        let good = r#"
[B001]
says = "x"
held_by = ["a it_holds", "a two::twice", "golden A01", "scenario app_cold"]

[B002]
says = "x"
not_in_rust = "there are no exceptions"

[B003]
says = "x"
waits_for = "sidecar"
"#;
        assert_eq!(told(good), [""; 0]);
        let held_by = |name: &str| told(&format!("[B001]\nsays = \"x\"\nheld_by = [\"{name}\"]\n"));
        assert_eq!(held_by("a gone"), ["3 B001: crates/a has no test gone"]);
        assert_eq!(held_by("a no"), ["3 B001: crates/a has no test no"]);
        assert_eq!(
            held_by("a twice"),
            [
                "3 B001: twice is a test in crates/a/src/one.rs and crates/a/src/two.rs: say which, as file::test"
            ]
        );
        assert_eq!(held_by("golden A02"), ["3 B001: golden A02 is not played yet"]);
        assert_eq!(held_by("golden F01"), ["3 B001: golden F01 is not played yet"]);
        assert_eq!(held_by("golden A99"), ["3 B001: there is no golden A99"]);
        assert_eq!(held_by("scenario app_warm"), ["3 B001: there is no scenario app_warm"]);
    }

    #[test]
    fn no_row_is_empty() {
        let wants_one = ["3 B001: wants one of held_by, not_in_rust, waits_for"];
        assert_eq!(told("[B001]\nsays = \"x\"\n"), wants_one);
        assert_eq!(told("[B001]\nsays = \"x\"\nheld_by = []\n"), ["3 B001: held_by is empty"]);
        assert_eq!(told("[B001]\nsays = \"x\"\nnot_in_rust = \"a\"\nwaits_for = \"sidecar\"\n"), wants_one);
        assert_eq!(told("[B001]\nsays = \"\"\nnot_in_rust = \"a\"\n"), ["3 B001: says nothing"]);
        assert_eq!(
            told("[B001]\nsays = \"x\"\nwaits_for = \"luck\"\n"),
            ["3 B001: waits for \"luck\", which is no part of the plan"]
        );
        assert_eq!(
            told("[B999]\nsays = \"x\"\nnot_in_rust = \"a\"\n"),
            ["0 B999 is the name of no behaviour"]
        );
    }

    #[test]
    fn every_row_is_there() {
        let repository =
            of(&[("crates/conformance/data/behaviours/a.toml", "title = \"a\"\nabout = \"b\"\n")]);
        assert_eq!(read(&repository).1.len(), 38 + 402 + 226);
    }
}
