//! Several requests in one.

use std::time::Duration;

use entra_emulator::Fault;
use serde_json::{Value, json};

use crate::kit::{Kit, Named};

#[tokio::test]
async fn some_fail_where_others_succeed() {
    let kit = Kit::start().await;
    let me = kit.me();
    let mut batch = me.batch();
    let profile = batch.add(me.get("me").select(["displayName"]));
    let apps = batch.add(me.get("applications"));
    let after = batch.add_after(me.get("me"), [apps]);
    let chained = batch.add_after(me.get("/me?$select=id"), [profile]);
    let answers = batch.send().await.unwrap();
    assert_eq!(answers.json::<Named>(profile).unwrap().display_name, "Alice \u{c5}ngstr\u{f6}m");
    let denied = answers.json::<Value>(apps).unwrap_err();
    assert_eq!(denied.refusal().unwrap().code(), "Authorization_RequestDenied");
    assert_eq!(answers.status(after).unwrap().as_u16(), 424);
    assert!(answers.json::<Value>(chained).unwrap()["id"].is_string());
    assert!(answers.broken().is_none());
    assert_eq!(kit.asked().iter().filter(|entry| entry.path == "/v1.0/$batch").count(), 1);
}

#[tokio::test]
async fn twenty_at_most_go_in_one() {
    let kit = Kit::start().await;
    let me = kit.me();
    let mut batch = me.batch();
    let all: Vec<_> = (0..45).map(|_| batch.add(me.get("me"))).collect();
    let answers = batch.send().await.unwrap();
    assert!(all.into_iter().all(|id| answers.json::<Named>(id).is_ok()));
    assert_eq!(kit.asked().iter().filter(|entry| entry.path == "/v1.0/$batch").count(), 3);
}

#[tokio::test]
async fn a_throttled_request_is_sent_again_with_those_that_wait_for_it() {
    let kit = Kit::start().await;
    let me = kit.me().scopes("User.Read Mail.Read");
    kit.emulator.faults().add(Fault::throttle(Duration::ZERO).path("/me/messages"));
    let mut batch = me.batch();
    let profile = batch.add(me.get("me"));
    let mail = batch.add_after(me.get("me/messages").top(1), [profile]);
    let then = batch.add_after(me.get("me"), [mail]);
    let answers = batch.send().await.unwrap();
    assert_eq!(answers.json::<Value>(mail).unwrap()["value"].as_array().unwrap().len(), 1);
    assert_eq!(answers.json::<Named>(then).unwrap().display_name, "Alice \u{c5}ngstr\u{f6}m");
    let asked = |path: &str| kit.asked().iter().filter(|entry| entry.path == path).count();
    assert_eq!((asked("/v1.0/$batch"), asked("/v1.0/me/messages"), asked("/v1.0/me")), (2, 2, 2));
}

#[tokio::test]
async fn what_cannot_be_in_a_batch_is_told() {
    let kit = Kit::start().await;
    let me = kit.me();
    let mut batch = me.batch();
    batch.add(me.put("me/photo/$value").bytes_body("image/png", vec![1, 2, 3]));
    assert!(batch.send().await.unwrap_err().to_string().contains("refused before it was sent"));
    let mut first = me.batch();
    let id = first.add(me.post("me").json_body(&json!({"a": 1})));
    let answers = first.send().await.unwrap();
    assert_eq!(answers.status(id).unwrap().as_u16(), 405);
    let mut other = me.batch();
    other.add(me.get("me"));
    let beyond = other.add(me.get("me"));
    drop(other);
    assert!(answers.json::<Value>(beyond).is_err());
}
