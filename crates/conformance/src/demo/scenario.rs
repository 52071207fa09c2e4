//! A story of the demo: who is called how, what it costs at Entra, and what must come of it.

mod stories;

use anyhow::Result;
use entra_emulator::{Emulator, Endpoint, Fault, ids};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::host::{Example, Host};
use crate::http;

pub(crate) use stories::SCENARIOS;

/// One story: a user calls a web API, twice; the API calls others.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) seed: &'static str,
    pub(crate) story: &'static str,
    pub(crate) api: Example,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    caller: Caller,
    before: Before,
    /// Token requests of the first call, and of the second.
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

/// What must come of it.
enum Expected {
    /// The downstream API saw this kind of caller.
    Kind(&'static str),
    /// The answer holds this text under this JSON pointer.
    Text(&'static str, &'static str),
    /// The header without its token, and that it is the agent's, for the user.
    Redacted,
    /// The work that was taken is done when the caller is long gone; the API saw this kind.
    DoneLater(&'static str),
    /// The web API answers with this status, and this challenge or member.
    Status(u16, &'static str),
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

struct Answer {
    status: u16,
    challenge: String,
    body: Value,
}

impl Scenario {
    pub(crate) async fn play(&self, host: &Host, emulator: &Emulator) -> Result<Told> {
        let client = http::plain()?;
        // The web API fetches Entra's keys at its first call; that is none of the story's requests.
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
        let cold = emulator.log().count_tokens();
        let mut traffic: Vec<String> = emulator.log().entries().iter().map(ToString::to_string).collect();

        if matches!(self.before, Before::EntraFailsOnceWarm) {
            emulator.faults().add(Fault::status(503).at(Endpoint::Token).always());
        }
        emulator.log().clear();
        let second = match &host.background {
            None => self.call(&client, host, token.as_deref()).await?,
            Some(background) => {
                let body = background.work_later(emulator, &text(&first.body, "/process_id")).await?;
                traffic.push(String::from("twelve hours later the work goes on in another process"));
                Answer { status: first.status, challenge: String::new(), body }
            }
        };
        let warm = emulator.log().count_tokens();
        if matches!(self.expected, Expected::Redacted) {
            traffic.push(format!("it proves {}", text(&first.body, "/proves")));
        }
        traffic.push(match warm {
            0 => String::from("again: no request for a token"),
            1 => String::from("again: one request for a token"),
            more => format!("again: {more} requests for tokens"),
        });

        emulator.faults().clear();
        emulator.clock().reset();
        emulator.edit(|current| *current = (*directory).clone());
        let (answer, fault) = self.judge(&first, &second, cold, warm);
        let why = fault.unwrap_or_default();
        Ok(Told { name: self.name, seed: self.seed, cold, warm, answer, holds: why.is_empty(), why, traffic })
    }

    /// The token that the caller presents: one for all calls, as a browser keeps it.
    fn token(&self, emulator: &Emulator) -> Option<String> {
        let audience = match self.api {
            Example::Agent => format!("api://{}/access_agent", ids::BLUEPRINT),
            Example::WebApi | Example::Graph | Example::LongRunning => {
                format!("api://{}/access_as_user", ids::API)
            }
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
            let body = json!({"work": "to do"}).to_string();
            request = request.header("content-type", "application/json").body(body);
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

    fn judge(&self, first: &Answer, second: &Answer, cold: usize, warm: usize) -> (String, Option<String>) {
        let mut fault = None;
        if (cold, warm) != (self.cold, self.warm) {
            fault = Some(format!(
                "{} and {} requests were expected, not {cold} and {warm}",
                self.cold, self.warm
            ));
        }
        let (told, as_expected) = match self.expected {
            Expected::Kind(kind) => {
                let seen =
                    |answer: &Answer| text(&answer.body, "/caller/kind") == kind && answer.status == 200;
                (format!("the API saw: {}", text(&first.body, "/caller/kind")), seen(first) && seen(second))
            }
            Expected::Text(pointer, wanted) => {
                let seen = |answer: &Answer| text(&answer.body, pointer) == wanted && answer.status == 200;
                (text(&first.body, pointer), seen(first) && seen(second))
            }
            Expected::Redacted => {
                let seen = |answer: &Answer| {
                    text(&answer.body, "/header") == "Bearer [redacted]"
                        && text(&answer.body, "/proves/appid") == ids::AGENT
                        && text(&answer.body, "/proves/oid") == ids::ALICE
                        && !answer.body.to_string().contains("eyJ")
                };
                (
                    format!("{}, of agent-one for alice", text(&first.body, "/header")),
                    seen(first) && seen(second),
                )
            }
            Expected::DoneLater(kind) => {
                let seen = text(&second.body, "/done/caller/kind");
                (format!("{}, later the API saw: {seen}", first.status), first.status == 202 && seen == kind)
            }
            Expected::Status(status, sign) => {
                let shown = |answer: &Answer| {
                    answer.challenge.contains(sign) || answer.body.to_string().contains(sign)
                };
                let seen = |answer: &Answer| answer.status == status && shown(answer);
                (format!("{} {sign}", first.status).trim_end().to_owned(), seen(first) && seen(second))
            }
        };
        if !as_expected {
            fault.get_or_insert_with(|| {
                format!("{} then {}: {} {}", first.status, second.status, first.body, first.challenge)
            });
        }
        (told, fault)
    }
}

fn text(body: &Value, pointer: &str) -> String {
    body.pointer(pointer)
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .unwrap_or_default()
}
