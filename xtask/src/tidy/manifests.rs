//! Dependencies are declared in the root, inherited everywhere else, and used.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Place;
use crate::{
    repository::{Crate, Repository},
    rust_source,
};

const TABLES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn inherited(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    for member in &repository.crates {
        let path = format!("{}/Cargo.toml", member.folder);
        let Some(file) = repository.file(&path) else { continue };
        // What is not TOML, cargo has refused before tidy could start.
        let Ok(manifest) = file.text.parse::<Table>() else { continue };
        for name in own_dependencies(&manifest) {
            let line = file.text.lines().position(|line| line.trim_start().starts_with(&name));
            let what = format!("{name} is not inherited from the workspace");
            places.push(Place { path: path.clone(), line: line.map(|line| line + 1), what });
        }
    }
    places
}

/// What no file of a crate names, and what the root declares and no crate takes.
pub(super) fn unused(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    let mut taken = BTreeSet::new();
    for member in &repository.crates {
        let words = words_of(repository, member);
        for need in &member.needs {
            taken.insert(need.package.as_str());
            if !words.contains(need.name.as_str()) && need.package != member.package {
                let what = format!("no code of {} names {}", member.name(), need.name);
                places.push(Place::file(&format!("{}/Cargo.toml", member.folder), what));
            }
        }
    }
    let root = repository.file("Cargo.toml").and_then(|file| file.text.parse::<Table>().ok());
    let declared = root.as_ref().and_then(|root| root.get("workspace")?.get("dependencies")?.as_table());
    let untaken = declared.into_iter().flat_map(Table::keys).filter(|name| !taken.contains(name.as_str()));
    places.extend(untaken.map(|name| Place::file("Cargo.toml", format!("no crate takes {name}"))));
    places
}

fn words_of<'a>(repository: &'a Repository, member: &Crate) -> BTreeSet<&'a str> {
    let folder = format!("{}/", member.folder);
    let mut files: Vec<_> = repository
        .files
        .iter()
        .filter(|file| file.path.starts_with(&folder) && (file.rust.is_some() || file.is_page()))
        .collect();
    let mut at = 0;
    while let Some(file) = files.get(at) {
        let elsewhere = elsewhere(&file.path, &file.text);
        let more = elsewhere.iter().filter_map(|path| repository.file(path));
        let more: Vec<_> = more.filter(|one| files.iter().all(|known| known.path != one.path)).collect();
        files.extend(more);
        at += 1;
    }
    // Doctests stand in comments and in README.md, so these count too.
    files.into_iter().flat_map(|file| rust_source::words(&file.text)).collect()
}

/// The files that a file takes in by `#[path]`, which may be another crate's.
fn elsewhere(of: &str, text: &str) -> Vec<String> {
    let named = text.lines().filter_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    named
        .map(|named| {
            let mut parts: Vec<&str> = of.split('/').collect();
            parts.pop();
            for part in named.split('/') {
                if part == ".." {
                    parts.pop();
                } else {
                    parts.push(part);
                }
            }
            parts.join("/")
        })
        .collect()
}

fn own_dependencies(manifest: &Table) -> Vec<String> {
    let by_target = manifest.get("target").and_then(Value::as_table);
    let by_target = by_target.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(by_target)
        .flat_map(|table| TABLES.iter().filter_map(|name| table.get(*name)?.as_table()))
        .flatten()
        .filter(|(_, need)| need.get("workspace").and_then(Value::as_bool) != Some(true))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, member, of};

    #[test]
    fn dependencies_are_inherited() {
        let manifest = "\
[package]
name = \"entra-web-api\"
[dependencies]
http.workspace = true
url = { workspace = true, features = [\"serde\"] }
bytes = \"1\"
[target.'cfg(unix)'.dev-dependencies]
nix = { version = \"1\" }
";
        let repository =
            of(&[("crates/web-api/Cargo.toml", manifest), ("crates/web-api/src/lib.rs", "//! x\n")]);
        assert_eq!(
            brief(&inherited(&repository)),
            [
                "crates/web-api/Cargo.toml:6 bytes is not inherited from the workspace",
                "crates/web-api/Cargo.toml:8 nix is not inherited from the workspace",
            ]
        );
    }

    #[test]
    fn a_file_of_another_crate_counts_where_it_is_taken_in() {
        let mut repository = of(&[
            ("Cargo.toml", "[workspace.dependencies]\nurl = \"2\"\n"),
            ("crates/agents/tests/it/stage.rs", "#[path = \"../../../engine/tests/it/kit.rs\"]\nmod kit;\n"),
            ("crates/engine/tests/it/kit.rs", "use url::Url;\n"),
        ]);
        repository.crates = vec![member("crates/agents", &["dev:url"])];
        assert_eq!(brief(&unused(&repository)), [""; 0]);
    }

    #[test]
    fn dependencies_are_used() {
        let mut repository = of(&[
            ("Cargo.toml", "[workspace.dependencies]\nhttp-body = \"1\"\nurl = \"2\"\nbytes = \"1\"\n"),
            (
                "crates/web-api/src/lib.rs",
                "use http_body::Body;\n/// ```\n/// bytes::Bytes::new();\n/// ```\n",
            ),
        ]);
        repository.crates = vec![member("crates/web-api", &["http-body", "dev:bytes", "serde"])];
        assert_eq!(
            brief(&unused(&repository)),
            ["crates/web-api/Cargo.toml:0 no code of web-api names serde", "Cargo.toml:0 no crate takes url"]
        );
    }
}
