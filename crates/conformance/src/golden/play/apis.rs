//! Steps that call a downstream API, named in the configuration or described by the options.

use anyhow::{Context, Result, bail};
use entra_abstractions::{Misconfigured, Section};
use entra_agent_identities::AgentIdentities;
use entra_downstream_api::{Api, CallError, Caller};
use http::Method;
use serde_json::{Value, json};

use super::{Player, body, options, refusal, refused};
use crate::golden::{
    outcome::{Failure, Outcome, Refusal},
    scenario::{Call, Step, Whose},
};

impl Player<'_> {
    /// Makes the call of a step.
    pub(super) async fn api(&self, step: &Step, tokens: &AgentIdentities) -> Result<Outcome> {
        let api = match self.build_api(step, tokens) {
            Ok(api) => api,
            Err(fault) => return Ok(refused(fault)),
        };
        let caller = match self.caller(step, &api)? {
            Ok(caller) => caller,
            Err(outcome) => return Ok(outcome),
        };
        let (mut caller, method) = if step.api.is_some() { overlay(caller, step)? } else { (caller, None) };
        options::apply(caller.as_mut(), &step.options)?;
        let caller = options::with_agent(caller, step);
        let mut call = match (step.call, method) {
            (Call::ApiGet, _) => caller.get(""),
            (Call::ApiSend, _) => caller.method(verb(step)?, ""),
            (_, Some(method)) => caller.method(method, ""),
            (_, None) => caller.call(),
        };
        if let Some(value) = &step.body {
            call = call.json_body(value);
        }
        let outcome = if step.call == Call::Api {
            untyped(call).await
        } else {
            call.json::<Value>().await.map(|value| json!({"value": value}))
        };
        Ok(match outcome {
            Ok(done) => Outcome::Done(done),
            Err(error) => Outcome::Failed(call_failure(&error)),
        })
    }

    fn build_api(&self, step: &Step, tokens: &AgentIdentities) -> Result<Api, Misconfigured> {
        let apis = self.settings.section("DownstreamApis");
        let Some(name) = &step.api else {
            let section = Section::new("options", Value::Object(step.options.clone()));
            return Api::builder("options").section(&section).http(self.http.clone()).build(tokens.clone());
        };
        // The API itself, at the play's own addresses; an unknown one is told by the door for names.
        let section = apis.section(name);
        if section.is_absent() {
            return Api::new(name, &apis, tokens.clone());
        }
        Api::builder(name).section(&section).http(self.http.clone()).build(tokens.clone())
    }

    fn caller(&self, step: &Step, api: &Api) -> Result<Result<Caller, Outcome>> {
        let as_app = match step.caller {
            Some(whose) => Some(whose == Whose::App),
            None => options::wants_app_token(&step.options),
        };
        let session = match self.session(step)? {
            Ok(session) => session,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let agent_user = step.agent.as_ref().and_then(|agent| Some((agent, options::agent_user(agent)?)));
        Ok(match (as_app, agent_user) {
            (Some(true), _) => Ok(api.as_app()),
            (Some(false), Some((agent, user))) => Ok(api.as_agent_user(agent.app.as_str(), user)),
            (Some(false), None) => match (session, step.user.is_some()) {
                (Some(key), false) => Ok(api.for_session(&key)),
                (session, _) => self.user(step)?.map(|user| {
                    let caller = api.on_behalf_of(&user);
                    match session {
                        Some(key) => caller.keep_as(key),
                        None => caller,
                    }
                }),
            },
            (None, _) => {
                let user = if step.user.is_some() { self.user(step)?.ok() } else { None };
                Ok(match (session, &user) {
                    (None, _) => api.as_configured(user.as_ref()),
                    (Some(key), None) => api.for_session(&key),
                    (Some(key), Some(_)) => api.as_configured(user.as_ref()).keep_as(key),
                })
            }
        })
    }
}

/// Lays the options of a call over what is configured.
fn overlay(mut caller: Caller, step: &Step) -> Result<(Caller, Option<Method>)> {
    let mut method = None;
    for (name, value) in &step.options {
        let text = || value.as_str().with_context(|| format!("{name} is no text"));
        caller = match name.as_str() {
            "RelativePath" => caller.relative_path(text()?),
            "BaseUrl" => caller.base_url(text()?),
            "Scopes" => caller.scopes(options::words(value)),
            "AcceptHeader" => caller.accept(text()?),
            "ContentType" => caller.content_type(text()?),
            "ExtraHeaderParameters" => {
                pairs(value)?.into_iter().fold(caller, |caller, (name, value)| caller.header(name, value))
            }
            "ExtraQueryParameters" => {
                pairs(value)?.into_iter().fold(caller, |caller, (name, value)| caller.query(name, value))
            }
            "HttpMethod" => {
                method = Some(Method::from_bytes(text()?.to_ascii_uppercase().as_bytes())?);
                caller
            }
            "AcquireTokenOptions" | "RequestAppToken" => caller,
            _ => bail!("the option {name} is not understood"),
        };
    }
    Ok((caller, method))
}

fn pairs(value: &Value) -> Result<Vec<(&str, &str)>> {
    let members = value.as_object().context("names with texts are expected")?;
    members
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.as_str().context("a text is expected")?)))
        .collect()
}

fn verb(step: &Step) -> Result<Method> {
    let verb = step.verb.as_deref().context("no verb")?;
    Ok(Method::from_bytes(verb.to_ascii_uppercase().as_bytes())?)
}

async fn untyped(call: entra_downstream_api::Call) -> Result<Value, CallError> {
    let response = call.send().await?;
    let status = response.status().as_u16();
    Ok(json!({"status": status, "body": body(response.text().await?)}))
}

fn call_failure(error: &CallError) -> Failure {
    let said = match error {
        CallError::Token { error, .. } => refusal(error),
        other => Refusal { status: other.status().map(|status| status.as_u16()), ..Refusal::default() },
    };
    let mut failure = Failure::new(error, said);
    if let CallError::Decode(error) = error {
        // The body is the API's, so no text of ours repeats it; it is there for those who ask.
        failure.text = format!("{} beginning: {}", failure.text, error.beginning());
    }
    failure
}
