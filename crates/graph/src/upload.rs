//! Large uploads: a session, in which content goes piece by piece to an address that needs no token,
//! and gets none. <https://learn.microsoft.com/graph/api/driveitem-createuploadsession>

use std::fmt;

use bytes::Bytes;
use entra_abstractions::{Misconfigured, Secret};
use entra_downstream_api::{AcquireToken, Api, Caller, Response};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use crate::{GraphCaller, GraphError, retry};

/// A large upload that has begun. When it breaks off, [`send`](Self::send) goes on where Graph is.
///
/// ```no_run
/// # async fn example(graph: entra_graph::Graph, user: entra_abstractions::UserAssertion, film: bytes::Bytes) -> Result<(), entra_graph::GraphError> {
/// use serde_json::{Value, json};
///
/// let me = graph.on_behalf_of(&user).scopes("Files.ReadWrite");
/// let item = json!({"item": {"@microsoft.graph.conflictBehavior": "rename"}});
/// let path = format!("me/drive/root:/{}:/createUploadSession", entra_graph::segment("film 1.mp4"));
/// let mut upload = me.upload_session(path, &item).await?;
/// let stored: Value = upload.send(&film, |progress| {
///     println!("{} of {} bytes", progress.sent, progress.total);
/// }).await?;
/// # drop(stored);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "LargeFileUploadTask")]
pub struct UploadSession {
    /// The address is a secret: whoever has it may write.
    path: Secret,
    caller: Caller,
    piece: usize,
    /// Whether content was sent before, so that Graph must be asked how far it is.
    has_begun: bool,
}

/// How far an upload is.
#[expect(clippy::exhaustive_structs, reason = "there is no third figure")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The bytes that Graph has.
    pub sent: u64,
    /// All of them.
    pub total: u64,
}

/// Pieces are multiples of this.
const UNIT: usize = 320 * 1024;

/// 5 MiB: what Graph recommends lies between 5 and 10.
const PIECE: usize = 16 * UNIT;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    upload_url: Address,
}

/// Read as text, and never printed.
#[derive(Deserialize)]
#[serde(transparent)]
struct Address(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    #[serde(default)]
    next_expected_ranges: Vec<String>,
}

impl UploadSession {
    pub(crate) async fn begin<T: Serialize + ?Sized>(
        graph: &GraphCaller,
        path: &str,
        item: &T,
    ) -> Result<Self, GraphError> {
        let Begun { upload_url: Address(address) } = graph.post(path).json_body(item).json().await?;
        let refuse = || {
            GraphError::misconfigured(
                "Graph names no address that content may be sent to",
                "content travels over https only, or over http to this machine itself",
            )
        };
        let url = Url::parse(&address).map_err(|_broken| refuse())?;
        let origin = url.origin().ascii_serialization();
        // An API that takes no token: what is not there cannot get out.
        let api = Api::builder("MicrosoftGraphUpload")
            .base_url(format!("{origin}/"))
            .anonymous()
            .http(graph.graph().configured().http.clone())
            .build(Nobody)
            .map_err(|_told_before| refuse())?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self { path: Secret::new(path), caller: api.anonymously(), piece: PIECE, has_begun: false })
    }

    /// Sends so much at once: rounded down to a multiple of 320 KiB, and at most 60 MiB, as Graph
    /// wants it. 5 MiB where nothing is said.
    #[must_use]
    pub fn piece(mut self, bytes: usize) -> Self {
        self.piece = (bytes / UNIT).clamp(1, 60 * 1024 * 1024 / UNIT) * UNIT;
        self
    }

    /// Sends the content, and returns what was made of it. Call it again after an error, with the
    /// same content: it goes on where Graph is.
    ///
    /// # Errors
    /// [`GraphError::Refused`] when Graph refuses, such as with 404 when the session has ended;
    /// [`GraphError::Call`] when the connection breaks.
    pub async fn send<T: DeserializeOwned>(
        &mut self,
        content: &Bytes,
        mut progress: impl FnMut(Progress),
    ) -> Result<T, GraphError> {
        if content.is_empty() {
            return Err(GraphError::misconfigured(
                "there is no content",
                "an empty file is put, not uploaded",
            ));
        }
        let total = content.len();
        let mut at = if self.has_begun { self.expected(total).await? } else { 0 };
        self.has_begun = true;
        loop {
            let end = total.min(at.saturating_add(self.piece));
            let piece = content.slice(at.min(end)..end);
            let response = self.put(piece, at, total).await?.error_for_status().await?;
            if response.status() != StatusCode::ACCEPTED {
                progress(Progress { sent: total as u64, total: total as u64 });
                return Ok(response.json().await?);
            }
            let Expected { next_expected_ranges } = response.json().await?;
            let next = beginning(&next_expected_ranges).unwrap_or(end);
            if next <= at || next > total {
                return Err(GraphError::misconfigured(
                    "Graph does not go on with the upload",
                    "begin a new session",
                ));
            }
            at = next;
            progress(Progress { sent: at as u64, total: total as u64 });
        }
    }

    /// Ends the session: what was sent is thrown away.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn cancel(self) -> Result<(), GraphError> {
        let call = self.caller.method(Method::DELETE, self.path.expose());
        Ok(call.send().await?.error_for_status().await.map(drop)?)
    }

    /// Where Graph is.
    async fn expected(&self, total: usize) -> Result<usize, GraphError> {
        let call = self.caller.method(Method::GET, self.path.expose());
        let Expected { next_expected_ranges } = call.send().await?.error_for_status().await?.json().await?;
        Ok(beginning(&next_expected_ranges).unwrap_or(0).min(total.saturating_sub(1)))
    }

    /// A piece may be sent again: its place is said with it.
    async fn put(&self, piece: Bytes, at: usize, total: usize) -> Result<Response, GraphError> {
        let last = (at + piece.len()).saturating_sub(1);
        let range = format!("bytes {at}-{last}/{total}");
        let mut tried = 0;
        loop {
            tried += 1;
            let call = self.caller.method(Method::PUT, self.path.expose()).header("Content-Range", &range);
            let response = call.bytes_body("application/octet-stream", piece.clone()).send().await?;
            let said = retry::said(response.headers());
            match retry::after(&Method::PUT, response.status(), said, tried) {
                None => return Ok(response),
                Some(time) => retry::wait(time).await,
            }
        }
    }
}

/// The first byte that Graph expects: ranges are written `26-` or `26-100`.
fn beginning(ranges: &[String]) -> Option<usize> {
    ranges.iter().filter_map(|range| range.split('-').next()?.trim().parse().ok()).min()
}

impl fmt::Debug for UploadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadSession").field("has_begun", &self.has_begun).finish_non_exhaustive()
    }
}

/// Gives no token to anybody.
#[derive(Debug)]
struct Nobody;

impl AcquireToken for Nobody {
    fn acquire<'a>(&'a self, _: &'a entra_abstractions::TokenRequest) -> entra_abstractions::Acquiring<'a> {
        entra_abstractions::Acquiring::ready(Err(Misconfigured::new("an upload takes no token").into()))
    }
}
