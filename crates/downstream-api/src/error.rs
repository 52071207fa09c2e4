//! Why a call did not bring what was asked for. The answer's status is the caller's to judge.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use entra_abstractions::{Misconfigured, TokenError};
use http::{HeaderMap, Method, StatusCode, header};

/// Why a call failed. `match` it: a 404 of the API is [`Status`](Self::Status), a missing consent
/// is [`Token`](Self::Token).
///
/// [`TokenError::in_chain`] finds the token error in it. No text of it, `Debug` included, holds a
/// URL's query, a header's value, a body or a token.
#[doc(alias = "HttpRequestException")]
#[doc(alias = "MicrosoftIdentityWebChallengeUserException")]
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// There is no token: the error says who must act. Also, with the scopes and claims that it
    /// named, when the API answered that the user must consent or sign in again.
    Token {
        /// The name of the API, where it was one that wanted it.
        api: Option<Arc<str>>,
        /// Why there is none.
        error: TokenError,
    },
    /// The call was not sent, because the path, a header or the body cannot be: the developer must
    /// act.
    Refused {
        /// The name of the API, where it was one that wanted it.
        api: Option<Arc<str>>,
        /// What is wrong.
        fault: Misconfigured,
    },
    /// The API could not be reached, or the connection broke, or took too long.
    Transport(TransportError),
    /// The API answered with another status than 2xx.
    Status(StatusError),
    /// The API answered 2xx with a body that was not expected.
    Decode(DecodeError),
}

impl CallError {
    /// The status that the API answered with, whatever became of it.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Token { error, .. } => {
                let exchange = error.exchange().filter(|exchange| exchange.grant() == CALL)?;
                StatusCode::from_u16(exchange.status()?).ok()
            }
            Self::Status(error) => Some(error.status()),
            Self::Decode(error) => Some(error.status()),
            Self::Refused { .. } | Self::Transport(_) => None,
        }
    }
}

/// What stands in an exchange where a token error's stands the grant: it was an API that was asked.
pub(crate) const CALL: &str = "call";

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The whole of it is the source; these are the words to search a log for.
            Self::Token { api: Some(api), error } => {
                write!(f, "no token for API {api}: {}", error.in_short())
            }
            Self::Token { api: None, error } => write!(f, "no token: {}", error.in_short()),
            Self::Refused { api: Some(api), fault: _ } => {
                write!(f, "a call of API {api} was refused before it was sent")
            }
            Self::Refused { api: None, fault: _ } => f.write_str("the call was refused before it was sent"),
            Self::Transport(error) => error.fmt(f),
            Self::Status(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token { error, .. } => Some(error),
            Self::Refused { fault, .. } => Some(fault),
            Self::Transport(error) => error.source(),
            Self::Status(_) | Self::Decode(_) => None,
        }
    }
}

/// For functions that ask for tokens themselves, beside calling APIs.
impl From<TokenError> for CallError {
    fn from(error: TokenError) -> Self {
        Self::Token { api: None, error }
    }
}

impl From<Misconfigured> for CallError {
    fn from(fault: Misconfigured) -> Self {
        Self::Refused { api: None, fault }
    }
}

/// Which call it was that failed.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) api: Arc<str>,
    pub(crate) method: Method,
    pub(crate) host: Arc<str>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of API {} at {}", self.method, self.api, self.host)
    }
}

/// The API could not be reached, or did not answer in time and whole.
#[derive(Debug)]
pub struct TransportError(Box<Broken>);

#[derive(Debug)]
struct Broken {
    asked: Asked,
    source: reqwest::Error,
}

impl TransportError {
    pub(crate) fn new(asked: Asked, source: reqwest::Error) -> Self {
        Self(Box::new(Broken { asked, source: source.without_url() }))
    }

    /// Whether time was up: for connecting, or for the whole call.
    pub fn is_timeout(&self) -> bool {
        self.0.source.is_timeout()
    }

    /// Whether no connection came about. The request was not sent then, so that any call may be
    /// made again.
    pub fn is_connect(&self) -> bool {
        self.0.source.is_connect()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.is_timeout(), self.is_connect()) {
            (true, _) => "took too long",
            (false, true) => "could not connect",
            (false, false) => "broke off",
        };
        write!(f, "{} {what}", self.0.asked)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0.source)
    }
}

/// The API answered, but not with 2xx.
#[derive(Clone)]
pub struct StatusError(Box<Answer>);

#[derive(Clone)]
struct Answer {
    asked: Asked,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl StatusError {
    pub(crate) fn new(asked: Asked, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self(Box::new(Answer { asked, status, headers, body }))
    }

    /// The name of the API.
    pub fn api(&self) -> &str {
        &self.0.asked.api
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The headers, as they came.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The first 4 KiB of the body.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The first 4 KiB of the body as text. It is the API's: do not log it, it may name users.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.body).into_owned()
    }

    /// How long the API asks to wait, in seconds or by the answer's own clock (RFC 9110 section
    /// 10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.0.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let now = self.0.headers.get(header::DATE)?.to_str().ok()?;
        let at = httpdate::parse_http_date(value).ok()?;
        Some(at.duration_since(httpdate::parse_http_date(now).ok()?).unwrap_or_default())
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.0.asked, self.0.status)
    }
}

impl fmt::Debug for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusError")
            .field("asked", &self.0.asked)
            .field("status", &self.0.status)
            .field("headers", &self.0.headers.keys().collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.0.body.len()))
            .finish()
    }
}

impl Error for StatusError {}

/// The API answered with a body that was not expected.
#[derive(Clone)]
pub struct DecodeError(Box<Body>);

#[derive(Clone)]
struct Body {
    asked: Asked,
    status: StatusCode,
    what: String,
    beginning: String,
}

impl DecodeError {
    pub(crate) fn new(asked: Asked, status: StatusCode, what: impl Into<String>, body: &[u8]) -> Self {
        let start = body.get(..BEGINNING).unwrap_or(body);
        let beginning =
            String::from_utf8_lossy(start).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self(Box::new(Body { asked, status, what: what.into(), beginning }))
    }

    /// The name of the API.
    pub fn api(&self) -> &str {
        &self.0.asked.api
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// How the body begins: at most 256 bytes, without control characters. It is the API's: do not
    /// log it, it may name users.
    pub fn beginning(&self) -> &str {
        &self.0.beginning
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {} with {}", self.0.asked, self.0.status, self.0.what)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError")
            .field("asked", &self.0.asked)
            .field("status", &self.0.status)
            .field("what", &self.0.what)
            .finish_non_exhaustive()
    }
}

impl Error for DecodeError {}

const BEGINNING: usize = 256;
