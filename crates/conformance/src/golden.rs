//! `golden`: plays the recordings of Microsoft.Identity.Web against the public API, through the
//! real HTTP stack, and tells every difference.

mod capture;
mod certificates;
mod compare;
mod deviation;
mod outcome;
mod pending;
mod play;
mod report;
mod request;
mod rule;
mod scenario;
mod script;
mod server;
mod story;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use compare::Difference;
use deviation::Deviations;
use outcome::Expected;
use pending::PendingList;
use play::{Played, Theatre};
use report::{Report, Verdict};
use scenario::Scenario;
use story::Story;

pub(crate) use certificates::Servers;

use crate::web_api;

/// Plays recordings against the public API. The exit code is 0 only where nothing differs that is
/// not wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder of scenarios; `keys` lie beside it. The recordings of this crate where none is
    /// given.
    folder: Option<PathBuf>,
    /// Plays the verdicts on bearer tokens against the protection of a web API instead.
    #[arg(long)]
    web_api: bool,
}

/// Plays, and reports.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    if arguments.web_api {
        let tally = web_api::run(arguments.folder).await?;
        return Ok(if tally.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let folder = arguments.folder.unwrap_or_else(|| data().join("scenarios"));
    let report = play_folder(&folder).await?;
    report.print(&mut std::io::stdout().lock())?;
    Ok(if report.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where this crate keeps the recordings.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/golden")
}

/// More at a time would only wait for each other.
const AT_ONCE: usize = 8;

/// A play takes milliseconds: its clock is its own.
const LONGEST: Duration = Duration::from_secs(60);

async fn play_folder(folder: &Path) -> Result<Report> {
    let deviations =
        Deviations::read(&fs::read_to_string(data().join("deviations.toml"))?).context("deviations.toml")?;
    let pending =
        PendingList::read(&fs::read_to_string(data().join("pending.toml"))?).context("pending.toml")?;
    let written = read_folder(folder)?;
    let theatre = theatre(folder, &written)?;
    let plays = written.into_iter().map(|(name, written)| {
        let (deviations, pending, theatre) = (&deviations, &pending, &theatre);
        async move {
            let verdict = match pending.reason(&name) {
                Some(reason) => Verdict::Pending(reason.to_owned()),
                None => judge(written, deviations, theatre).await.unwrap_or_else(|error| {
                    Verdict::Differs(vec![Difference::new(
                        "play",
                        "a scenario that can be played",
                        format!("{error:#}"),
                    )])
                }),
            };
            (name, verdict)
        }
    });
    Ok(Report::new(stream::iter(plays).buffered(AT_ONCE).collect().await))
}

/// Every scenario of a folder, by name.
fn read_folder(folder: &Path) -> Result<Vec<(String, Value)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            // One broken file is one scenario that differs, and no reason to play none.
            let written: Value = serde_json::from_str(&fs::read_to_string(&path)?)
                .unwrap_or_else(|error| Value::String(format!("not JSON: {error}")));
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, written));
        }
    }
    ensure!(!found.is_empty(), "no scenario in {}", folder.display());
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

fn theatre(folder: &Path, written: &[(String, Value)]) -> Result<Theatre> {
    let mut hosts = BTreeSet::new();
    for (_, scenario) in written {
        collect_hosts(scenario, &mut hosts);
    }
    let beside = folder.parent().filter(|beside| beside.join("keys").is_dir());
    Ok(Theatre {
        folder: beside.map_or_else(data, Path::to_owned),
        servers: Servers::mint(&hosts)?,
        hosts: hosts.into_iter().collect(),
    })
}

/// Every host that a text names as part of a URL, so that nothing can be sent past the play.
fn collect_hosts(value: &Value, hosts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for rest in text.split("https://").skip(1).chain(text.split("http://").skip(1)) {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)));
                let host = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                if host.contains('.') {
                    hosts.insert(host.trim_end_matches('.').to_ascii_lowercase());
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_hosts(item, hosts)),
        Value::Object(members) => members.values().for_each(|member| collect_hosts(member, hosts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Plays one scenario and says how it went.
async fn judge(written: Value, deviations: &Deviations, theatre: &Theatre) -> Result<Verdict> {
    let scenario: Scenario = serde_json::from_value(written).context("the scenario is not understood")?;
    let (story, reasons) = deviations.apply(&scenario)?;
    let played = tokio::time::timeout(LONGEST, play::play(&scenario, theatre)).await;
    let played = played.context("the play does not end: something waits for what never comes")??;
    let differences = compare(&story, &scenario, &played)?;
    Ok(if !differences.is_empty() {
        Verdict::Differs(differences)
    } else if reasons.is_empty() {
        Verdict::Agrees
    } else {
        Verdict::Wanted(reasons.into_iter().map(str::to_owned).collect())
    })
}

/// The differences from the story, in the order of requests that it allows and that fits best.
fn compare(story: &Story, scenario: &Scenario, played: &[Played]) -> Result<Vec<Difference>> {
    let mut first = None;
    for order in story.orders(scenario) {
        let found = compare_steps(&order, scenario, played)?;
        if found.is_empty() {
            return Ok(found);
        }
        first.get_or_insert(found);
    }
    Ok(first.unwrap_or_default())
}

fn compare_steps(story: &Story, scenario: &Scenario, played: &[Played]) -> Result<Vec<Difference>> {
    let scripted = story::scripted_errors(scenario);
    let mut found = Vec::new();
    for (index, ((scene, step), played)) in story.steps.iter().zip(&scenario.steps).zip(played).enumerate() {
        let named = story::named_headers(scenario, step);
        let mut here = compare::requests(&scene.requests(), &played.requests, &named);
        here.extend(compare::outcome(&Expected::read(&scene.result, &scripted)?, &played.outcome));
        for difference in &mut here {
            difference.place = format!("step {}, {}", index + 1, difference.place);
        }
        found.extend(here);
    }
    Ok(found)
}
