//! What an API answered, before anybody has judged it.

use bytes::Bytes;
use entra_abstractions::{Scopes, TokenError};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::{
    body::{Read, read},
    consent::{asked_for, is_json, media_type},
    error::{Asked, CallError, DecodeError, StatusError, TransportError},
};

/// An answer, of whatever status.
#[doc(alias = "HttpResponseMessage")]
#[must_use = "an answer may be a refusal: look at its status"]
pub struct Response {
    inner: reqwest::Response,
    asked: Asked,
    scopes: Scopes,
    answered: bool,
    limit: usize,
}

impl Response {
    pub(crate) fn new(
        inner: reqwest::Response,
        asked: Asked,
        scopes: Scopes,
        answered: bool,
        limit: usize,
    ) -> Self {
        Self { inner, asked, scopes, answered, limit }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The answer itself if its status is 2xx.
    ///
    /// # Errors
    /// [`CallError::Status`] with status, headers and the first 4 KiB of the body; but
    /// [`CallError::Token`] where the answer says that the user must consent or sign in again.
    #[doc(alias = "EnsureSuccessStatusCode")]
    pub async fn error_for_status(self) -> Result<Self, CallError> {
        if self.status().is_success() { Ok(self) } else { Err(self.into_error().await) }
    }

    #[cold]
    pub(crate) async fn into_error(mut self) -> CallError {
        let status = self.status();
        // A connection that breaks here must not hide the status.
        let body = match read(&mut self.inner, REFUSAL).await {
            Ok(body) => body.bytes,
            Err(_) => Bytes::new(),
        };
        let headers = self.inner.headers();
        if let Some(asked) = asked_for(&self.asked, status, headers, &body, &self.scopes, self.answered) {
            let error = TokenError::InteractionRequired(asked);
            return CallError::Token { api: Some(self.asked.api), error };
        }
        let start = body.slice(..body.len().min(ERROR_BODY));
        CallError::Status(StatusError::new(self.asked, status, headers.clone(), start))
    }

    /// The body as JSON. An empty one is `null`, so that `Option<T>` and `()` can be asked for.
    ///
    /// # Errors
    /// [`CallError::Decode`] when the body is not JSON, not of that shape, or longer than the API's
    /// limit; [`CallError::Transport`] when it does not come whole and in time.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T, CallError> {
        self.read_json().await
    }

    pub(crate) async fn read_json<T: DeserializeOwned>(&mut self) -> Result<T, CallError> {
        let body = self.read_whole().await?;
        if body.is_empty() || !is_json(self.headers()) {
            return self.parse_other(&body);
        }
        serde_json::from_slice(&body).map_err(|error| self.broken_json(&body, &error))
    }

    /// Nothing is `null`, and what does not say what it is may be JSON.
    #[cold]
    fn parse_other<T: DeserializeOwned>(&self, body: &Bytes) -> Result<T, CallError> {
        if body.is_empty() {
            return serde_json::from_slice(b"null").map_err(|_source| self.decode("an empty body", body));
        }
        if let Some(media) = media_type(self.headers()) {
            return Err(self.decode(format!("{media} where JSON was expected"), body));
        }
        serde_json::from_slice(body).map_err(|error| self.broken_json(body, &error))
    }

    /// The parser's own message repeats values of the body.
    #[cold]
    fn broken_json(&self, body: &Bytes, error: &serde_json::Error) -> CallError {
        let what = if error.is_data() { "JSON of another shape" } else { "broken JSON" };
        self.decode(format!("{what} (line {} column {})", error.line(), error.column()), body)
    }

    /// The body as text.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and [`CallError::Decode`] when it is not UTF-8.
    pub async fn text(mut self) -> Result<String, CallError> {
        let body = self.read_whole().await?;
        String::from_utf8(body.to_vec()).map_err(|_source| self.decode("a text that is not UTF-8", &body))
    }

    /// The body.
    ///
    /// # Errors
    /// [`CallError::Decode`] when it is longer than the API's limit, [`CallError::Transport`] when
    /// it does not come whole and in time.
    pub async fn bytes(mut self) -> Result<Bytes, CallError> {
        self.read_whole().await
    }

    /// The next piece of the body, as it comes; for bodies of any length.
    ///
    /// # Errors
    /// [`CallError::Transport`] when the connection breaks or time is up.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, CallError> {
        self.inner.chunk().await.map_err(|error| self.broken(error))
    }

    async fn read_whole(&mut self) -> Result<Bytes, CallError> {
        match read(&mut self.inner, self.limit).await {
            Ok(Read { bytes, is_whole: true }) => Ok(bytes),
            Ok(Read { bytes, is_whole: false }) => Err(self.too_long(&bytes)),
            Err(error) => Err(self.broken(error)),
        }
    }

    #[cold]
    fn too_long(&self, start: &[u8]) -> CallError {
        self.decode(format!("a body of more than {} bytes", self.limit), start)
    }

    fn decode(&self, what: impl Into<String>, body: &[u8]) -> CallError {
        CallError::Decode(DecodeError::new(self.asked.clone(), self.status(), what, body))
    }

    #[cold]
    fn broken(&self, error: reqwest::Error) -> CallError {
        CallError::Transport(TransportError::new(self.asked.clone(), error))
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("asked", &self.asked)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// What an error keeps of a body: .NET's figure.
const ERROR_BODY: usize = 4 * 1024;

/// What is read of a refusal, to find claims in it; real challenges are a few KiB.
const REFUSAL: usize = 32 * 1024;
