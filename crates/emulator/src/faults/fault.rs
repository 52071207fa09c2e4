//! One scripted fault: what goes wrong, for which requests, how often.

use std::time::Duration;

use serde::Deserialize;

use crate::route::Endpoint;
use crate::traffic::{Entry, Grant};

/// A fault. Without a matcher it meets every request; without [`times`](Self::times) it is played once.
///
/// A script can also be written as TOML, one `[[faults]]` each, with the names of the functions and matchers here:
///
/// ```
/// let script = r#"
///     [[faults]]
///     fault = "throttle"
///     retry_after = 3
///     grant = "on_behalf_of"
///     times = 2
///
///     [[faults]]
///     fault = "html"
///     endpoint = "graph"
/// "#;
/// assert_eq!(entra_emulator::Fault::script(script)?.len(), 2);
/// # Ok::<(), entra_emulator::ScriptError>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub(crate) kind: Kind,
    endpoint: Option<Endpoint>,
    grant: Option<Grant>,
    client: Option<String>,
    scope: Option<String>,
    path: Option<String>,
    leg: Option<String>,
    #[serde(default)]
    after: u32,
    #[serde(default = "once")]
    times: u32,
}

/// What goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub(crate) enum Kind {
    Throttle { retry_after: u64 },
    Status { status: u16, retry_after: Option<u64> },
    Slow { milliseconds: u64 },
    Reset,
    CutOff,
    Html,
    TruncatedJson,
    ContentType { content_type: String },
    Huge { bytes: usize },
    ClockOff { seconds: i64 },
    Refuse { aadsts: u32, error: String, suberror: Option<String> },
    Challenge { claims: String },
    ReplayRefused,
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            endpoint: None,
            grant: None,
            client: None,
            scope: None,
            path: None,
            leg: None,
            after: 0,
            times: once(),
        }
    }

    /// 429 with `Retry-After`.
    pub fn throttle(retry_after: Duration) -> Self {
        Self::new(Kind::Throttle { retry_after: retry_after.as_secs() })
    }

    /// This status with a body of the endpoint's own shape, such as 503, 403 or 404.
    pub fn status(status: u16) -> Self {
        Self::new(Kind::Status { status, retry_after: None })
    }

    /// This status with `Retry-After`.
    pub fn status_retry_after(status: u16, retry_after: Duration) -> Self {
        Self::new(Kind::Status { status, retry_after: Some(retry_after.as_secs()) })
    }

    /// The right answer, late.
    pub fn slow(by: Duration) -> Self {
        Self::new(Kind::Slow { milliseconds: u64::try_from(by.as_millis()).unwrap_or(u64::MAX) })
    }

    /// The connection is reset before a word is said.
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// The connection ends in the middle of the body.
    pub fn cut_off() -> Self {
        Self::new(Kind::CutOff)
    }

    /// A proxy's HTML page with status 200.
    pub fn html() -> Self {
        Self::new(Kind::Html)
    }

    /// The first half of the right answer, with a length that fits it.
    pub fn truncated_json() -> Self {
        Self::new(Kind::TruncatedJson)
    }

    /// The right answer under the wrong name.
    pub fn content_type(kind: impl Into<String>) -> Self {
        Self::new(Kind::ContentType { content_type: kind.into() })
    }

    /// The right status with a body of this many bytes.
    pub fn huge(bytes: usize) -> Self {
        Self::new(Kind::Huge { bytes })
    }

    /// The request is answered as if the emulator's clock were ahead (or, negative, behind) by so many seconds:
    /// the `Date` header, the times of tokens and every check of a lifetime.
    pub fn clock_off(seconds: i64) -> Self {
        Self::new(Kind::ClockOff { seconds })
    }

    /// Entra's refusal with this number and OAuth error, such as `(53003, "access_denied")`. The status is 401 for
    /// `invalid_client` and 400 for any other.
    pub fn refuse(aadsts: u32, error: impl Into<String>) -> Self {
        Self::new(Kind::Refuse { aadsts, error: error.into(), suberror: None })
    }

    /// A claims challenge: `interaction_required` with these claims from the token endpoint, 401 with
    /// `insufficient_claims` from an API.
    pub fn challenge(claims: impl Into<String>) -> Self {
        Self::new(Kind::Challenge { claims: claims.into() })
    }

    /// A client assertion whose `jti` came before is refused (Entra itself takes it until its `exp`).
    pub fn replay_refused() -> Self {
        Self::new(Kind::ReplayRefused)
    }

    /// Only requests to this endpoint.
    #[must_use]
    pub fn at(self, endpoint: Endpoint) -> Self {
        Self { endpoint: Some(endpoint), ..self }
    }

    /// Only token requests with this grant.
    #[must_use]
    pub fn grant(self, grant: Grant) -> Self {
        Self { grant: Some(grant), ..self }
    }

    /// Only requests of this client: its id or its name.
    #[must_use]
    pub fn client(self, client: impl Into<String>) -> Self {
        Self { client: Some(client.into()), ..self }
    }

    /// Only requests whose scope contains this text.
    #[must_use]
    pub fn scope(self, part: impl Into<String>) -> Self {
        Self { scope: Some(part.into()), ..self }
    }

    /// Only requests whose path contains this text.
    #[must_use]
    pub fn path(self, part: impl Into<String>) -> Self {
        Self { path: Some(part.into()), ..self }
    }

    /// Only token requests whose leg (see [`Entry::leg`]) contains this text.
    #[must_use]
    pub fn leg(self, part: impl Into<String>) -> Self {
        Self { leg: Some(part.into()), ..self }
    }

    /// Lets this many requests pass first.
    #[must_use]
    pub fn after(self, requests: u32) -> Self {
        Self { after: requests, ..self }
    }

    /// Is played this often.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// Is played until the script is cleared.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }

    /// Whether the fault is for this request and its turn has come.
    pub(super) fn meets(&mut self, entry: &Entry) -> bool {
        let contains = |whole: &Option<String>, part: &Option<String>| {
            part.as_ref().is_none_or(|part| whole.as_ref().is_some_and(|whole| whole.contains(part.as_str())))
        };
        let fits = self.times > 0
            && self.endpoint.is_none_or(|endpoint| endpoint == entry.endpoint)
            && self.grant.is_none_or(|grant| Some(grant) == entry.grant)
            && self.client.as_ref().is_none_or(|client| {
                entry.client.as_ref() == Some(client)
                    || entry.client_id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(client))
            })
            && contains(&entry.scope, &self.scope)
            && contains(&Some(entry.path.clone()), &self.path)
            && contains(&entry.leg, &self.leg);
        if fits && self.after > 0 {
            self.after -= 1;
            return false;
        }
        fits
    }

    /// Counts one performance; whether it was the last.
    pub(super) fn is_played_out(&mut self) -> bool {
        if self.times != u32::MAX {
            self.times = self.times.saturating_sub(1);
        }
        self.times == 0
    }
}

impl Kind {
    /// For the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Throttle { .. } => "throttle",
            Self::Status { .. } => "status",
            Self::Slow { .. } => "slow",
            Self::Reset => "reset",
            Self::CutOff => "cut off",
            Self::Html => "html",
            Self::TruncatedJson => "truncated json",
            Self::ContentType { .. } => "content type",
            Self::Huge { .. } => "huge",
            Self::ClockOff { .. } => "clock off",
            Self::Refuse { .. } => "refuse",
            Self::Challenge { .. } => "challenge",
            Self::ReplayRefused => "replay refused",
        }
    }
}

fn once() -> u32 {
    1
}
