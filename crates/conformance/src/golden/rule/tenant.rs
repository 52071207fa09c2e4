//! An app token needs a tenant: where the recorded library asks `common` or nobody for one, we
//! refuse before anything is sent. Later tokens have lower numbers for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::golden::{request::Request, scenario::Scenario, story::Story};

/// Drops the requests that no tenant can answer, and what they were granted.
pub(super) fn apply(story: &mut Story, scenario: &Scenario) {
    let mut dropped = BTreeSet::new();
    for scene in &mut story.steps {
        let (kept, refused): (Vec<_>, Vec<_>) =
            scene.sent.drain(..).partition(|sent| has_tenant(&sent.request));
        scene.sent = kept;
        dropped.extend(refused.into_iter().filter_map(|sent| sent.grant));
        let header = scene.result.get("header").and_then(Value::as_str).unwrap_or_default();
        let number = header.strip_prefix("Bearer at-").and_then(|number| number.parse().ok());
        if number.is_some_and(|number: u32| dropped.contains(&number)) {
            scene.result = json!({"error": {"names": ["tenant"]}});
        }
    }
    story.renumber(scenario);
}

fn has_tenant(request: &Request) -> bool {
    let is_app = request.form_text("grant_type") == Some("client_credentials");
    let tenant = request.url.split('/').nth(3).unwrap_or_default();
    !is_app || !["", "common", "organizations", "consumers"].contains(&tenant)
}
