//! The cheapest token endpoint and API there can be: what they answer is written in advance. For
//! what is measured beside them, or fetched a million times.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
};
use bytes::Bytes;
use tokio::{net::TcpListener, sync::Barrier, task::JoinHandle};

const ORDERS_SCOPE: &str = "api://orders/.default";

/// How many orders the API has.
pub(super) const ORDERS: usize = 25;

/// Serves until it is dropped.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    asked: Arc<AtomicUsize>,
    together: Arc<RwLock<Arc<Barrier>>>,
    serving: JoinHandle<()>,
}

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":86399,"access_token":"eyJ.a-short-one-so-that-a-million-fit.c2ln"}"#;

/// Whose a user's token is, as `client_info` says it: `{"uid":"..","utid":".."}`, two GUIDs.
const CLIENT_INFO: &str = "eyJ1aWQiOiJhYWFhYWFhYS0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDEiLCJ1dGlkIjoiYmJiYmJiYmItMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAyIn0";

/// The tenant of that user.
pub(crate) const TENANT: &str = "bbbbbbbb-0000-4000-8000-000000000002";

impl Endpoint {
    pub(crate) async fn start() -> Result<Self> {
        Self::answering(Bytes::from_static(TOKEN.as_bytes())).await
    }

    /// Whose tokens are users', have so many characters, and live for so many seconds.
    pub(crate) async fn of_users(length: usize, lives: u64) -> Result<Self> {
        let token = "x".repeat(length);
        let answer = format!(
            r#"{{"token_type":"Bearer","expires_in":{lives},"scope":"{ORDERS_SCOPE}","client_info":"{CLIENT_INFO}","access_token":"{token}"}}"#
        );
        Self::answering(answer.into()).await
    }

    async fn answering(token: Bytes) -> Result<Self> {
        let asked = Arc::new(AtomicUsize::new(0));
        let together = Arc::new(RwLock::new(Arc::new(Barrier::new(1))));
        let (count, meet) = (Arc::clone(&asked), Arc::clone(&together));
        let answer = async move || {
            count.fetch_add(1, Ordering::Relaxed);
            let others = Arc::clone(&meet.read().unwrap_or_else(PoisonError::into_inner));
            others.wait().await;
            json(token.clone())
        };
        let router = api().route("/{tenant}/oauth2/v2.0/token", post(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the endpoint stopped");
            }
        });
        Ok(Self { url, asked, together, serving })
    }

    /// From now on it answers when so many ask at the same time.
    pub(crate) fn together(&self, many: usize) {
        *self.together.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Barrier::new(many));
    }

    /// How many tokens it was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The API alone.
pub(super) fn api() -> Router {
    let orders = orders();
    Router::new().route("/orders", get(async move || json(orders.clone())))
}

fn json(text: impl IntoResponse) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A page as APIs answer with: some two thousand bytes.
fn orders() -> Bytes {
    let order = |id| {
        format!(r#"{{"id":{id},"customer":"O'Hara & Sons","lines":[{{"article":"bolt","count":400}}]}}"#)
    };
    format!("[{}]", (1..=ORDERS).map(order).collect::<Vec<_>>().join(",")).into()
}
