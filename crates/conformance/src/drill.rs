//! `drill`: breaks what this project depends on while it works, and measures what its callers notice.

mod bound;
mod cache;
mod soak;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Breaks what the acquirers depend on, under load, and measures what callers notice.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    drill: Drill,
}

#[derive(Debug, Subcommand)]
enum Drill {
    /// Renews a certificate a hundred times under ten thousand calls with bound tokens.
    Bound(bound::Arguments),
    /// Kills, freezes, fills, slows down, cuts and fails over each store that instances share; kills
    /// instances in the middle of writes; starts ten of them at once.
    Cache(cache::Arguments),
    /// What the drill starts to kill it: keeps writing records.
    #[command(hide = true)]
    KeepWriting(cache::KeepWriting),
    /// Lets a day pass in minutes: nothing may grow.
    Soak(soak::Arguments),
}

/// Drills; the exit code tells whether everything held.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.drill {
        Drill::Bound(arguments) => bound::run(&arguments).await,
        Drill::Cache(arguments) => cache::run(arguments).await,
        Drill::KeepWriting(arguments) => cache::keep_writing(arguments).await,
        Drill::Soak(arguments) => soak::run(&arguments).await,
    }
}
