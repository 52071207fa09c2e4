//! The account away, frozen, throttled, of another opinion: each is told in its own words, in time,
//! and nothing of it is secret.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    Clock, Kept, StoreError, StoreKey, StoreTokens, StoredEntry, Unreadable,
    testing::{ManualClock, assert_no_secrets, share},
};
use entra_cache_cosmos::CosmosStore;

use crate::{
    bench::{Bench, Credential, builder},
    double::{
        Double,
        container::Refusal,
        signature::{KEY, TOKEN},
    },
};

fn key() -> StoreKey {
    StoreKey::digest(["failures"])
}

fn entry(clock: &ManualClock) -> StoredEntry {
    StoredEntry::new(*b"s3cret value", clock.now() + Duration::from_secs(60))
}

/// The words of an error, which hold no secret, nor does what is beneath.
fn words(error: &StoreError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    assert_no_secrets(&format!("{text} {error:?}"), [KEY, TOKEN, "s3cret"]);
    text.split_once(": ").map(|(_, what)| what.to_owned()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_in_an_operators_words() {
    let Bench { double, clock, store } = Bench::start().await;
    store.put(&key(), entry(&clock)).await.unwrap();
    let check = async |status, sub, expected: &str| {
        double.with(|container| container.refuses = Some(Refusal::Items(status, sub)));
        let error = store.put(&key(), entry(&clock)).await.unwrap_err();
        assert!(words(&error).starts_with(expected), "{expected} in: {error}");
        double.with(|container| container.refuses = None);
    };
    check(403, 5_300, "refuses: the identity has no data role for this container").await;
    check(403, 1_014, "is full").await;
    check(413, 0, "refuses: the entry is larger than 2 MB").await;
    check(429, 3_200, "is throttled: it has too few request units").await;
    check(400, 0, "refuses (status 400").await;
    assert!(store.get(&key()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused() {
    let Bench { double, .. } = &Bench::start().await;
    let text = double.connection_string().replace(KEY, "aHVudGVyMg==");
    let store = CosmosStore::builder(&text).unwrap().build().unwrap();
    let error = store.get(&key()).await.unwrap_err();
    assert!(words(&error).starts_with("refuses the key or the token"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_logs_in_with_a_token() {
    let double = Double::start(Arc::new(ManualClock::default())).await;
    double.with(|container| container.make("/id", Some(-1)));
    let url = format!("http://{}/", double.address);
    let store =
        |has_token| CosmosStore::builder(&url).unwrap().credential(Arc::new(Credential(has_token))).build();
    assert!(store(true).unwrap().get(&key()).await.unwrap().is_none());
    let error = store(false).unwrap().get(&key()).await.unwrap_err();
    assert!(words(&error).starts_with("there is no token to log in with"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_looked_at_before_it_is_used() {
    let clock = Arc::new(ManualClock::default());
    let double = Double::start(clock.clone()).await;
    let check = async |expected: &str| {
        let error = builder(&double).build().unwrap().put(&key(), entry(&clock)).await.unwrap_err();
        assert!(words(&error).contains(expected), "{expected} in: {error}");
    };
    check("--partition-key-path /id --ttl -1").await;
    double.with(|container| container.make("/tenant", Some(-1)));
    check("has another partition key than /id").await;
    double.with(|container| container.make("/id", None));
    check("has no time to live").await;
    assert_eq!(double.with(|container| container.asked_for_items()), 0);
    double.with(|container| container.make("/id", Some(3_600)));
    builder(&double).build().unwrap().put(&key(), entry(&clock)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_is_what_is_needed() {
    let Bench { double, store, clock } = Bench::start().await;
    assert!(double.with(|container| container.asked.is_empty()), "to build a store asks nobody");
    store.put(&key(), entry(&clock)).await.unwrap();
    double.with(|container| {
        let rules = container.rules.clone().unwrap();
        assert_eq!(rules["partitionKey"]["paths"], serde_json::json!(["/id"]));
        assert_eq!(
            (&rules["defaultTtl"], &rules["indexingPolicy"]["excludedPaths"][0]["path"]),
            (&serde_json::json!(-1), &serde_json::json!("/*"))
        );
        let item = &container.items[&key().to_text()].item;
        assert_eq!(
            (&item["ttl"], &item["id"]),
            (&serde_json::json!(60), &serde_json::json!(key().to_text()))
        );
        assert!(!item.to_string().contains("s3cret"), "the value is base64");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_one_request() {
    let Bench { double, store, clock } = Bench::start().await;
    let count = || double.with(|container| container.asked_for_items());
    store.put(&key(), entry(&clock)).await.unwrap();
    assert!(store.get(&key()).await.unwrap().is_some());
    assert!(store.remove(&key()).await.unwrap());
    assert!(store.put_new(&key(), entry(&clock)).await.unwrap());
    assert_eq!(count(), 4);
    assert!(!store.put_new(&key(), entry(&clock)).await.unwrap());
    assert_eq!(count(), 6, "only where there is one, it is looked whether that has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_and_comes_back() {
    let Bench { double, clock, store } = Bench::start().await;
    double.go_away().await;
    let error = store.get(&key()).await.unwrap_err();
    assert!(words(&error).starts_with("cannot be reached"), "{error}");
    double.come_back().await;
    store.put(&key(), entry(&clock)).await.unwrap();
    double.go_away().await;
    let error = store.get(&key()).await.unwrap_err();
    assert!(words(&error).starts_with("cannot be reached"), "{error}");
    double.come_back().await;
    assert!(store.get(&key()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_account_takes_no_longer_than_is_said() {
    let Bench { double, .. } = &Bench::start().await;
    let store = builder(double).create_if_not_exists(true).timeout(Duration::from_secs(2)).build().unwrap();
    double.with(|container| container.refuses = Some(Refusal::Silence));
    let error = store.get(&key()).await.unwrap_err();
    assert_eq!(words(&error), "cannot be reached: no answer within 2s");
    double.with(|container| container.refuses = None);
    assert!(store.get(&key()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_item_of_ours_is_what_cannot_be_opened() {
    let Bench { double, clock, store } = Bench::start().await;
    let shared = share(Arc::new(store.clone()));
    let spoil = |name: &str, value: serde_json::Value| {
        double.with(|container| container.items.get_mut(&key().to_text()).unwrap().item[name] = value);
    };
    for (name, value) in [("value", "%".into()), ("value", 1.into()), ("expires_at", "later".into())] {
        shared.put(&key(), &entry(&clock)).await.unwrap();
        spoil(name, value);
        assert_eq!(shared.get(&key()).await.unwrap(), Kept::Unreadable(Unreadable::UnknownVersion), "{name}");
        assert!(!shared.put_new(&key(), &entry(&clock)).await.unwrap(), "something is there");
    }
    shared.put(&key(), &entry(&clock)).await.unwrap();
    assert!(shared.get(&key()).await.unwrap().entry().is_some(), "what is put takes its place");
}
