//! What lies where: the top of the repository, a README per crate, a test per scenario.

use super::Place;
use crate::{repository::Repository, rust_source};

const TOP: &[&str] = &[
    ".github",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "docs",
    "examples",
    "xtask",
];

pub(super) fn top_level(repository: &Repository) -> Vec<Place> {
    let top = &repository.top;
    let missing = TOP.iter().filter(|name| !top.iter().any(|entry| entry == *name));
    let unknown = top.iter().filter(|entry| !entry.starts_with('.') && !TOP.contains(&entry.as_str()));
    missing
        .map(|name| Place::file(name, "missing at the top"))
        .chain(unknown.map(|entry| Place::file(entry, "does not belong at the top")))
        .collect()
}

pub(super) fn readmes(repository: &Repository) -> Vec<Place> {
    let paths = repository.crates.iter().filter(|member| member.is_product());
    paths
        .map(|member| format!("{}/README.md", member.folder))
        .filter(|path| repository.file(path).is_none_or(|file| file.text.trim().is_empty()))
        .map(|path| Place::file(&path, "missing or empty"))
        .collect()
}

/// What starts a server; the proxy of the same crate needs none.
const SERVERS: &[&str] = &["Redis::", "RedisCluster::", "RedisSentinel::", "PostgreSql::", "MariaDb::"];

/// Tests that need a server stand in a module named `servers`: by that they are left out where there
/// is none.
pub(super) fn servers(repository: &Repository) -> Vec<Place> {
    let mut places = Vec::new();
    for (file, rust) in repository.rust() {
        let in_servers = file.path.ends_with("/servers.rs") || file.path.contains("/servers/");
        if in_servers || !rust.lines().iter().any(|line| rust_source::names(&line.code, "entra_services")) {
            continue;
        }
        let starts = |line: &&rust_source::Line| {
            line.is_test && SERVERS.iter().any(|name| rust_source::names(&line.code, name))
        };
        places.extend(rust.lines().iter().find(starts).map(|line| {
            Place::line(&file.path, line.number, "a test starts a server outside a module named `servers`")
        }));
    }
    places
}

pub(super) fn scenarios(repository: &Repository) -> Vec<Place> {
    let is_played = |scenario: &str| {
        let (tests, name) = scenario.split_once("/scenarios/")?;
        let tests = format!("{tests}/");
        repository
            .rust()
            .filter(|(file, _)| file.path.starts_with(&tests))
            .flat_map(|(_, rust)| rust.lines())
            .find(|line| crate::rust_source::words(&line.uncommented).any(|word| word == name))
    };
    repository
        .scenarios
        .iter()
        .filter(|scenario| is_played(scenario).is_none())
        .map(|scenario| Place::file(scenario, "no test names this scenario"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, of};

    #[test]
    fn the_top_is_a_closed_list() {
        let mut top: Vec<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
        top.push(".clippy.toml".to_owned());
        let mut repository = Repository { top, ..Repository::default() };
        assert_eq!(top_level(&repository), []);
        repository.top.retain(|name| name != "README.md");
        repository.top.push("scripts".to_owned());
        assert_eq!(
            brief(&top_level(&repository)),
            ["README.md:0 missing at the top", "scripts:0 does not belong at the top"]
        );
    }

    #[test]
    fn each_crate_has_a_front_page() {
        let repository = of(&[("crates/a/README.md", "text"), ("crates/b/src/lib.rs", "//! x\n")]);
        assert_eq!(brief(&readmes(&repository)), ["crates/b/README.md:0 missing or empty"]);
    }

    #[test]
    fn tests_with_servers_can_be_left_out() {
        let starts = "use entra_services::{Proxy, Redis};\nfn t() { Redis::start(); }\n";
        let repository = of(&[
            ("crates/a/src/drill.rs", starts),
            ("crates/a/tests/it/away.rs", starts),
            ("crates/a/tests/it/proxy.rs", "use entra_services::Proxy;\nfn t() { Proxy::before(1); }\n"),
            ("crates/a/tests/it/servers.rs", starts),
            ("crates/a/tests/it/servers/away.rs", starts),
        ]);
        assert_eq!(
            brief(&servers(&repository)),
            ["crates/a/tests/it/away.rs:2 a test starts a server outside a module named `servers`"]
        );
    }

    #[test]
    fn each_scenario_is_played() {
        let mut repository =
            of(&[("crates/a/tests/it/main.rs", "scenario!(obo_cold);\nplay(\"obo_warm\");\n// obo_dead\n")]);
        repository.scenarios = ["obo_cold", "obo_warm", "obo_dead"]
            .map(|name| format!("crates/a/tests/scenarios/{name}"))
            .to_vec();
        assert_eq!(
            brief(&scenarios(&repository)),
            ["crates/a/tests/scenarios/obo_dead:0 no test names this scenario"]
        );
    }
}
