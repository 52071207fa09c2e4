//! The main job, for a person to see: an embedded Entra, the example web APIs, and every call of
//! theirs, made for real over HTTP on loopback. No account, no network.

mod host;
mod scenario;
mod settings;
mod stage;
mod table;
mod thief;

use std::process::ExitCode;

use anyhow::Result;

use host::Host;
use scenario::{SCENARIOS, Told};
use stage::Stage;

/// How to run the demo.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Tell only the closing table, not each request.
    #[arg(long)]
    brief: bool,
}

#[expect(clippy::print_stdout, reason = "what it prints is the demo")]
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let stage = Stage::start().await?;
    println!("{}\n", stage.described());

    let mut told = Vec::new();
    for scenario in SCENARIOS {
        // Each story begins with an empty cache, so that its numbers are its own.
        let mut host = Host::start(scenario.api, &stage).await?;
        if !arguments.brief {
            println!("{}\n  {} {}", scenario.story, scenario.method, scenario.path);
        }
        let result = scenario.play(&mut host, &stage).await?;
        if !arguments.brief {
            for line in &result.traffic {
                println!("    {line}");
            }
            println!("  = {}\n", result.answer);
        }
        told.push(result);
    }
    println!("{}\n{LEGEND}", table::of(&told));
    let failed = told.iter().filter(|told| !told.holds).count();
    if failed == 0 {
        println!("All {} hold.", told.len());
        return Ok(ExitCode::SUCCESS);
    }
    for Told { name, why, .. } in told.iter().filter(|told| !told.holds) {
        println!("{name}: {why}");
    }
    println!("{failed} of {} do not hold.", told.len());
    Ok(ExitCode::FAILURE)
}

const LEGEND: &str = "\
cold: requests for tokens at Entra, or at the host, for the first call. warm: for the same call again; in
another instance, after a restart or twelve hours later, where the scenario says so.
seed: the document that shows the call.";
