//! An API on loopback: answers by a script, remembers every request; and the tokens for it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use entra_abstractions::{
    AccessToken, Scheme, Secret, Section, TokenError, TokenRequest, testing::FakeAcquirer,
};
use entra_downstream_api::Api;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the server was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

type Script = Arc<Mutex<VecDeque<Option<Response>>>>;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    script: Script,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, script: Arc::default(), sent: Arc::default() };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// The next answer; without one the server says `{"ok": true}`.
    pub(crate) fn then(&self, answer: impl IntoResponse) -> &Self {
        self.script.lock().unwrap().push_back(Some(answer.into_response()));
        self
    }

    /// Next, no answer at all.
    pub(crate) fn then_hang(&self) {
        self.script.lock().unwrap().push_back(None);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Sent {
        self.sent().pop().unwrap()
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let sent = Sent {
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: to_bytes(body, 1 << 20).await.unwrap(),
    };
    server.sent.lock().unwrap().push(sent);
    let next = server.script.lock().unwrap().pop_front();
    match next {
        Some(Some(answer)) => answer,
        Some(None) => std::future::pending().await,
        None => axum::Json(json!({"ok": true})).into_response(),
    }
}

/// A status, headers and a body.
pub(crate) fn answer_of(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(body.into()).unwrap()
}

/// The challenge of the recordings, asking for `acrs` `c1`.
pub(crate) fn challenge() -> Response {
    let header = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
        error=\"insufficient_claims\", \
        claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\"";
    answer_of(401, &[("WWW-Authenticate", header)], "no")
}

/// Gives `at-1`, `at-2` and so on, and remembers what was asked.
pub(crate) fn tokens() -> Arc<FakeAcquirer> {
    let count = AtomicUsize::new(0);
    Arc::new(FakeAcquirer::new(move |_| token(count.fetch_add(1, Ordering::Relaxed) + 1)))
}

fn token(number: usize) -> Result<AccessToken, TokenError> {
    let secret = Secret::new(format!("at-{number}"));
    Ok(AccessToken::new(Scheme::Bearer, secret, SystemTime::UNIX_EPOCH)?)
}

/// The section of an API at that server, with some keys more.
pub(crate) fn section(server: &Server, more: &Value) -> Section {
    let mut value = json!({"BaseUrl": format!("{}/v1", server.url), "Scopes": ["api://orders/read"]});
    for (key, given) in more.as_object().unwrap() {
        value[key] = given.clone();
    }
    Section::new("DownstreamApis.Orders", value)
}

/// A server, its API, and the tokens that the API asks for.
pub(crate) async fn start(more: Value) -> (Server, Api, Arc<FakeAcquirer>) {
    let server = Server::start().await;
    let tokens = tokens();
    let api = Api::from_section(&section(&server, &more), Arc::clone(&tokens)).unwrap();
    (server, api, tokens)
}

pub(crate) fn asked(tokens: &FakeAcquirer) -> TokenRequest {
    tokens.requests().pop().unwrap()
}
