//! A collector on loopback, and what comes to it.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, routing::post};
use entra_abstractions::{
    AcquireToken, Scopes, SystemClock, TokenRequest,
    testing::{MemoryStore, assert_no_secrets, share},
};
use entra_emulator::{Emulator, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use example_observability::Telemetry;
use serde_json::{Value, json};

type Heard = Arc<Mutex<Vec<Value>>>;

/// Takes whatever is sent, and says where.
async fn collector(heard: Heard) -> String {
    let take = move |Json(body): Json<Value>| async move {
        heard.lock().unwrap().push(body);
        Json(json!({}))
    };
    let router = Router::new().route("/v1/traces", post(take.clone())).route("/v1/metrics", post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Every text under a member of this name, wherever it stands.
fn texts(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if let (true, Value::String(text)) = (key == name, value) {
                    found.push(text.clone());
                }
                texts(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, name, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_metrics_arrive() {
    let heard = Heard::default();
    let telemetry = Telemetry::start(&collector(Arc::clone(&heard)).await).unwrap();
    tracing::subscriber::set_global_default(telemetry.subscriber()).unwrap();

    let emulator = Emulator::start().await.unwrap();
    let application = Application::builder()
        .instance(emulator.base_url())
        .tenant(ids::TENANT)
        .client_id(ids::DAEMON)
        .secret(ids::DAEMON_SECRET)
        .build()
        .unwrap();
    let tokens = TokenAcquirer::builder(application).meter(&telemetry.meter()).build().unwrap();
    let request = TokenRequest::as_app(Scopes::try_from("api://orders/.default").unwrap());
    for _ in 0..3 {
        tokens.acquire(&request).await.unwrap();
    }
    tokens.settled().await;
    let _sharing = share_a_store(&emulator, &telemetry).await;
    tokio::task::spawn_blocking(|| telemetry.stop()).await.unwrap().unwrap();

    let heard = heard.lock().unwrap().clone();
    let mut names = Vec::new();
    for body in &heard {
        texts(body, "name", &mut names);
    }
    for name in [
        "token.acquire",
        "token.request",
        "entra.token.lookups",
        "entra.token.requests",
        "entra.token.request.duration",
        "entra.token.flights",
        "entra.cache.entries",
        "entra.cache.size",
        "entra.cache.evictions",
        "entra.clock.skew",
        "entra.store.lookups",
        "entra.store.writes",
        "entra.store.away",
        "entra.store.queue.entries",
        "entra.store.queue.size",
        "entra.store.queue.dropped",
    ] {
        assert!(names.iter().any(|heard| heard == name), "{name} did not come: {names:?}");
    }
    let told = Value::Array(heard).to_string();
    let counted = |metric: &str, attribute: &str| counted(&told, metric, attribute);
    assert_eq!(
        counted("entra.token.lookups", "entra.answered_by"),
        ["entra 1", "entra 1", "memory 2", "store 1"],
        "{told}"
    );
    assert_eq!(counted("entra.store.lookups", "entra.found"), ["hit 1", "miss 1"], "{told}");
    assert_eq!(counted("entra.store.writes", "entra.outcome"), ["kept 1"], "{told}");
    assert_no_secrets(&told, [ids::DAEMON_SECRET]);
    assert!(!told.contains("eyJ"), "a token is in it");
}

/// Of two instances that share a store, the second one is measured: it finds what the first one fetched,
/// and fetches what nobody has.
async fn share_a_store(emulator: &Emulator, telemetry: &Telemetry) -> TokenAcquirer {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let builder = || {
        let application = Application::builder().instance(emulator.base_url()).tenant(ids::TENANT);
        let application = application.client_id(ids::API).secret(ids::API_SECRET).build().unwrap();
        TokenAcquirer::builder(application).store(share(Arc::clone(&store) as _))
    };
    let (first, second) = (builder().build().unwrap(), builder().meter(&telemetry.meter()).build().unwrap());
    let request = |scopes: &str| TokenRequest::as_app(Scopes::try_from(scopes).unwrap());
    first.acquire(&request("api://orders/.default")).await.unwrap();
    first.settled().await;
    for scopes in ["api://orders/.default", "https://graph.microsoft.com/.default"] {
        second.acquire(&request(scopes)).await.unwrap();
    }
    second.settled().await;
    second
}

/// How much was counted under each word of an attribute.
fn counted(told: &str, metric: &str, attribute: &str) -> Vec<String> {
    let told: Value = serde_json::from_str(told).unwrap();
    let metrics = told.as_array().unwrap().iter().filter_map(|body| body["resourceMetrics"].as_array());
    let metrics = metrics.flatten().flat_map(|one| one["scopeMetrics"].as_array().unwrap().clone());
    let metrics = metrics.flat_map(|scope| scope["metrics"].as_array().unwrap().clone());
    let mut counted = Vec::new();
    for metric in metrics.filter(|one| one["name"] == metric) {
        for point in metric["sum"]["dataPoints"].as_array().unwrap() {
            let attributes = point["attributes"].as_array().unwrap();
            let word = attributes.iter().find(|one| one["key"] == attribute).unwrap();
            let count = &point["asInt"];
            let count = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
            counted.push(format!("{} {count}", word["value"]["stringValue"].as_str().unwrap()));
        }
    }
    counted.sort_unstable();
    counted
}
