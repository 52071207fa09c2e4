//! The merge gate: one list of steps, the same on a desk and on the forge.

mod absent;
mod steps;

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Args, builder::PossibleValuesParser};

use self::steps::{STEPS, WITHOUT_SERVICES};
use crate::progress::{self, Screen};

/// One step of the gate.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Path, &Screen) -> Result<()>,
}

/// Which steps to run; all, where nothing is said.
#[derive(Args)]
pub(crate) struct Selection {
    /// Runs these steps only.
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = names(), hide_possible_values = true)]
    only: Vec<String>,
    /// Begins with this step.
    #[arg(long, value_name = "STEP", conflicts_with = "only", value_parser = names(), hide_possible_values = true)]
    from: Option<String>,
    /// Leaves out the tests that need a Redis, PostgreSQL or MariaDB: for systems that have no packages
    /// of them, such as Windows.
    #[arg(long)]
    without_services: bool,
    /// Stops at the first step that fails.
    #[arg(long)]
    fail_fast: bool,
    /// Lists the steps and runs none.
    #[arg(long)]
    list: bool,
}

struct Outcome {
    name: &'static str,
    is_good: bool,
    took: Duration,
}

/// Runs the selected steps and tells how each of them went.
pub(crate) fn run(root: &Path, selection: &Selection) -> ExitCode {
    if selection.list {
        for step in selection.known() {
            progress::say(&format!("{:<10} {}", step.name, step.about));
        }
        return ExitCode::SUCCESS;
    }
    let mut outcomes = Vec::new();
    for step in selection.steps() {
        let outcome = step.perform(root);
        let stops = selection.fail_fast && !outcome.is_good;
        outcomes.push(outcome);
        if stops {
            break;
        }
    }
    for line in summary(&outcomes) {
        progress::say(&line);
    }
    let is_good = outcomes.iter().all(|outcome| outcome.is_good);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Step {
    fn perform(&self, root: &Path) -> Outcome {
        let screen = Screen::begin(self.name, self.about);
        let result = (self.run)(root, &screen);
        if let Err(error) = &result {
            screen.say(&format!("    {error:#}"));
        }
        let is_good = result.is_ok();
        Outcome { name: self.name, is_good, took: screen.end(is_good) }
    }
}

impl Selection {
    /// All steps there are, as they are run.
    fn known(&self) -> impl Iterator<Item = &'static Step> {
        let is_left_out = |step: &&Step| self.without_services && step.name == "services";
        STEPS.iter().filter(move |step| !is_left_out(step)).map(|step| match step.name {
            "tests" if self.without_services => &WITHOUT_SERVICES,
            _ => step,
        })
    }

    fn steps(&self) -> impl Iterator<Item = &'static Step> {
        self.known()
            .skip_while(|step| self.from.as_ref().is_some_and(|from| from != step.name))
            .filter(|step| self.only.is_empty() || self.only.iter().any(|name| name == step.name))
    }
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

fn summary(outcomes: &[Outcome]) -> Vec<String> {
    let mut lines = vec![String::new(), format!("{:<12} {:<8} {}", "step", "result", "time")];
    for Outcome { name, is_good, took } in outcomes {
        let result = if *is_good { "ok" } else { "FAILED" };
        lines.push(format!("{name:<12} {result:<8} {}", progress::words(*took)));
    }
    let good = outcomes.iter().filter(|outcome| outcome.is_good).count();
    let took = outcomes.iter().map(|outcome| outcome.took).sum();
    lines.push(format!("gate: {good} of {} steps hold, {}", outcomes.len(), progress::words(took)));
    lines
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        selection: Selection,
    }

    fn check(arguments: &[&str], first: &str, count: usize) {
        let line = Line::try_parse_from(["test"].iter().chain(arguments)).unwrap();
        let steps: Vec<_> = line.selection.steps().map(|step| step.name).collect();
        assert_eq!((steps.first().copied(), steps.len()), (Some(first), count), "{arguments:?}");
    }

    #[test]
    fn steps_are_chosen() {
        check(&[], "fmt", STEPS.len());
        check(&["--from", "clippy"], "clippy", STEPS.len() - 1);
        check(&["--only", "tidy,clippy"], "clippy", 2);
        check(&["--only", "services,tests"], "services", 2);
        check(&["--only", "services,tests", "--without-services"], "tests", 1);
        check(&["--without-services"], "fmt", STEPS.len() - 1);
        assert!(Line::try_parse_from(["test", "--from", "nonsense"]).is_err());
    }

    #[test]
    fn the_table_at_the_end() {
        let outcome = |name, is_good| Outcome { name, is_good, took: Duration::from_secs(61) };
        expect_test::expect![[r"

            step         result   time
            fmt          ok       1 min 01 s
            clippy       FAILED   1 min 01 s
            gate: 1 of 2 steps hold, 2 min 02 s"]]
        .assert_eq(&summary(&[outcome("fmt", true), outcome("clippy", false)]).join("\n"));
    }
}
