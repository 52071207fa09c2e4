//! What the context of a call by the Azure SDK says counts; scopes of several resources are refused
//! before anything is sent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::golden::{
    request::Kind,
    scenario::{Call, Scenario, Step},
    story::{Scene, Story},
};

pub(super) fn apply(story: &mut Story, scenario: &Scenario) {
    for (scene, step) in story.steps.iter_mut().zip(&scenario.steps) {
        if step.call != Call::Azure {
            continue;
        }
        if resources(step).len() > 1 {
            scene.sent.clear();
            scene.result = json!({"error": {}});
            continue;
        }
        for (name, value) in &step.context {
            let Some(text) = value.as_str() else { continue };
            match crate::golden::play::said_as(name).as_str() {
                "tenant" => in_tenant(scene, text),
                "claims" => with_claims(scene, text),
                _ => {}
            }
        }
    }
    story.renumber(scenario);
}

/// Every leg asks the tenant of the call.
fn in_tenant(scene: &mut Scene, tenant: &str) {
    for sent in scene.sent.iter_mut().filter(|sent| sent.request.kind == Kind::Token) {
        let mut parts: Vec<&str> = sent.request.url.split('/').collect();
        if let Some(part) = parts.get_mut(3) {
            *part = tenant;
        }
        sent.request.url = parts.join("/");
    }
}

/// Claims are about the token that the API gets: the last one.
fn with_claims(scene: &mut Scene, claims: &str) {
    if let Some(sent) = scene.sent.iter_mut().rfind(|sent| sent.request.kind == Kind::Token) {
        sent.request.form.insert("claims".to_owned(), Value::from(claims));
    }
}

fn resources(step: &Step) -> BTreeSet<&str> {
    step.scopes.iter().filter_map(|scope| Some(scope.rsplit_once('/')?.0)).collect()
}
