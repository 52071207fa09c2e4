//! Single requests: whose they are, what they ask, what comes back, and what is tried again.

use std::time::Duration;

use entra_emulator::{Endpoint, Fault, ids};
use entra_graph::{CallError, GraphError, TokenError, quoted, segment};
use serde_json::{Value, json};

use crate::kit::{Kit, Named};

#[tokio::test]
async fn the_user_and_the_application_are_asked_for() {
    let kit = Kit::start().await;
    let me: Named = kit.me().get("me").select(["displayName"]).json().await.unwrap();
    assert_eq!(me.display_name, "Alice \u{c5}ngstr\u{f6}m");
    let maeve = format!("users/{}", segment(ids::MAEVE_UPN));
    let user: Value = kit.graph.as_app().get(&maeve).json().await.unwrap();
    assert_eq!(user["id"], ids::MAEVE);
    let apps: Value = kit.graph.as_app().beta().get("applications").json().await.unwrap();
    assert!(!apps["value"].as_array().unwrap().is_empty());
    assert!(kit.asked().last().unwrap().path.starts_with("/beta/applications"));
    // What is configured, not who happens to call, says whose token it is.
    let kit = Kit::with(json!({"RequestAppToken": true})).await;
    assert!(kit.graph.as_configured(Some(&kit.alice)).get("users").empty().await.is_ok());
}

#[tokio::test]
async fn queries_are_written_as_graph_reads_them() {
    let kit = Kit::start().await;
    let users = || kit.graph.as_app().get("users");
    let named =
        |name: &str| users().filter(format!("displayName eq {}", quoted(name))).select(["displayName"]);
    let found: Value = named("Maeve O'Brien").json().await.unwrap();
    let nobody: Value = named("x' or displayName ne '").json().await.unwrap();
    assert_eq!(nobody["value"], json!([]));
    assert_eq!(found["value"].as_array().unwrap().len(), 1, "{found}");
    let searched: Value = users().search("\"displayName:alice\"").count().json().await.unwrap();
    assert_eq!(searched["@odata.count"], 1);
    let ordered: Value = users().order_by(["displayName desc"]).top(1).json().await.unwrap();
    assert_eq!(ordered["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_graph_says_is_typed_and_not_printed() {
    let kit = Kit::start().await;
    let error = kit.graph.as_app().get("users/nobody@contoso.example").empty().await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (404, "Request_ResourceNotFound"));
    assert!(refusal.message().starts_with("Resource "));
    assert!(refusal.request_id().is_some() && refusal.date().is_some());
    let told = format!("{error} {error:?}");
    assert!(error.to_string().contains("(Request_ResourceNotFound), request id"), "{error}");
    assert!(!told.contains("Resource does not") && !told.contains("nobody@"), "{told}");

    let denied = kit.me().get("applications").empty().await.unwrap_err();
    assert_eq!(denied.refusal().unwrap().code(), "Authorization_RequestDenied");
    // Entra's refusals come through as token errors, with who must act.
    let missing = kit.me().scopes("Calendars.Read").get("me").empty().await.unwrap_err();
    assert!(
        matches!(TokenError::in_chain(&missing), Some(TokenError::InteractionRequired(_))),
        "{missing:?}"
    );
}

#[tokio::test]
async fn throttled_is_tried_again_and_a_post_that_may_have_been_done_is_not() {
    let kit = Kit::start().await;
    kit.emulator.faults().add(Fault::throttle(Duration::ZERO).at(Endpoint::Graph).times(2));
    kit.me().get("me").empty().await.unwrap();
    assert_eq!(kit.asked().len(), 3);

    kit.emulator.log().clear();
    let away = || Fault::status_retry_after(503, Duration::ZERO).at(Endpoint::Graph).times(1);
    kit.emulator.faults().add(away());
    kit.me().get("me").empty().await.unwrap();
    assert_eq!(kit.asked().len(), 2);

    kit.emulator.log().clear();
    kit.emulator.faults().add(away());
    let error = kit.me().post("me").json_body(&json!({})).empty().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 503);
    assert_eq!(kit.asked().len(), 1);

    // Nobody waits for an hour here.
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(3600)).at(Endpoint::Graph));
    let error = kit.me().get("me").empty().await.unwrap_err();
    assert_eq!(error.refusal().and_then(entra_graph::Refusal::retry_after), Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn no_path_leaves_the_graph() {
    let kit = Kit::start().await;
    for path in ["https://evil.example/v1.0/me", "../orders", "//evil.example/me", "me#x"] {
        let error = kit.me().get(path).empty().await.unwrap_err();
        assert!(matches!(error, GraphError::Call(CallError::Refused { .. })), "{path}: {error:?}");
    }
    assert!(kit.asked().is_empty());
}
