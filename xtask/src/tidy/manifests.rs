//! Dependencies are declared in the root and inherited everywhere else.

use toml::{Table, Value};

use super::Place;
use crate::repository::Repository;

const TABLES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(repository: &Repository) -> Vec<Place> {
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
    use crate::tidy::fixture::{brief, of};

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
            brief(&check(&repository)),
            [
                "crates/web-api/Cargo.toml:6 bytes is not inherited from the workspace",
                "crates/web-api/Cargo.toml:8 nix is not inherited from the workspace",
            ]
        );
    }
}
