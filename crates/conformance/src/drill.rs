//! `drill`: breaks what this project depends on while it works, and measures what its callers notice.

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
    /// Lets a day pass in minutes: nothing may grow.
    Soak(soak::Arguments),
}

/// Drills; the exit code tells whether everything held.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.drill {
        Drill::Soak(arguments) => soak::run(&arguments).await,
    }
}
