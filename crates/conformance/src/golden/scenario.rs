//! A scenario as it was recorded: configuration, users, steps, and what the recorded library sent
//! and answered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::request::Request;

/// One recorded story. A field that nobody here knows is an error: what is not understood must not
/// count as played.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(rename = "story")]
    _story: String,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) config: Map<String, Value>,
    #[serde(default)]
    pub(crate) users: BTreeMap<String, Person>,
    pub(crate) steps: Vec<Step>,
}

/// A user who called the web API with a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    #[serde(default)]
    pub(crate) claims: Map<String, Value>,
    pub(crate) token: String,
}

/// One call, and what came of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) call: Call,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) agent: Option<Agent>,
    /// The key of a session that an earlier step began, in place of the one that the options name.
    pub(crate) session_key: Option<SessionName>,
    #[serde(default)]
    pub(crate) options: Map<String, Value>,
    pub(crate) defaults: Option<Map<String, Value>>,
    pub(crate) api: Option<String>,
    #[serde(rename = "as")]
    pub(crate) caller: Option<Whose>,
    pub(crate) verb: Option<String>,
    pub(crate) body: Option<Value>,
    pub(crate) url: Option<String>,
    /// What the context of a call by the Azure SDK says of the token.
    #[serde(default)]
    pub(crate) context: Map<String, Value>,
    #[serde(default)]
    pub(crate) entra: Vec<Answer>,
    #[serde(default)]
    pub(crate) api_answers: Vec<Answer>,
    #[serde(default)]
    pub(crate) imds: Vec<Answer>,
    #[serde(default)]
    pub(crate) entra_user: Map<String, Value>,
    #[serde(default)]
    pub(crate) sleep_ms: u64,
    /// How long the recorded library was waited for; we know when no work is left.
    #[serde(default, rename = "settle_ms")]
    _settle_ms: u64,
    pub(crate) write_file: Option<WrittenFile>,
    pub(crate) recorded: Recorded,
}

/// What a step calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// The header for the application.
    AppHeader,
    /// The header for the user.
    UserHeader,
    /// The header for whom the options name.
    Header,
    /// The header for whom the options name, and the certificate that goes with it.
    BoundHeader,
    /// The token for the application.
    AcquireApp,
    /// The token for the user.
    AcquireUser,
    /// A downstream call whose answer is taken as it comes.
    Api,
    /// A downstream GET whose answer is JSON.
    ApiGet,
    /// A downstream call with a JSON body whose answer is JSON.
    ApiSend,
    /// A call through an HTTP client that authorizes by itself.
    Handler,
    /// The token that the credential for the Azure SDK gives.
    Azure,
}

/// The key that an earlier step made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum SessionName {
    /// The one that was allocated.
    #[serde(rename = "<allocated>")]
    Allocated,
}

/// Whose token a downstream call uses, where the call says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whose {
    /// The application's.
    App,
    /// The user's.
    User,
}

/// The agent that is named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) app: String,
    pub(crate) upn: Option<String>,
    pub(crate) oid: Option<String>,
}

/// A scripted answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// The default answer of a token endpoint with these fields changed.
    Token(TokenAnswer),
    /// A connection that breaks after the request was read.
    Broken {
        /// What the recorded library's connection said; ours breaks for real.
        #[serde(rename = "throw")]
        _throw: String,
    },
    /// Exactly this.
    Plain(PlainAnswer),
}

/// Fields that differ from the default answer; `null` leaves one out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenAnswer {
    pub(crate) token: Map<String, Value>,
}

/// Status, headers and body.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlainAnswer {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: Value,
    pub(crate) content_type: Option<String>,
}

/// A file that appears before the call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What the recorded library sent and answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    pub(crate) requests: Vec<Request>,
    pub(crate) result: Value,
}

impl Step {
    /// The key of the long-running session that its options name.
    pub(crate) fn session(&self) -> Option<&str> {
        self.options.get("AcquireTokenOptions")?.get(SESSION_KEY)?.as_str()
    }
}

/// How options name the key of a long-running session.
pub(crate) const SESSION_KEY: &str = "LongRunningWebApiSessionKey";

impl Scenario {
    /// The number by which documents speak of it: `A12` of `A12-file-assertion`.
    pub(crate) fn number(&self) -> &str {
        number_of(&self.name)
    }
}

/// The number in a scenario's name.
pub(crate) fn number_of(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}
