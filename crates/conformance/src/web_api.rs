//! Plays the recorded verdicts of Microsoft.Identity.Web on bearer tokens against `entra-web-api`:
//! a server that it protects, over HTTP, with the authority's metadata served over TLS.
//!
//! Every recorded case is played. Where we answer otherwise, `deviations.toml` must say what the
//! token is like, what we do instead, and why.

mod api;
mod claims;
mod deviation;
mod metadata;
mod recording;
mod situation;
mod token;
mod verdict;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use anyhow::{Context, Result};
use entra_abstractions::{Misconfigured, Section};
use entra_web_api::TokenValidator;
use serde_json::Value;

use api::Api;
use deviation::Deviations;
use metadata::Authority;
use recording::{Case, Profile, Recording};
use situation::Situation;
use verdict::Verdict;

/// How the cases went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) agree: usize,
    pub(crate) wanted: usize,
    pub(crate) pending: usize,
    pub(crate) differ: usize,
}

impl Tally {
    /// Whether nothing differs that is not wanted.
    pub(crate) fn is_green(self) -> bool {
        self.differ == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agree, wanted, pending, differ } = self;
        write!(f, "agree {agree}, wanted difference {wanted}, pending {pending}, differ {differ}")
    }
}

/// Plays a folder, or the recording that this repository keeps.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) async fn run(folder: Option<PathBuf>) -> Result<Tally> {
    let folder =
        folder.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/web-api")));
    let recording = Recording::read(&folder)?;
    let deviations = Deviations::read()?;
    let authority = Authority::start(&recording.documents).await?;
    let outage = Authority::start_broken(&recording.documents).await?;
    let mut tally = Tally::default();
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, profile) in &recording.profiles {
        let cases: Vec<&Case> = recording.cases.iter().filter(|case| case.profile == *name).collect();
        if let Some(why) = pending(name, profile) {
            println!("pending: {name}, {} cases ({why})", cases.len());
            tally.pending += cases.len();
            continue;
        }
        let authority = if profile.metadata_available { &authority } else { &outage };
        let stage = Stage::open(profile, authority).await.with_context(|| name.clone())?;
        for case in cases {
            let ours = stage.play(case).await.with_context(|| case.id.clone())?;
            let differences = Verdict::recorded(case).differences(&ours, stage.maps_claims);
            if differences.is_empty() {
                tally.agree += 1;
                continue;
            }
            let situation = Situation::new(case, profile, &recording.documents);
            if let Some(deviation) = deviations.explain(&situation, case, &ours) {
                *wanted.entry(deviation.when()).or_default() += 1;
                tally.wanted += 1;
                continue;
            }
            tally.differ += 1;
            println!("differ: {}, {} ({})", case.id, case.story, case.endpoint);
            for difference in differences {
                println!("  {difference}");
            }
        }
    }
    for (when, count) in wanted {
        println!("wanted difference: {count:3}  {when}");
    }
    println!("{tally}");
    Ok(tally)
}

/// What this version does not do, and says so at start-up.
fn pending(name: &str, profile: &Profile) -> Option<String> {
    if !name.starts_with("decrypt") {
        return None;
    }
    let fault = TokenValidator::from_section(&profile.section()).err()?;
    Some(fault.faults().iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// A profile's API, or why there is none.
struct Stage {
    api: Result<Api, Misconfigured>,
    maps_claims: bool,
}

impl Stage {
    async fn open(profile: &Profile, authority: &Authority) -> Result<Self> {
        let section: Section = profile.section();
        let api = Api::start(&section, authority.http()).await?;
        let maps_claims = profile.section.get("MapInboundClaims") != Some(&Value::Bool(false));
        Ok(Self { api, maps_claims })
    }

    async fn play(&self, case: &Case) -> Result<Verdict> {
        match &self.api {
            Err(fault) => Ok(Verdict::RefusedAtStart(fault.clone())),
            Ok(api) => match api.fault_of(&case.endpoint) {
                Some(fault) => Ok(Verdict::RefusedAtStart(fault.clone())),
                None => Verdict::observe(api.address(), case).await,
            },
        }
    }
}
