//! Repositories made up for the tests of the rules.

use super::Place;
use crate::repository::{Crate, File, Need, Repository};

/// A repository of these files, with a crate for each folder in `crates/`.
pub(crate) fn of(files: &[(&str, &str)]) -> Repository {
    let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect();
    let mut folders: Vec<String> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix("crates/")?.split('/').next())
        .map(|name| format!("crates/{name}"))
        .collect();
    folders.dedup();
    let crates = folders.iter().map(|folder| member(folder, &[])).collect();
    Repository { crates, files, ..Repository::default() }
}

/// A member of the workspace; needs that begin with `dev:` are those of its tests.
pub(crate) fn member(folder: &str, needs: &[&str]) -> Crate {
    let name = folder.rsplit('/').next().unwrap();
    Crate {
        package: if folder == "xtask" { name.to_owned() } else { format!("entra-{name}") },
        folder: folder.to_owned(),
        needs: needs
            .iter()
            .map(|need| Need {
                package: need.trim_start_matches("dev:").to_owned(),
                name: need.trim_start_matches("dev:").replace('-', "_"),
                is_dev: need.starts_with("dev:"),
            })
            .collect(),
        ..Crate::default()
    }
}

/// The places as short text, so that a test reads as a table.
pub(crate) fn brief(places: &[Place]) -> Vec<String> {
    places
        .iter()
        .map(|place| format!("{}:{} {}", place.path, place.line.unwrap_or_default(), place.what))
        .collect()
}
