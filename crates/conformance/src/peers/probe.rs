//! Plays a script that drives one foreign client, and hears its verdicts: a JSON line each.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use anyhow::Result;
use serde::Deserialize;

use super::{
    program::{command, run, script, undisturbed},
    screen::Screen,
    setting::Setting,
    verdict::{Verdict, Verdicts},
};

/// A script and what runs it.
pub(super) struct Probe {
    program: OsString,
    script: &'static str,
    /// Node's packages are found from here.
    packages: Option<PathBuf>,
}

/// What a probe prints: who it is, then its scenarios, then that it came to its end.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Client { client: String, version: String },
    Scenario { scenario: String, flaw: Option<String> },
    End { end: bool },
}

const PLAYED_IN: Duration = Duration::from_secs(180);

impl Probe {
    pub(super) fn python(interpreter: PathBuf, script: &'static str) -> Self {
        Self { program: interpreter.into(), script, packages: None }
    }

    pub(super) fn node(packages: PathBuf, script: &'static str) -> Self {
        Self { program: "node".into(), script, packages: Some(packages) }
    }

    pub(super) async fn play(
        self,
        setting: &Setting,
        screen: &Screen,
        verdicts: &mut Verdicts,
    ) -> Result<()> {
        let mut command = command(&self.program);
        undisturbed(&mut command).arg(script(self.script)).arg(&setting.path);
        // Nothing is left beside the scripts; and Node trusts a private authority only so.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_EXTRA_CA_CERTS", &setting.ca);
        command.args(self.packages);

        let (mut client, mut version, mut came_to_its_end) = (self.script.to_owned(), String::new(), false);
        let played = run(&mut command, PLAYED_IN, |line| match serde_json::from_str(line) {
            Ok(Line::Client { client: name, version: number }) => (client, version) = (name, number),
            Ok(Line::Scenario { scenario, flaw }) => verdicts
                .add(screen, Verdict { client: client.clone(), version: version.clone(), scenario, flaw }),
            Ok(Line::End { end }) => came_to_its_end = end,
            // What else it says is told if it fails.
            Err(_) => {}
        })
        .await;
        let flaw = match played {
            Err(error) => Some(format!("{error:#}")),
            Ok(()) if !came_to_its_end => Some("the probe ended before its end".to_owned()),
            Ok(()) => None,
        };
        if flaw.is_some() {
            verdicts.add(screen, Verdict { client, version, scenario: "its probe runs".to_owned(), flaw });
        }
        Ok(())
    }
}
