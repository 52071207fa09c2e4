//! Wanted differences that are said by a rule, so that they also hold for scenarios that are not
//! at hand.

mod azure;
mod cache;
mod overlay;
mod tenant;
#[cfg(test)]
mod tests;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{request::Kind, scenario::Scenario, story::Story};

/// What we do instead, for every step of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// The chain in an assertion's header is a list, as RFC 7515 says.
    ChainIsAList,
    /// An app token needs a tenant: without one nothing is sent.
    AppTokenNeedsTenant,
    /// A query holds exactly what was configured, encoded.
    QueryFromInput,
    /// The cache answers by the table of the architecture: one record per request, and a good token
    /// is served to its end.
    CacheTable,
    /// An answer to HEAD has no body.
    NoBodyForHead,
    /// A failure names the endpoint that was asked.
    NamesTheEndpoint,
    /// Options of a request lie over those of the handler.
    OptionsOverlay,
    /// What the Azure SDK's context says counts, and scopes of two resources are refused.
    AzureContext,
}

impl Rule {
    /// Changes the story accordingly.
    pub(crate) fn apply(self, story: &mut Story, scenario: &Scenario) -> Result<()> {
        match self {
            Self::ChainIsAList => chain_is_a_list(story),
            Self::AppTokenNeedsTenant => tenant::apply(story, scenario),
            Self::QueryFromInput => query_from_input(story, scenario),
            Self::CacheTable => cache::apply(story, scenario)?,
            Self::NoBodyForHead => no_body_for_head(story),
            Self::NamesTheEndpoint => names_the_endpoint(story),
            Self::OptionsOverlay => overlay::apply(story, scenario)?,
            Self::AzureContext => azure::apply(story, scenario),
        }
        Ok(())
    }
}

fn chain_is_a_list(story: &mut Story) {
    for sent in story.steps.iter_mut().flat_map(|scene| &mut scene.sent) {
        let assertion = sent.request.form.get_mut("client_assertion");
        if let Some(is_array) = assertion.and_then(|jwt| jwt.pointer_mut("/jwt/header/x5c/is_array")) {
            *is_array = Value::Bool(true);
        }
    }
}

fn query_from_input(story: &mut Story, scenario: &Scenario) {
    let texts = |section: Option<&Value>| -> Map<String, Value> {
        section.and_then(|section| section.get(QUERY)).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    for (scene, step) in story.steps.iter_mut().zip(&scenario.steps) {
        let mut query = texts(scenario.config.get("AzureAd"));
        query.extend(texts(step.options.get("AcquireTokenOptions")));
        for sent in scene.sent.iter_mut().filter(|sent| sent.request.kind == Kind::Token) {
            sent.request.query = query.clone().into_iter().collect();
        }
    }
}

const QUERY: &str = "ExtraQueryParameters";

fn no_body_for_head(story: &mut Story) {
    for scene in &mut story.steps {
        let is_head = scene.sent.last().is_some_and(|sent| sent.request.method == "HEAD");
        if !is_head {
            continue;
        }
        if let Some(body) = scene.result.get_mut("body") {
            *body = Value::from("");
        }
        if let Some(value) = scene.result.get_mut("value") {
            *value = Value::Null;
        }
    }
}

fn names_the_endpoint(story: &mut Story) {
    for scene in &mut story.steps {
        let asked = scene.sent.iter().rfind(|sent| sent.request.kind == Kind::Token);
        let host = asked.and_then(|sent| sent.request.url.split('/').nth(2)).map(str::to_owned);
        if let (Some(host), Some(Value::Object(error))) = (host, scene.result.get_mut("error")) {
            error.insert("names".into(), json!([host]));
        }
    }
}
