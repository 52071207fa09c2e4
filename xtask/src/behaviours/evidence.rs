//! What can hold a behaviour: a test, a recording, a story of traffic, a row of the demo.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{repository::Repository, rust_source::RustSource};

const PENDING: &str = "crates/conformance/data/golden/pending.toml";
const RECORDINGS: &str = "crates/conformance/data/golden/scenarios";
const PROFILES: &str = "crates/conformance/data/web-api/profiles.json";
const DEMO: &str = "crates/conformance/src/demo/scenario/stories.rs";

/// One thing that holds a behaviour, and the file in which it stands.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) name: String,
    pub(crate) path: String,
}

/// Everything that a row may name.
pub(super) struct Evidence<'a> {
    repository: &'a Repository,
    /// The files of each test, by crate and name.
    tests: BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>,
    /// Groups and numbers of the recordings that are not played yet.
    pending: Vec<String>,
}

impl<'a> Evidence<'a> {
    pub(super) fn of(repository: &'a Repository) -> Self {
        let mut tests: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (file, rust) in repository.rust() {
            for name in tests_of(rust) {
                tests.entry((home(&file.path), name)).or_default().insert(file.path.as_str());
            }
        }
        let pending = repository.file(PENDING).and_then(|file| file.text.parse::<toml::Table>().ok());
        let entries = pending.as_ref().and_then(|table| table.get("pending")?.as_array());
        let named = entries.into_iter().flatten().flat_map(|entry| {
            let lists = ["groups", "scenarios"].into_iter().filter_map(|key| entry.get(key)?.as_array());
            lists.flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect::<Vec<_>>()
        });
        Self { repository, tests, pending: named.collect() }
    }

    /// Follows a reference such as `golden A12`, `verdicts single-v2`, `scenario obo_then_cached`,
    /// `demo OBO, get`, `doctest web-api/src/user.rs`, `web-api answers` or, where a crate has two
    /// tests of one name, `web-api layer::answers`.
    pub(super) fn find(&self, reference: &str) -> Result<Proof, String> {
        let (kind, name) = reference.split_once(' ').ok_or_else(|| format!("{reference:?} names nothing"))?;
        let path = match kind {
            "golden" => self.recording(name)?,
            "scenario" => self.scenario(name)?,
            "demo" => self.demo(name)?,
            "verdicts" => self.verdicts(name)?,
            "doctest" => self.doctest(name)?,
            home => return self.test(home, name),
        };
        Ok(Proof { name: reference.to_owned(), path })
    }

    fn recording(&self, number: &str) -> Result<String, String> {
        let begin = format!("{number}-");
        let mut recordings = self.repository.recordings.iter();
        let Some(recording) = recordings.find(|recording| recording.starts_with(&begin)) else {
            return Err(format!("there is no golden {number}"));
        };
        let group = number.get(..1).unwrap_or_default();
        if self.pending.iter().any(|pending| pending == number || pending == group) {
            return Err(format!("golden {number} is not played yet"));
        }
        Ok(format!("{RECORDINGS}/{recording}"))
    }

    fn scenario(&self, name: &str) -> Result<String, String> {
        let end = format!("/{name}");
        let found = self.repository.scenarios.iter().find(|path| path.ends_with(&end));
        found.cloned().ok_or_else(|| format!("there is no scenario {name}"))
    }

    fn demo(&self, name: &str) -> Result<String, String> {
        let row = format!("\"{name}\"");
        let has_row = self.repository.file(DEMO).is_some_and(|file| file.text.contains(&row));
        if has_row { Ok(DEMO.to_owned()) } else { Err(format!("the demo has no row {name:?}")) }
    }

    fn verdicts(&self, profile: &str) -> Result<String, String> {
        let profiles = fs::read_to_string(self.repository.root.join(PROFILES)).unwrap_or_default();
        let has_profile = profiles.contains(&format!("\"{profile}\": {{"));
        if has_profile { Ok(PROFILES.to_owned()) } else { Err(format!("there are no verdicts {profile}")) }
    }

    fn doctest(&self, path: &str) -> Result<String, String> {
        let path = format!("crates/{path}");
        let has_example = self.repository.file(&path).is_some_and(|file| file.text.contains("```"));
        if has_example { Ok(path) } else { Err(format!("{path} has no example")) }
    }

    fn test(&self, home: &str, reference: &str) -> Result<Proof, String> {
        let (files, name) = reference.rsplit_once("::").unwrap_or(("", reference));
        let is_meant = |path: &str| {
            files
                .split("::")
                .filter(|part| !part.is_empty())
                .all(|part| path.split('/').any(|piece| piece.trim_end_matches(".rs") == part))
        };
        let paths: Vec<&str> = self.tests.get(&(home, name)).into_iter().flatten().copied().collect();
        let meant: Vec<&str> = paths.into_iter().filter(|path| is_meant(path)).collect();
        match meant.as_slice() {
            [path] => Ok(Proof { name: name.to_owned(), path: (*path).to_owned() }),
            [] => Err(format!("{} has no test {reference}", folder(home))),
            several => {
                Err(format!("{name} is a test in {}: say which, as file::test", several.join(" and ")))
            }
        }
    }
}

/// What rows call the crate in which a file lies.
fn home(path: &str) -> &str {
    let path = path.strip_prefix("crates/").or_else(|| path.strip_prefix("examples/")).unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

fn folder(home: &str) -> String {
    if home == "xtask" { home.to_owned() } else { format!("crates/{home}") }
}

/// The names of the functions behind `#[test]` and `#[tokio::test]`.
fn tests_of(rust: &RustSource) -> impl Iterator<Item = &str> {
    let mut is_marked = false;
    rust.lines().iter().filter_map(move |line| {
        let code = line.code.trim();
        if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
            is_marked = true;
        }
        let (_, behind) = code.split_once("fn ").filter(|_| is_marked)?;
        is_marked = false;
        behind.split(['(', '<']).next()
    })
}
