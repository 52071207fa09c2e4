//! The cheapest token endpoint and API there can be: what they answer is written in advance. For
//! what is measured beside them, or fetched a million times.

use anyhow::Result;
use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
};
use bytes::Bytes;
use tokio::{net::TcpListener, task::JoinHandle};

/// How many orders the API has.
pub(super) const ORDERS: usize = 25;

/// Serves until it is dropped.
pub(super) struct Endpoint {
    pub(super) url: String,
    serving: JoinHandle<()>,
}

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":86399,"access_token":"eyJ.a-short-one-so-that-a-million-fit.c2ln"}"#;

impl Endpoint {
    pub(super) async fn start() -> Result<Self> {
        let orders = orders();
        let router = Router::new()
            .route("/{tenant}/oauth2/v2.0/token", post(async move || json(TOKEN)))
            .route("/orders", get(async move || json(orders.clone())));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the endpoint stopped");
            }
        });
        Ok(Self { url, serving })
    }
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
