//! Arrows between our crates: from a level to a lower one, by the one table there is.

use super::Place;
use crate::repository::{Crate, Repository};

/// The level of each library, by the name of its folder.
const LEVELS: &[(&str, u8)] = &[
    ("abstractions", 0),
    ("mtls-pop", 1),
    ("azure-credential", 2),
    ("cache-cosmos", 2),
    ("cache-redis", 2),
    ("cache-sql", 2),
    ("cache-sqlserver", 2),
    ("downstream-api", 2),
    ("settings", 2),
    ("token-acquisition", 2),
    ("web-api", 2),
    ("agent-identities", 3),
    ("cache", 3),
    ("graph", 3),
];

/// What may depend on every crate, and nothing on it.
const ABOVE_ALL: &[&str] = &["conformance", "fuzz"];

/// What depends on no crate of ours: the judge shares no code with the judged.
const APART: &[&str] = &["emulator", "services", "xtask"];

/// What stands around a program in tests and drills.
const SURROUNDINGS: &[&str] = &["emulator", "services"];

/// What the tests of any library may use beside what is below it.
const FOR_TESTS: &[&str] = &["abstractions", "emulator", "services"];

/// The level of a library; `None` for programs and for what stands apart.
pub(crate) fn level_of(name: &str) -> Option<u8> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

/// Where a member stands, in words.
pub(crate) fn standing(member: &Crate) -> String {
    match level_of(member.name()) {
        Some(level) => format!("level {level}"),
        None if APART.contains(&member.name()) => "apart".to_owned(),
        None => "above all".to_owned(),
    }
}

/// Whether it is one of the libraries that people build on.
pub(super) fn is_library(name: &str) -> bool {
    level_of(name).is_some()
}

pub(super) fn check(repository: &Repository) -> Vec<Place> {
    let ours = &repository.crates;
    let mut places = Vec::new();
    for member in ours {
        let manifest = format!("{}/Cargo.toml", member.folder);
        if !is_known(member) {
            places.push(Place::file(&manifest, format!("{} has no level in xtask's table", member.name())));
            continue;
        }
        for need in &member.needs {
            let Some(target) = ours.iter().find(|one| one.package == need.package) else { continue };
            if !may_depend(member, target, need.is_dev) {
                let kind = if need.is_dev { "the tests of " } else { "" };
                let what = format!(
                    "{kind}{} ({}) must not depend on {} ({})",
                    member.name(),
                    standing(member),
                    target.name(),
                    standing(target)
                );
                places.push(Place::file(&manifest, what));
            }
        }
    }
    places
}

fn may_depend(from: &Crate, to: &Crate, is_dev: bool) -> bool {
    if APART.contains(&from.name()) {
        return from.name() == "xtask" && to.name() == "services"; // which the gate starts
    }
    let to_product = to.is_product() && (is_library(to.name()) || SURROUNDINGS.contains(&to.name()));
    if ABOVE_ALL.contains(&from.name()) {
        return to_product || !to.is_product(); // the demo plays the examples
    }
    if !from.is_product() {
        return to_product;
    }
    if is_dev && from.package == to.package {
        return true; // how the tests of a crate turn on a feature of it
    }
    let is_below = level_of(to.name()) < level_of(from.name()) && is_library(to.name());
    is_below || (is_dev && FOR_TESTS.contains(&to.name()))
}

fn is_known(member: &Crate) -> bool {
    let name = member.name();
    is_library(name) || APART.contains(&name) || ABOVE_ALL.contains(&name) || !member.is_product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, member};

    fn check_arrow(from: &str, need: &str, allowed: bool) {
        let mut crates = vec![member(from, &[need])];
        if let Some(to) = need.trim_start_matches("dev:").strip_prefix("entra-") {
            crates.push(member(&format!("crates/{to}"), &[]));
        }
        let places = check(&Repository { crates, ..Repository::default() });
        assert_eq!(places.is_empty(), allowed, "{from} -> {need}: {:?}", brief(&places));
    }

    #[test]
    fn arrows_point_downward_only() {
        check_arrow("crates/web-api", "entra-abstractions", true);
        check_arrow("crates/agent-identities", "entra-token-acquisition", true);
        check_arrow("crates/abstractions", "entra-settings", false);
        check_arrow("crates/token-acquisition", "entra-agent-identities", false);
        check_arrow("crates/settings", "serde_json", true);
    }

    #[test]
    fn never_sideways() {
        check_arrow("crates/web-api", "entra-token-acquisition", false);
        check_arrow("crates/downstream-api", "entra-token-acquisition", false);
        check_arrow("crates/token-acquisition", "entra-settings", false);
        check_arrow("crates/web-api", "dev:entra-settings", false);
        check_arrow("crates/web-api", "entra-web-api", false);
        check_arrow("crates/web-api", "dev:entra-web-api", true);
    }

    #[test]
    fn judges_stand_apart_and_programs_above() {
        check_arrow("crates/emulator", "entra-abstractions", false);
        check_arrow("crates/emulator", "dev:entra-token-acquisition", false);
        check_arrow("xtask", "entra-conformance", false);
        check_arrow("xtask", "entra-services", true);
        check_arrow("crates/services", "entra-abstractions", false);
        check_arrow("crates/web-api", "dev:entra-services", true);
        check_arrow("crates/web-api", "entra-services", false);
        check_arrow("crates/web-api", "dev:entra-emulator", true);
        check_arrow("crates/web-api", "entra-emulator", false);
        check_arrow("crates/conformance", "entra-web-api", true);
        check_arrow("examples/daemon", "entra-emulator", true);
        check_arrow("examples/daemon", "entra-conformance", false);
    }

    #[test]
    fn a_new_crate_needs_a_level() {
        let crates = vec![member("crates/surprise", &[])];
        let places = check(&Repository { crates, ..Repository::default() });
        assert_eq!(brief(&places), ["crates/surprise/Cargo.toml:0 surprise has no level in xtask's table"]);
    }
}
