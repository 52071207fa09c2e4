//! `cargo xtask`: everything that is done to this repository, by people and by machines alike.

mod behaviours;
mod conformance;
mod fuzz;
mod gate;
mod map;
mod program;
mod progress;
mod repository;
mod rust_source;
mod services;
mod tidy;
mod tools;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{gate::Selection, repository::Repository};

/// Everything that is done to this repository, by people and by machines alike.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows the whole journey: an embedded Entra, real calls over loopback, a table at the end.
    ///
    /// Needs no account and no network. The exit code is 0 only if every row of the table holds.
    Demo {
        /// Further arguments of `conformance demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Runs the merge gate: all that must hold before a change goes in.
    ///
    /// Every step runs, whatever the ones before it said, and a table at the end tells which of
    /// them hold. What a step needs and does not find (cargo-deny, Redis, PostgreSQL, MariaDB), it
    /// installs, or says how.
    Test(Selection),
    /// Checks the rules of this house that rustc and Clippy do not know.
    ///
    /// They are also tests of this crate: `cargo test -p xtask`.
    Tidy,
    /// Writes the generated parts of the documents: the map of docs/architecture.md, the catalogue of
    /// docs/behaviours.md, the differences in docs/from-dotnet.md.
    Map {
        /// Only looks whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Breaks what this project depends on, under load, and measures what its callers notice.
    ///
    /// `drill cache` kills, freezes, fails over, slows down and cuts each store that instances share;
    /// `drill bound` renews a certificate a hundred times under calls with bound tokens;
    /// `drill soak` lets a day pass in minutes, and nothing may grow.
    Drill {
        /// Arguments of `conformance drill`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Measures the warm paths beside their floors and peers; in the bench profile.
    Bench {
        /// Arguments of `conformance bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Plays the recordings of Microsoft.Identity.Web against the public API.
    ///
    /// The last line is `agree N, wanted difference N, pending N, differ N`; the exit code is 0
    /// only if the last number is 0.
    Golden {
        /// Plays this folder of scenarios instead of the one that lies in the repository.
        folder: Option<PathBuf>,
        /// Plays the verdicts on bearer tokens instead.
        #[arg(long)]
        web_api: bool,
    },
    /// Throws whatever libFuzzer thinks of at what reads the texts of strangers, a minute each.
    ///
    /// The corpus is played in the gate as well; this is the search for more. It needs no nightly
    /// toolchain, but a C++ compiler.
    Fuzz(fuzz::Wish),
    /// Lets clients that nobody here wrote talk to the emulator, and ours to a server that nobody
    /// here wrote.
    ///
    /// Fetches them from PyPI, npm and crates.io, so it needs Python, Node and the network; it is
    /// not part of the gate.
    Conformance {
        /// Arguments of `conformance peers`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    let root = repository::root();
    match Arguments::parse().command {
        Command::Demo { rest } => conformance::start(&root, "demo", rest),
        Command::Bench { rest } => conformance::measure(&root, rest),
        Command::Drill { rest } => conformance::drill(&root, rest),
        Command::Conformance { rest } => conformance::start(&root, "peers", rest),
        Command::Golden { folder, web_api } => conformance::golden(&root, folder, web_api),
        Command::Fuzz(wish) => fuzz::run(&root, &wish),
        Command::Test(selection) => Ok(gate::run(&root, &selection)),
        Command::Tidy => Ok(tidy::report(&tidy::check(&Repository::read(&root)?))),
        Command::Map { check: true } => map::check(&Repository::read(&root)?),
        Command::Map { check: false } => map::write(&Repository::read(&root)?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["cargo xtask", "golden", "--web-api", "some/folder"]).is_ok());
        assert!(Arguments::try_parse_from(["cargo xtask", "fuzz", "--input", "file"]).is_err());
        assert!(Arguments::try_parse_from(["cargo xtask", "test", "--only", "clippy,tidy"]).is_ok());
        assert!(Arguments::try_parse_from(["cargo xtask", "test", "--only", "nonsense"]).is_err());
    }
}
