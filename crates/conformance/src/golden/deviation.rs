//! The differences that we want: what we do instead is asserted like any recording.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{
    request::Request,
    rule::Rule,
    scenario::Scenario,
    story::{Scene, Sent, Story},
};

/// `deviations.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviations {
    deviation: Vec<Deviation>,
}

/// One wanted difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    /// The numbers of the scenarios that it concerns.
    scenarios: Vec<String>,
    /// The heading under which `docs/from-dotnet.md` has it.
    area: String,
    /// What Microsoft.Identity.Web does.
    there: String,
    /// What we do.
    here: String,
    reason: String,
    /// What we do instead, said once for all steps.
    rule: Option<Rule>,
    /// What we do instead, step by step.
    #[serde(default)]
    step: Vec<Change>,
}

/// How one step differs from its recording.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Counted from one.
    number: usize,
    /// The recorded requests, counted from one, in the order in which we send them.
    order: Option<Vec<usize>>,
    /// The requests that we send, in place of the recorded ones.
    requests: Option<Vec<Value>>,
    /// Members of a request, counted from one, that are different (RFC 7386).
    #[serde(default)]
    request: BTreeMap<String, Value>,
    result: Option<Value>,
}

impl Deviations {
    /// Reads the file.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let deviations: Self = toml::from_str(text)?;
        for deviation in &deviations.deviation {
            let Deviation { scenarios, area, there, here, reason, .. } = deviation;
            for (key, text) in [("area", area), ("there", there), ("here", here), ("reason", reason)] {
                ensure!(!text.trim().is_empty(), "{scenarios:?}: no {key}");
            }
            let says = deviation.rule.is_some() || !deviation.step.is_empty();
            ensure!(says, "{:?}: does not say what we do instead", deviation.scenarios);
        }
        Ok(deviations)
    }

    /// The story that we tell of a scenario, and why it is not the recorded one, where it is not.
    pub(crate) fn apply(&self, scenario: &Scenario) -> Result<(Story, Vec<&str>)> {
        let mut story = Story::recorded(scenario);
        let mut reasons = Vec::new();
        for deviation in self.of(scenario) {
            let before = story.clone();
            if let Some(rule) = deviation.rule {
                rule.apply(&mut story, scenario)?;
            }
            for change in &deviation.step {
                change
                    .apply(&mut story)
                    .with_context(|| format!("the deviation of step {}", change.number))?;
            }
            // A rule may find nothing to change in a scenario that merely carries its number.
            if before != story {
                reasons.push(deviation.reason.as_str());
            }
        }
        Ok((story, reasons))
    }

    fn of(&self, scenario: &Scenario) -> impl Iterator<Item = &Deviation> {
        let number = scenario.number();
        self.deviation.iter().filter(move |deviation| deviation.scenarios.iter().any(|name| name == number))
    }

    /// Whether anything else than the recording is wanted of a scenario.
    #[cfg(test)]
    pub(crate) fn concerns(&self, scenario: &Scenario) -> bool {
        self.of(scenario).next().is_some()
    }
}

impl Change {
    fn apply(&self, story: &mut Story) -> Result<()> {
        let scene = story.steps.get_mut(self.number.wrapping_sub(1)).context("there is no such step")?;
        if let Some(order) = &self.order {
            let sent = |number: &usize| scene.sent.get(number.wrapping_sub(1)).cloned();
            scene.sent = order.iter().map(sent).collect::<Option<_>>().context("there is no such request")?;
        }
        if let Some(requests) = &self.requests {
            scene.sent = requests.iter().map(request).collect::<Result<_>>()?;
        }
        for (number, patch) in &self.request {
            patch_request(scene, number, patch)?;
        }
        if let Some(result) = &self.result {
            scene.result = result.clone();
        }
        Ok(())
    }
}

fn request(written: &Value) -> Result<Sent> {
    let request: Request = serde_json::from_value(written.clone())?;
    Ok(Sent { request, grant: None })
}

fn patch_request(scene: &mut Scene, number: &str, patch: &Value) -> Result<()> {
    let index = number.parse::<usize>()?.wrapping_sub(1);
    let sent = scene.sent.get_mut(index).context("there is no such request")?;
    for (part, patch) in patch.as_object().into_iter().flatten() {
        if let ("url", Some(url)) = (part.as_str(), patch.as_str()) {
            url.clone_into(&mut sent.request.url);
            continue;
        }
        let Value::Object(patch) = patch else { bail!("{part}: members are expected") };
        let members = match part.as_str() {
            "form" => &mut sent.request.form,
            "query" => &mut sent.request.query,
            "headers" => {
                for (name, value) in patch {
                    let value = value.as_str().context("a header is text")?;
                    sent.request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
                }
                continue;
            }
            _ => bail!("{part}: form, query or headers are expected"),
        };
        for (name, patch) in patch {
            merge(members.entry(name.clone()).or_default(), patch);
        }
    }
    Ok(())
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, patch) in patch {
                merge(into.entry(name.clone()).or_insert(Value::Null), patch);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}
