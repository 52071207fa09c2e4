//! Options of a request lie over those of the handler, where the recorded library lets them
//! replace those and then misses the scopes.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::golden::{
    request::{Kind, Request},
    scenario::{Answer, Call, Scenario, Step},
    story::{Sent, Story},
};

/// Tells what the steps that failed for this come to.
pub(super) fn apply(story: &mut Story, scenario: &Scenario) -> Result<()> {
    let mut fresh = 1000;
    for (index, step) in scenario.steps.iter().enumerate() {
        let failed = story.steps.get(index).is_some_and(|scene| scene.result.get("error").is_some());
        let Some(defaults) = step.defaults.as_ref().filter(|_| step.call == Call::Handler && failed) else {
            continue;
        };
        let options = overlaid(defaults, &step.options);
        if options.get("RequestAppToken") != Some(&Value::Bool(true)) || options.get("Scopes").is_none() {
            continue;
        }
        let mut sent: Vec<Sent> = Vec::new();
        let mut shown = String::new();
        for leg in legs(scenario, step, &options)? {
            let leg = leg(&shown);
            let known = story.steps.iter().take(index).flat_map(|scene| &scene.sent);
            let cached = known.filter(|sent| sent.request == leg).find_map(|sent| sent.grant);
            let grant = cached.unwrap_or_else(|| {
                fresh += 1;
                sent.push(Sent { request: leg, grant: Some(fresh) });
                fresh
            });
            shown = format!("at-{grant}");
        }
        sent.push(Sent { request: call(step, &shown)?, grant: None });
        if let Some(scene) = story.steps.get_mut(index) {
            scene.sent = sent;
            scene.result = answer(step);
        }
    }
    story.renumber(scenario);
    Ok(())
}

fn overlaid(under: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut result = under.clone();
    for (name, value) in over {
        match (result.get_mut(name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => *under = overlaid(under, over),
            _ => drop(result.insert(name.clone(), value.clone())),
        }
    }
    result
}

/// A request for a token, given the token of the leg before.
type Leg = Box<dyn Fn(&str) -> Request>;

/// The app's request, or the two of an agent: the second shows what the first was granted.
fn legs(scenario: &Scenario, step: &Step, options: &Map<String, Value>) -> Result<Vec<Leg>> {
    let application = scenario.config.get("AzureAd").context("no application")?;
    let text = |name: &str| application.get(name).and_then(Value::as_str).context("not configured");
    let secret = application.pointer("/ClientCredentials/0/ClientSecret").and_then(Value::as_str);
    let acquire = |name: &str| options.get("AcquireTokenOptions")?.get(name)?.as_str();
    let tenant = acquire("Tenant").map_or_else(|| text("TenantId"), Ok)?;
    let url = format!("{}{tenant}/oauth2/v2.0/token", text("Instance")?);
    let scopes = options.get("Scopes").and_then(Value::as_array).into_iter().flatten();
    let scopes: Vec<&str> = scopes.filter_map(Value::as_str).collect();
    let proof = [("client_id", text("ClientId")?), ("client_secret", secret.context("not a secret")?)];
    let mut first = form(&url, &proof);
    let claims = acquire("Claims").map(str::to_owned);
    let last = |request: &mut Request, scopes: &[&str], claims: &Option<String>| {
        request.form.insert("scope".into(), scopes.join(" ").into());
        request.form.extend(claims.clone().map(|claims| ("claims".to_owned(), claims.into())));
    };
    let Some(agent) = &step.agent else {
        last(&mut first, &scopes, &claims);
        return Ok(vec![Box::new(move |_| first.clone())]);
    };
    last(&mut first, &["api://AzureADTokenExchange/.default"], &None);
    first.form.insert("fmi_path".into(), agent.app.as_str().into());
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let mut second = form(&url, &[("client_id", &agent.app), ("client_assertion_type", kind)]);
    last(&mut second, &scopes, &claims);
    let shows = move |assertion: &str| {
        let mut second = second.clone();
        second.form.insert("client_assertion".into(), assertion.into());
        second
    };
    Ok(vec![Box::new(move |_| first.clone()), Box::new(shows)])
}

fn form(url: &str, fields: &[(&str, &str)]) -> Request {
    let grant = [("grant_type", "client_credentials")];
    let fields = fields.iter().chain(&grant);
    Request {
        kind: Kind::Token,
        method: "POST".into(),
        url: url.into(),
        query: BTreeMap::new(),
        headers: BTreeMap::from([("content-type".into(), "application/x-www-form-urlencoded".into())]),
        form: fields.map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
        body: Value::Null,
        client_certificate: None,
    }
}

fn call(step: &Step, token: &str) -> Result<Request> {
    Ok(Request {
        kind: Kind::Api,
        method: step.verb.clone().unwrap_or_else(|| "GET".into()),
        url: step.url.clone().context("no url")?,
        query: BTreeMap::new(),
        headers: BTreeMap::from([("authorization".into(), format!("Bearer {token}"))]),
        form: BTreeMap::new(),
        body: Value::Null,
        client_certificate: None,
    })
}

fn answer(step: &Step) -> Value {
    match step.api_answers.first() {
        Some(Answer::Plain(answer)) => json!({"status": answer.status, "body": answer.body}),
        _ => json!({"status": 200, "body": {"ok": true}}),
    }
}
