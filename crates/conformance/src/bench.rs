//! `bench`: measures what a warm token costs, beside the least that it could cost and beside peers,
//! in one run and by turns, so that a busy machine disturbs all of them alike.

mod agent;
mod azure;
mod call;
mod contest;
pub(crate) mod endpoint;
mod figure;
mod gate;
mod handle;
mod keyed;
mod memory;
mod on_behalf_of;
mod peer;
mod report;
mod shared;
mod stage;
mod turns;
mod validation;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use report::Report;
use stage::Stage;

use crate::bound::Speaks;

/// Measures the warm paths beside their floors and peers.
///
/// Each figure is the median of many short rounds in which ours, the floor and the peer take turns;
/// behind it stand the best and the worst round. The floor is the least that any library would have
/// to do. Nothing is tested here: the exit code is 0 whatever the figures are, unless --gate is
/// given.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measures only this; may be given several times.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Subject>,
    /// Fewer rounds, and a hundred thousand entries instead of a million.
    #[arg(long)]
    quick: bool,
    /// Fails where a figure misses its gate.
    #[arg(long)]
    gate: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// What the cache takes: bytes for each token, and a million users through a small budget.
    Memory,
    /// A token that another instance left in Redis.
    Shared,
    /// An application's header by a handle.
    Handle,
    /// An application's header by request, out of caches of several sizes.
    Keyed,
    /// A header on behalf of a user, the user's assertion made anew each time.
    Obo,
    /// An agent's header, and that of its user.
    Agent,
    /// A token through the trait of the Azure SDK.
    Azure,
    /// The validation of a caller's token.
    Validation,
    /// A whole call of an API.
    Call,
    /// The same with a token that is bound to a certificate, over TLS.
    Bound,
}

/// How much to measure.
#[derive(Debug, Clone, Copy)]
struct Effort {
    rounds: usize,
    calls: usize,
    most_entries: (usize, &'static str),
    most_users: (usize, &'static str),
}

/// Measures, and reports.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let effort = if arguments.quick {
        Effort {
            rounds: 300,
            calls: 1_000,
            most_entries: (100_000, "100,000 entries"),
            most_users: (100_000, "100,000"),
        }
    } else {
        Effort {
            rounds: 1_500,
            calls: 6_000,
            most_entries: (1_000_000, "1,000,000 entries"),
            most_users: (1_000_000, "1,000,000"),
        }
    };
    let subjects = if arguments.only.is_empty() { Subject::value_variants() } else { &arguments.only };
    let stage = Stage::set().await?;
    let mut report = Report::default();
    for subject in subjects {
        let contests = match subject {
            Subject::Memory => {
                memory::readings(effort.most_users)
                    .await?
                    .into_iter()
                    .for_each(|reading| report.read(reading));
                continue;
            }
            Subject::Shared => {
                report.add(shared::measure(effort.calls).await?);
                continue;
            }
            Subject::Handle => handle::contests(&stage).await?,
            Subject::Keyed => keyed::contests(&stage, effort.most_entries).await?,
            Subject::Obo => on_behalf_of::contests(&stage).await?,
            Subject::Agent => agent::contests(&stage).await?,
            Subject::Azure => azure::contests(&stage).await?,
            Subject::Validation => validation::contests(&stage).await?,
            Subject::Call => {
                report.add(call::measure(&stage, effort.calls).await?);
                continue;
            }
            Subject::Bound => {
                for speaks in [Speaks::Http1, Speaks::Http2] {
                    report.add(call::measure_bound(effort.calls, speaks).await?);
                }
                continue;
            }
        };
        for contest in contests {
            report.add(contest.measure(effort.rounds)?);
        }
    }
    report.close();
    Ok(if arguments.gate && !report.holds() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
