//! The steps of the gate, cheap ones first.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Step, absent};
use crate::{
    conformance, map,
    program::{Program, Shows},
    progress::Screen,
    repository::{Crate, Repository},
    services, tidy, tools,
};

pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the layout of the code is rustfmt's", run: fmt },
    Step { name: "clippy", about: "no warning of rustc or Clippy, in any target or feature", run: clippy },
    Step { name: "tidy", about: "the rules of this house", run: tidy_up },
    Step { name: "map", about: "the generated parts of the documents are up to date", run: map_check },
    Step {
        name: "services",
        about: "Redis, PostgreSQL and MariaDB are installed; if not, they are now",
        run: services,
    },
    Step { name: "tests", about: "unit and integration tests, in every crate", run: tests },
    Step { name: "doctests", about: "the examples in the documentation run", run: doctests },
    Step { name: "docs", about: "rustdoc without a warning", run: docs },
    Step {
        name: "features",
        about: "each crate and feature compiles alone, and compiles no more",
        run: features,
    },
    Step {
        name: "examples",
        about: "each example builds alone; their tests ran with the others",
        run: examples,
    },
    Step { name: "golden", about: "what Microsoft.Identity.Web sends and answers, recorded", run: golden },
    Step {
        name: "web-api",
        about: "what Microsoft.Identity.Web accepts and refuses, recorded",
        run: web_api,
    },
    Step { name: "demo", about: "the whole journey, over loopback", run: demo },
    Step { name: "deny", about: "bans, licences and sources of what we depend on", run: deny },
];

/// What takes the place of the step `tests` where there are no servers.
pub(super) const WITHOUT_SERVICES: Step = Step {
    name: "tests",
    about: "unit and integration tests, WITHOUT those that need Redis, PostgreSQL or MariaDB",
    run: tests_without_services,
};

fn fmt(root: &Path, screen: &Screen) -> Result<()> {
    Program::cargo(root, "fmt --all -- --check --color never").run(screen)
}

fn clippy(root: &Path, screen: &Screen) -> Result<()> {
    Program::cargo(root, "clippy --workspace --all-targets --all-features -- --deny warnings").run(screen)
}

fn tidy_up(root: &Path, screen: &Screen) -> Result<()> {
    let broken = tidy::check(&Repository::read(root)?);
    for line in tidy::lines(&broken) {
        screen.say(&format!("    {line}"));
    }
    if broken.is_empty() { Ok(()) } else { bail!("the house is not tidy") }
}

fn map_check(root: &Path, _: &Screen) -> Result<()> {
    match map::stale(&Repository::read(root)?)? {
        None => Ok(()),
        Some(line) => bail!("{line}; run `cargo xtask map` and commit what it writes"),
    }
}

fn services(_: &Path, screen: &Screen) -> Result<()> {
    services::ensure(screen)
}

fn tests(root: &Path, screen: &Screen) -> Result<()> {
    let servers = services::start(screen)?;
    let program = servers
        .urls()
        .into_iter()
        .fold(tests_of(root, ""), |program, (name, url)| program.variable(name, &url));
    program.run(screen)
}

fn tests_without_services(root: &Path, screen: &Screen) -> Result<()> {
    screen.say("    left out: each test in a module named `servers`");
    tests_of(root, " -- --skip servers::").run(screen)
}

fn tests_of(root: &Path, selection: &str) -> Program {
    let (runner, shows) = if tools::is_installed(root, "nextest") {
        ("nextest run", Shows::All)
    } else {
        ("test --lib --bins --tests", Shows::Output)
    };
    Program::cargo(root, &format!("{runner} --workspace --all-features --no-fail-fast{selection}"))
        // A change is judged by the same cases as the one before it. `cargo xtask fuzz` looks for more.
        .variable("PROPTEST_RNG_SEED", "1")
        .shows(shows)
}

fn doctests(root: &Path, screen: &Screen) -> Result<()> {
    let arguments = "test --doc --workspace --all-features --no-fail-fast";
    Program::cargo(root, arguments).shows(Shows::Output).run(screen)
}

fn docs(root: &Path, screen: &Screen) -> Result<()> {
    Program::cargo(root, "doc --workspace --all-features --no-deps")
        .variable("RUSTDOCFLAGS", "--deny warnings")
        .run(screen)
}

fn features(root: &Path, screen: &Screen) -> Result<()> {
    for member in Repository::read(root)?.crates.iter().filter(|member| member.is_product()) {
        for choice in choices(member) {
            Program::cargo(root, &format!("check --package {}{choice}", member.package)).run(screen)?;
        }
    }
    absent::check(root)
}

/// As it is, without what is on by itself, and with each feature.
fn choices(member: &Crate) -> Vec<String> {
    let mut choices = vec![String::new()];
    choices.extend(member.has_defaults.then(|| " --no-default-features".to_owned()));
    choices.extend(member.features.iter().map(|feature| format!(" --features {feature}")));
    choices
}

fn examples(root: &Path, screen: &Screen) -> Result<()> {
    for member in
        Repository::read(root)?.crates.iter().filter(|member| member.folder.starts_with("examples/"))
    {
        Program::cargo(root, &format!("build --package {}", member.package)).run(screen)?;
    }
    Ok(())
}

fn golden(root: &Path, screen: &Screen) -> Result<()> {
    start(root, screen, "golden")
}

fn web_api(root: &Path, screen: &Screen) -> Result<()> {
    start(root, screen, "golden --web-api")
}

fn demo(root: &Path, screen: &Screen) -> Result<()> {
    start(root, screen, "demo")
}

fn start(root: &Path, screen: &Screen, subcommand: &str) -> Result<()> {
    let arguments = format!("run --package {} -- {subcommand}", conformance::PACKAGE);
    Program::cargo(root, &arguments).shows(Shows::Output).run(screen)
}

/// Advisories are left to the forge: their database comes from the network.
fn deny(root: &Path, screen: &Screen) -> Result<()> {
    tools::ensure(root, "deny", screen)?;
    let arguments = "deny --workspace --all-features --config .github/deny.toml check bans licenses sources";
    Program::cargo(root, arguments).run(screen)
}
