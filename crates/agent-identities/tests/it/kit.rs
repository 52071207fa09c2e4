//! An Entra, a clock for both sides, and a blueprint with its agents.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{
    AccessToken, AcquireToken, AgentUser, Environment, Scopes, TokenRequest, UserAssertion,
    testing::ManualClock,
};
use entra_agent_identities::AgentIdentities;
use entra_emulator::{Directory, Emulator, Entry, User, ids};
use entra_token_acquisition::{Application, ApplicationBuilder, TokenAcquirer};
use serde_json::Value;

pub(crate) const ORDERS: &str = "api://orders/.default";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const READ: &str = "api://orders/read";
/// A second user of the first agent, with an apostrophe.
pub(crate) const SECOND_USER: &str = "6d732f3e-c204-4fdd-8a27-3d4e5f607110";
pub(crate) const SECOND_USER_UPN: &str = "agent-one.o'hara@contoso.example";

pub(crate) struct Kit {
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<ManualClock>,
}

impl Kit {
    /// Both clocks stand still, at a time when the emulator's certificates are valid.
    pub(crate) fn new() -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_083_200);
        let mut directory = Directory::default();
        let mut second = User::new("second-agent-user", SECOND_USER, SECOND_USER_UPN);
        second.agent = Some("agent-one".into());
        directory.users.push(second);
        // As Entra has it: a blueprint gets no plain token of its own.
        directory.app_mut("assistant-blueprint").unwrap().app_tokens = false;
        let emulator = Emulator::builder().directory(directory).strict_traffic().start_blocking().unwrap();
        emulator.clock().hold(now);
        Self { emulator, clock: Arc::new(ManualClock::new(now)) }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        self.clock.advance(by);
        self.emulator.clock().advance(by);
    }

    pub(crate) fn application(&self) -> ApplicationBuilder {
        let application = Application::builder().instance(self.emulator.base_url()).tenant(ids::TENANT);
        application.client_id(ids::BLUEPRINT).secret(ids::BLUEPRINT_SECRET)
    }

    pub(crate) fn of(&self, application: ApplicationBuilder) -> AgentIdentities {
        let blueprint = TokenAcquirer::builder(application.build().unwrap())
            .clock(Arc::clone(&self.clock) as Arc<_>)
            .environment(Environment::empty())
            .retry_delay(Duration::ZERO);
        AgentIdentities::new(blueprint.build().unwrap())
    }

    pub(crate) fn agents(&self) -> AgentIdentities {
        self.of(self.application())
    }

    /// What a person's client presents to the agent's API.
    pub(crate) fn caller(&self, user: &str) -> UserAssertion {
        let scope = format!("api://{}/access_agent", ids::BLUEPRINT);
        UserAssertion::new(self.emulator.user_token(user, &scope)).unwrap()
    }

    pub(crate) fn sent(&self) -> Vec<Entry> {
        self.emulator.log().token_requests()
    }

    /// What was sent since the last look.
    pub(crate) fn legs(&self) -> Vec<String> {
        let legs = self.sent().into_iter().map(|entry| entry.leg.unwrap_or_default()).collect();
        self.emulator.log().clear();
        legs
    }
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::try_from(text).unwrap()
}

pub(crate) fn as_user(text: &str, user: &str) -> TokenRequest {
    TokenRequest::as_agent_user(
        scopes(text),
        ids::AGENT.try_into().unwrap(),
        AgentUser::try_from(user).unwrap(),
    )
}

pub(crate) fn claims(token: &AccessToken) -> Value {
    let payload = token.secret().expose().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The token of a request that must be answered without waiting.
pub(crate) fn at_once(tokens: &AgentIdentities, request: &TokenRequest) -> AccessToken {
    tokens.acquire(request).now().unwrap().unwrap()
}

/// An error and all that is below it, in every form in which it could be printed.
pub(crate) fn every_text(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(|error| format!("{error}\n{error:#}\n{error:?}\n{error:#?}")).collect::<Vec<_>>().join("\n")
}
