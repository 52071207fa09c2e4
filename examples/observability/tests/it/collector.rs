//! A collector on loopback, and what comes to it.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, routing::post};
use entra_abstractions::{AcquireToken, Scopes, TokenRequest, testing::assert_no_secrets};
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
    ] {
        assert!(names.iter().any(|heard| heard == name), "{name} did not come: {names:?}");
    }
    let told = Value::Array(heard).to_string();
    assert_eq!(lookups(&told), [("entra", 1), ("memory", 2)], "{told}");
    assert_no_secrets(&told, [ids::DAEMON_SECRET]);
    assert!(!told.contains("eyJ"), "a token is in it");
}

/// How many calls were answered by whom.
fn lookups(told: &str) -> Vec<(&'static str, u64)> {
    let told: Value = serde_json::from_str(told).unwrap();
    let metrics = told.as_array().unwrap().iter().filter_map(|body| body["resourceMetrics"].as_array());
    let metrics = metrics.flatten().flat_map(|one| one["scopeMetrics"].as_array().unwrap().clone());
    let metrics = metrics.flat_map(|scope| scope["metrics"].as_array().unwrap().clone());
    let mut counted = Vec::new();
    for metric in metrics.filter(|metric| metric["name"] == "entra.token.lookups") {
        for point in metric["sum"]["dataPoints"].as_array().unwrap() {
            let by = ["entra", "flight", "memory"].into_iter().find(|by| {
                let attributes = point["attributes"].as_array().unwrap();
                attributes
                    .iter()
                    .any(|one| one["key"] == "entra.answered_by" && one["value"]["stringValue"] == *by)
            });
            let count =
                point["asInt"].as_str().map_or_else(|| point["asInt"].as_u64(), |text| text.parse().ok());
            counted.push((by.unwrap(), count.unwrap()));
        }
    }
    counted.sort_unstable();
    counted
}
