//! The drills of the stores that instances share: each breaks one of them while an application that
//! uses it is under load, and holds what its callers noticed against what was promised.

mod away;
mod cold;
mod crash;
mod instance;
mod load;
mod outage;
mod stand;
mod table;
mod watched;

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use entra_emulator::Emulator;

pub(super) use crash::{KeepWriting, keep_writing};
pub(crate) use instance::KEY;
use stand::{Fault, Kind, Stand};
use table::{Report, say};

/// Breaks each store under load.
///
/// Half of the load has no store: what the store costs its callers while it is broken is the
/// difference, at the same moments. What it costs once it is taken for away is measured call by call,
/// beside an acquirer without one.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Drills only this store; may be given several times.
    #[arg(long, value_enum, value_name = "STORE")]
    only: Vec<Kind>,
    /// Drills only this; may be given several times.
    #[arg(long, value_enum, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Shorter outages, and a few kills of an instance instead of a thousand: under a minute.
    #[arg(long)]
    quick: bool,
}

/// How much to do.
#[derive(Debug, Clone, Copy)]
struct Effort {
    calm: Duration,
    outage: Duration,
    after: Duration,
    kills: usize,
    pairs: usize,
}

const FULL: Effort = Effort {
    calm: Duration::from_secs(1),
    outage: Duration::from_secs(5),
    after: Duration::from_secs(1),
    kills: 1_000,
    pairs: 20_000,
};

const QUICK: Effort = Effort {
    calm: Duration::from_millis(300),
    outage: Duration::from_millis(1_500),
    after: Duration::from_millis(300),
    kills: 10,
    pairs: 2_000,
};

/// Drills, and reports.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let effort = if arguments.quick { QUICK } else { FULL };
    let emulator = Emulator::start().await?;
    let mut report = Report::default();
    for kind in chosen(&arguments.only) {
        say(&format!("starting {} ..", kind.name()));
        let stand = Stand::start(kind)?;
        for fault in chosen(&arguments.fault).into_iter().filter(|fault| kind.suffers(*fault)) {
            report.outage(outage::drill(&emulator, &stand, fault, effort).await?);
        }
        if arguments.fault.is_empty() {
            if kind.survives_a_crash() {
                report.crash(crash::drill(&stand, effort.kills).await?);
            }
            if kind == Kind::Redis {
                report.cold(cold::drill(&emulator, &stand).await?);
            }
        }
    }
    if arguments.only.is_empty() && arguments.fault.is_empty() {
        say("taking turns with a store that is away ..");
        report.away(away::measure(effort.pairs).await?);
    }
    report.close();
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen<T: clap::ValueEnum>(wanted: &[T]) -> Vec<T> {
    if wanted.is_empty() { T::value_variants().to_vec() } else { wanted.to_vec() }
}
