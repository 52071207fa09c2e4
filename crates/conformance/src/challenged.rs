//! A thousand calls that are refused together: one token request answers the challenge for all.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use entra_downstream_api::Api;
use entra_emulator::{Emulator, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use futures_util::future::join_all;
use tokio::{net::TcpListener, sync::Barrier};

const CALLS: usize = 1_000;

/// Refuses the first token it sees for the claims that are missing in it, once everybody has come
/// with it; takes any other.
#[derive(Clone)]
struct Guard {
    refused: Arc<Mutex<Option<String>>>,
    challenges: Arc<AtomicUsize>,
    everybody: Arc<Barrier>,
}

impl Guard {
    async fn answer(self, headers: HeaderMap) -> Response {
        let token = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
        let is_refused = *self.refused.lock().unwrap().get_or_insert_with(|| token.clone()) == token;
        if !is_refused {
            return "welcome".into_response();
        }
        self.challenges.fetch_add(1, Ordering::Relaxed);
        self.everybody.wait().await;
        let challenge = "Bearer error=\"insufficient_claims\", \
            claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\"";
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

#[tokio::test]
async fn a_thousand_refused_calls_make_one_token_request() {
    let emulator = Emulator::builder().start_blocking().unwrap();
    let application = Application::builder()
        .instance(emulator.base_url())
        .tenant(ids::TENANT)
        .client_id(ids::DAEMON)
        .secret(ids::DAEMON_SECRET)
        .build()
        .unwrap();
    let tokens = TokenAcquirer::builder(application).build().unwrap();

    let guard = Guard {
        refused: Arc::default(),
        challenges: Arc::default(),
        everybody: Arc::new(Barrier::new(CALLS)),
    };
    let (challenges, listener) =
        (Arc::clone(&guard.challenges), TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/orders", get(move |headers: HeaderMap| guard.clone().answer(headers)));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let api = Api::builder("Orders").base_url(url).scopes("api://orders/.default").build(tokens).unwrap();
    let orders = api.as_app();
    let answers = join_all((0..CALLS).map(|_| async {
        orders.get("orders").send().await.unwrap().error_for_status().await.unwrap().text().await.unwrap()
    }))
    .await;
    assert!(answers.iter().all(|answer| answer == "welcome"));
    assert_eq!(challenges.load(Ordering::Relaxed), CALLS, "each was refused, and none twice");
    assert_eq!(emulator.log().count_tokens(), 2, "the first token, and the one that meets the challenge");
}
