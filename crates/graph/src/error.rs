//! Why a request to Graph did not bring what was asked for: Graph's own words, typed.

use std::{error::Error, fmt, time::Duration};

use entra_downstream_api::{CallError, Misconfigured, StatusError};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// Why a request to Graph failed. A token error is found in it by
/// [`TokenError::in_chain`](crate::TokenError::in_chain), as in every error of these crates.
#[doc(alias = "ODataError")]
#[doc(alias = "ServiceException")]
#[derive(Debug)]
#[non_exhaustive]
pub enum GraphError {
    /// Graph refused, and said why.
    Refused(Refusal),
    /// There was no token, no connection, or no answer that is Graph's.
    Call(CallError),
}

impl GraphError {
    /// What Graph said, where it was Graph that refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Call(_) => None,
        }
    }

    /// The status that was answered, whoever answered.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.status()),
            Self::Call(error) => error.status(),
        }
    }

    pub(crate) fn misconfigured(what: impl Into<String>, hint: &str) -> Self {
        Self::Call(Misconfigured::new(what).hint(hint).into())
    }
}

impl From<CallError> for GraphError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Status(status) => match Refusal::of(&status) {
                Some(refusal) => Self::Refused(refusal),
                None => Self::Call(CallError::Status(status)),
            },
            other => Self::Call(other),
        }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl Error for GraphError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Call(error) => error.source(),
        }
    }
}

/// What Graph says when it refuses. <https://learn.microsoft.com/graph/errors>
///
/// Neither `Display` nor `Debug` tells Graph's message, which may name users.
#[derive(Clone)]
pub struct Refusal(Box<Facts>);

#[derive(Clone)]
struct Facts {
    status: StatusCode,
    /// Which request it was, where it was one by itself.
    asked: String,
    headers: HeaderMap,
    retry_after: Option<Duration>,
    said: Said,
}

#[derive(Clone, Deserialize)]
struct Body {
    error: Said,
}

#[derive(Clone, Default, Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Inner,
}

#[derive(Clone, Default, Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    date: Option<String>,
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
    #[serde(default, rename = "client-request-id")]
    client_request_id: Option<String>,
}

impl Refusal {
    fn of(status: &StatusError) -> Option<Self> {
        let Body { error: said } = serde_json::from_slice(status.body()).ok()?;
        Some(Self(Box::new(Facts {
            status: status.status(),
            asked: status.to_string(),
            headers: status.headers().clone(),
            retry_after: status.retry_after(),
            said,
        })))
    }

    /// What stands in the answer of a batch.
    pub(crate) fn of_batch(
        status: StatusCode,
        body: &serde_json::Value,
        retry_after: Option<Duration>,
    ) -> Self {
        let said = Body::deserialize(body).map(|body| body.error).unwrap_or_default();
        let asked = format!("a request of a batch was answered {status}");
        Self(Box::new(Facts { status, asked, headers: HeaderMap::new(), retry_after, said }))
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Graph's code, such as `Request_ResourceNotFound`: what programs decide by.
    pub fn code(&self) -> &str {
        &self.0.said.code
    }

    /// The code within, where there is a more exact one.
    pub fn inner_code(&self) -> Option<&str> {
        self.0.said.inner.code.as_deref()
    }

    /// Graph's message. It is Graph's: do not log it, it may name users.
    pub fn message(&self) -> &str {
        &self.0.said.message
    }

    /// The id of the request, for Microsoft's support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.said.inner.request_id.as_deref()
    }

    /// The id under which the client sent it.
    pub fn client_request_id(&self) -> Option<&str> {
        self.0.said.inner.client_request_id.as_deref()
    }

    /// When, by Graph's clock.
    pub fn date(&self) -> Option<&str> {
        self.0.said.inner.date.as_deref()
    }

    /// How long Graph asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The headers, as they came; none for a request of a batch.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Whether a delta link is too old, so that the whole must be read again.
    pub fn wants_resync(&self) -> bool {
        self.0.status == StatusCode::GONE
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.asked)?;
        if is_code(self.code()) {
            write!(f, " ({})", self.code())?;
        }
        match self.request_id().filter(|id| is_code(id)) {
            Some(id) => write!(f, ", request id {id}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("asked", &self.0.asked)
            .field("code", &self.0.said.code)
            .field("request_id", &self.0.said.inner.request_id)
            .field("retry_after", &self.0.retry_after)
            .finish_non_exhaustive()
    }
}

impl Error for Refusal {}

/// Codes and ids are words; anything else is not told.
fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}
