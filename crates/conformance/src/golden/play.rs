//! Plays a scenario against the public API: builds what its configuration describes, makes its
//! calls, and writes down what was sent and what came of it.

mod apis;
mod authorized_client;
mod azure;
mod options;
mod tokens;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use entra_abstractions::{
    Environment, HttpSettings, Misconfigured, SessionKey, TokenError, UserAssertion, testing::ManualClock,
};
use entra_agent_identities::AgentIdentities;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    capture::Captor,
    certificates::{NamedCertificates, Servers},
    outcome::{Failure, Outcome, Refusal},
    request::Request,
    scenario::{Call, Scenario, Step},
    server::Server,
};

pub(crate) use azure::said_as;

/// What we sent in a step, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) requests: Vec<Request>,
    pub(crate) outcome: Outcome,
}

/// What scenarios share.
#[derive(Debug, Clone)]
pub(crate) struct Theatre {
    /// The folder in which `keys` and `keys-extra` lie.
    pub(crate) folder: PathBuf,
    pub(crate) servers: Servers,
    /// Every host name that is reached at a scenario's own server.
    pub(crate) hosts: Vec<String>,
}

/// A scenario in play.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    scenario: &'a Scenario,
    settings: Settings,
    http: HttpSettings,
    tokens: Result<AgentIdentities, Misconfigured>,
    /// The key of the session that a step had allocated.
    allocated: Mutex<Option<SessionKey>>,
    clock: Arc<ManualClock>,
    server: Server,
    folder: TempDir,
}

/// Plays every step of a scenario.
///
/// # Errors
/// When the scenario cannot be played: it says something that is not understood here.
pub(crate) async fn play(scenario: &Scenario, theatre: &Theatre) -> Result<Vec<Played>> {
    let player = Player::begin(scenario, theatre).await?;
    let mut played = Vec::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        let outcome = player.step(step).await.with_context(|| format!("step {}", index + 1))?;
        played.push(Played { requests: player.server.take(), outcome });
    }
    Ok(played)
}

impl<'a> Player<'a> {
    async fn begin(scenario: &'a Scenario, theatre: &Theatre) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for keys in ["keys", "keys-extra"] {
            copy(&theatre.folder.join(keys), &folder.path().join(keys))?;
        }
        let certificates = NamedCertificates::read(&folder.path().join("keys"))?;
        let captor = Captor { users: scenario.users.clone(), certificates };
        let clock = Arc::new(ManualClock::default());
        let server = Server::start(captor, Arc::clone(&clock), theatre.servers.tls()).await?;
        let mut http = HttpSettings::default().trust_pem(theatre.servers.authority_pem());
        for host in &theatre.hosts {
            http = http.resolve(host, server.address());
        }
        let environment = Environment::from_pairs(scenario.env.iter().map(|(name, value)| {
            (name, if name.ends_with("_FILE") { within(folder.path(), value) } else { value.clone() })
        }));
        let config = with_paths_within(&Value::Object(scenario.config.clone()), folder.path());
        let settings = Settings::loader().json(config.to_string()).environment(environment.clone()).load()?;
        let tokens = Application::from_section(&settings.section("AzureAd")).and_then(|application| {
            TokenAcquirer::builder(application)
                .http(http.clone())
                .clock(Arc::<ManualClock>::clone(&clock))
                .environment(environment)
                .retry_delay(Duration::ZERO)
                .build()
                .map(AgentIdentities::new)
        });
        Ok(Self { scenario, settings, http, tokens, allocated: Mutex::default(), clock, server, folder })
    }

    async fn step(&self, step: &Step) -> Result<Outcome> {
        self.clock.advance(Duration::from_millis(step.sleep_ms));
        if let Some(file) = &step.write_file {
            fs::write(within(self.folder.path(), &file.path), &file.text)?;
        }
        self.server.begin(self.scenario, step);
        let tokens = match &self.tokens {
            Ok(tokens) => tokens,
            // Who cannot be built refuses every call.
            Err(fault) => return Ok(refused(fault.clone())),
        };
        let outcome = match step.call {
            Call::AppHeader
            | Call::UserHeader
            | Call::Header
            | Call::BoundHeader
            | Call::AcquireApp
            | Call::AcquireUser => self.token(step, tokens).await,
            Call::Api | Call::ApiGet | Call::ApiSend => self.api(step, tokens).await,
            Call::Handler => self.authorized_client(step, tokens).await,
            Call::Azure => self.azure(step, tokens).await,
        };
        tokens.blueprint().settled().await;
        outcome
    }

    /// The user whom a step names: none, one without a token, or one who called with a token.
    fn user(&self, step: &Step) -> Result<Result<UserAssertion, Outcome>> {
        Ok(match step.user.as_deref() {
            None => Err(failed("no user is given: on_behalf_of takes one, so this does not compile")),
            Some("<empty>") => UserAssertion::new("").map_err(refused),
            Some(name) => {
                let user = self.scenario.users.get(name).with_context(|| format!("no user {name}"))?;
                UserAssertion::new(&user.token).map_err(refused)
            }
        })
    }
}

/// What is refused before anything can be asked.
fn refused(fault: Misconfigured) -> Outcome {
    Outcome::Failed(token_failure(&TokenError::from(fault)))
}

fn failed(text: &str) -> Outcome {
    Outcome::Failed(Failure { text: text.to_owned(), refusal: Refusal::default() })
}

fn token_failure(error: &TokenError) -> Failure {
    Failure::new(error, refusal(error))
}

/// What Entra said, as far as the error carries it.
fn refusal(error: &TokenError) -> Refusal {
    let claims = match error {
        TokenError::InteractionRequired(error) => error.claims(),
        TokenError::Rejected(error) => error.claims(),
        _ => None,
    };
    let exchange = error.exchange();
    Refusal {
        status: exchange.and_then(entra_abstractions::Exchange::status),
        error: exchange.and_then(|exchange| exchange.error()).map(str::to_owned),
        aadsts: exchange.map(|exchange| exchange.aadsts().iter().copied().collect()).unwrap_or_default(),
        claims: claims.and_then(|claims| serde_json::from_str(claims.as_str()).ok()),
    }
}

/// The bodies that recordings keep are JSON where they can be.
fn body(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    fs::create_dir(to)?;
    for entry in entries {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Scenarios give paths relative to their folder; a process has one working directory, and many
/// scenarios play at once.
fn within(folder: &Path, path: &str) -> String {
    folder.join(path).display().to_string()
}

fn with_paths_within(config: &Value, folder: &Path) -> Value {
    match config {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value {
                Value::String(path) if name.ends_with("DiskPath") => {
                    (name.clone(), Value::from(within(folder, path)))
                }
                value => (name.clone(), with_paths_within(value, folder)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| with_paths_within(item, folder)).collect(),
        scalar => scalar.clone(),
    }
}
