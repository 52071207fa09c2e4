//! A story of the demo: who is called how, what it costs at Entra, and what must come of it.

mod expected;
mod stories;
mod traffic;

use anyhow::Result;
use entra_emulator::{Emulator, Endpoint, Entry, Fault, ids};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{
    host::{Example, Host},
    stage::Stage,
    thief::{self, Attempt},
};
use crate::http;
use expected::Expected;

pub(crate) use stories::SCENARIOS;

/// One story: a user calls a web API, and again; the API calls others.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) seed: &'static str,
    pub(crate) story: &'static str,
    pub(crate) api: Example,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    caller: Caller,
    before: Before,
    then: Then,
    /// Token requests of the first call, and of what comes then.
    cold: usize,
    warm: usize,
    expected: Expected,
}

/// With what token the web API is called.
enum Caller {
    Alice,
    Nobody,
    ExpiredAlice,
}

/// What is scripted before the calls.
enum Before {
    Nothing,
    ApiAnswers(u16),
    ConsentIsMissing,
    EntraFailsOnceWarm,
}

/// What comes after the first call.
enum Then {
    Again,
    /// The same call, to another instance.
    AnotherInstance,
    /// The same call, after a restart.
    Restart,
    /// Nobody calls; the work goes on in another process.
    Later,
    /// Somebody has the token that the first call showed.
    Thief,
}

/// What came of it.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) seed: &'static str,
    pub(crate) cold: usize,
    pub(crate) warm: usize,
    pub(crate) answer: String,
    pub(crate) holds: bool,
    pub(crate) why: String,
    pub(crate) traffic: Vec<String>,
}

/// What was answered, and what went on behind it.
struct Played {
    first: Answer,
    second: Answer,
    /// Only where somebody stole a token.
    attempts: Vec<Attempt>,
    /// What the first call asked for.
    requests: Vec<Entry>,
}

struct Answer {
    status: u16,
    challenge: String,
    body: Value,
}

impl Scenario {
    pub(crate) async fn play(&self, host: &mut Host, stage: &Stage) -> Result<Told> {
        let emulator = stage.entra(self.api);
        let client = http::plain()?;
        let directory = emulator.directory();
        match self.before {
            Before::ApiAnswers(status) => {
                emulator.faults().add(Fault::status(status).at(Endpoint::Api).always());
            }
            Before::ConsentIsMissing => {
                emulator.edit(|directory| directory.consents.retain(|consent| consent.resource != "orders"));
            }
            Before::Nothing | Before::EntraFailsOnceWarm => {}
        }
        emulator.log().clear();
        let token = self.token(emulator);
        let first = self.call(&client, host, token.as_deref()).await?;
        let (cold, requests) = (for_tokens(emulator), emulator.log().entries());

        if matches!(self.before, Before::EntraFailsOnceWarm) {
            emulator.faults().add(Fault::status(503).at(Endpoint::Token).always());
        }
        emulator.log().clear();
        let (mut attempts, mut second) = (Vec::new(), None);
        match &self.then {
            Then::Again => {}
            Then::AnotherInstance => host.go_to_another_instance().await?,
            Then::Restart => host.restart().await?,
            Then::Later => {
                if let Some(background) = &host.background {
                    let body = background.work_later(emulator, &text(&first.body, "/process_id")).await?;
                    second = Some(Answer { status: first.status, challenge: String::new(), body });
                }
            }
            Then::Thief => attempts = thief::steal(stage).await?,
        }
        let second = match second {
            Some(second) => second,
            None => self.call(&client, host, token.as_deref()).await?,
        };
        let warm = for_tokens(emulator);

        emulator.faults().clear();
        emulator.clock().reset();
        emulator.edit(|current| *current = (*directory).clone());
        let played = Played { first, second, attempts, requests };
        let traffic = traffic::told(&self.then, &played, warm);
        let (answer, mut fault) = self.expected.judge(&played)?;
        if (cold, warm) != (self.cold, self.warm) {
            fault = Some(format!(
                "{} and {} requests were expected, not {cold} and {warm}",
                self.cold, self.warm
            ));
        }
        let why = fault.unwrap_or_default();
        Ok(Told { name: self.name, seed: self.seed, cold, warm, answer, holds: why.is_empty(), why, traffic })
    }

    /// The token that the caller presents: one for all calls, as a browser keeps it.
    fn token(&self, emulator: &Emulator) -> Option<String> {
        let audience = if self.api.is_of_an_agent() {
            format!("api://{}/access_agent", ids::BLUEPRINT)
        } else {
            format!("api://{}/access_as_user", ids::API)
        };
        match self.caller {
            Caller::Alice => Some(emulator.user_token("alice", &audience)),
            Caller::ExpiredAlice => Some(emulator.mint().user("alice").scopes(&audience).expired().build()),
            Caller::Nobody => None,
        }
    }

    async fn call(&self, client: &Client, host: &Host, token: Option<&str>) -> Result<Answer> {
        let url = format!("{}{}", host.url, self.path);
        let mut request = client.request(Method::from_bytes(self.method.as_bytes())?, url);
        if self.method == "POST" {
            request = request.header("content-type", "application/json").body(posted());
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.unwrap_or_default().to_owned();
        let body = http::read(response).await?;
        Ok(Answer { status, challenge, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

/// Requests for tokens: at Entra, and at the host of a managed identity.
fn for_tokens(emulator: &Emulator) -> usize {
    emulator.log().count(|entry| matches!(entry.endpoint, Endpoint::Token | Endpoint::ManagedIdentity))
}

/// What is posted, where something is.
fn posted() -> String {
    json!({"work": "to do"}).to_string()
}

fn text(body: &Value, pointer: &str) -> String {
    body.pointer(pointer)
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .unwrap_or_default()
}
