//! Plays recordings and foreign clients against the public API of entra-rs: each subcommand is one
//! judge, and its exit code is the verdict.

mod bench;
mod bound;
mod bound_api;
#[cfg(test)]
mod challenged;
mod demo;
#[cfg(test)]
mod documented;
mod drill;
mod golden;
mod http;
mod peers;
mod pki;
mod process;
mod web_api;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Judges of entra-rs that share no code with it. `cargo xtask` starts this program.
#[derive(Parser)]
#[command(name = "entra-conformance", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures the warm paths beside their floors and peers.
    Bench(bench::Arguments),
    /// Shows every call of the documents, for real, with an embedded Entra.
    Demo(demo::Arguments),
    /// Breaks what the acquirers depend on, and measures what their callers notice.
    Drill(drill::Arguments),
    /// Plays the recordings of Microsoft.Identity.Web against the public API.
    Golden(golden::Arguments),
    /// Lets foreign clients talk to the emulator, and ours to a foreign authorization server.
    Peers(peers::Arguments),
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Drill(arguments) => drill::run(arguments).await,
        Command::Golden(arguments) => golden::run(arguments).await,
        Command::Peers(arguments) => peers::run(arguments).await,
    }
}
