//! A blob service in this process, behind the transport of the Azure SDK's clients: it keeps what is
//! uploaded, and lets nobody in without the right token.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use azure_core::{
    Bytes,
    http::{
        AsyncRawResponse, HttpClient, Method, Request, StatusCode,
        headers::{AUTHORIZATION, Headers, WWW_AUTHENTICATE},
    },
};

/// The claims of the challenge: `{"access_token":{"nbf":{"essential":true}}}`.
pub(crate) const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==";

#[derive(Debug, Default)]
pub(crate) struct Blobs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeMap<String, Bytes>,
    /// The token that is let in; every other one is answered with a challenge.
    valid: String,
    /// The headers and hosts of the requests that came.
    bearers: Vec<String>,
}

impl Blobs {
    /// Lets in whoever shows this token.
    pub(crate) fn letting_in(token: &str) -> Self {
        let blobs = Self::default();
        blobs.let_in(token);
        blobs
    }

    pub(crate) fn let_in(&self, token: &str) {
        self.with(|state| token.clone_into(&mut state.valid));
    }

    /// The tokens that were shown so far.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.with(|state| state.bearers.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl HttpClient for Blobs {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let header = request.headers().get_optional_str(&AUTHORIZATION).unwrap_or_default();
        let token = header.strip_prefix("Bearer ").unwrap_or_default().to_owned();
        let path = request.url().path().to_owned();
        let query: BTreeMap<_, _> = request.url().query_pairs().into_owned().collect();
        let is_container = query.get("restype").is_some_and(|kind| kind == "container");
        Ok(self.with(|state| {
            state.bearers.push(token.clone());
            if token != state.valid {
                let mut headers = Headers::new();
                let challenge =
                    format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{CLAIMS}\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
                return AsyncRawResponse::from_bytes(StatusCode::Unauthorized, headers, Bytes::new());
            }
            match (request.method(), is_container) {
                (Method::Put, true) => empty(StatusCode::Created),
                (Method::Put, false) => {
                    state.kept.insert(path, Bytes::from(request.body()));
                    empty(StatusCode::Created)
                }
                (Method::Get, true) => list(state),
                (Method::Get, false) => match state.kept.get(&path) {
                    Some(kept) => blob(kept),
                    None => empty(StatusCode::NotFound),
                },
                _ => empty(StatusCode::MethodNotAllowed),
            }
        }))
    }
}

fn empty(status: StatusCode) -> AsyncRawResponse {
    AsyncRawResponse::from_bytes(status, Headers::new(), Bytes::new())
}

/// As a whole: the SDK asks for a range, and is content with less.
fn blob(kept: &Bytes) -> AsyncRawResponse {
    let mut headers = Headers::new();
    let last = kept.len().saturating_sub(1);
    headers.insert("content-length", kept.len().to_string());
    headers.insert("content-range", format!("bytes 0-{last}/{}", kept.len()));
    headers.insert("etag", "\"1\"");
    AsyncRawResponse::from_bytes(StatusCode::PartialContent, headers, kept.clone())
}

fn list(state: &State) -> AsyncRawResponse {
    let names = state.kept.keys().filter_map(|path| path.rsplit('/').next());
    let blobs: Vec<String> =
        names.map(|name| format!("<Blob><Name>{name}</Name><Properties/></Blob>")).collect();
    let blobs = blobs.concat();
    let xml = format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>");
    let mut headers = Headers::new();
    headers.insert("content-type", "application/xml");
    AsyncRawResponse::from_bytes(StatusCode::Ok, headers, Bytes::from(xml))
}
