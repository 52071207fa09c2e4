//! Lists, page by page, and what changed since.

use entra_graph::DeltaLink;
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::kit::{Kit, Named};

#[tokio::test]
async fn pages_are_followed_as_they_are_asked_for() {
    let kit = Kit::start().await;
    let mail = || kit.me().scopes("Mail.Read").get("me/messages").top(10).count().pages::<Value>();
    let mut pages = mail();
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!((first.value.len(), first.count), (10, Some(35)));
    assert_eq!(kit.asked().len(), 1, "no page is fetched before it is asked for");
    drop(pages);
    let all: Vec<Value> = mail().items().try_collect().await.unwrap();
    assert_eq!(all.len(), 35);
    assert_eq!(all.last().unwrap()["id"], "AAMk0035=");
    let sizes: Vec<usize> = mail().stream().map_ok(|page| page.value.len()).try_collect().await.unwrap();
    assert_eq!(sizes, [10, 10, 10, 5]);
}

#[tokio::test]
async fn what_is_configured_is_not_doubled_in_links() {
    let kit = Kit::with(json!({"ExtraQueryParameters": {"$top": "20"}})).await;
    let pages = kit.me().scopes("Mail.Read").get("me/messages").pages::<Value>();
    let all: Vec<Value> = pages.items().try_collect().await.unwrap();
    assert_eq!((all.len(), kit.asked().len()), (35, 2));
}

#[tokio::test]
async fn an_error_ends_the_pages() {
    let kit = Kit::start().await;
    let mut pages = kit.me().get("applications").pages::<Value>();
    assert!(pages.next().await.unwrap().is_err());
    assert!(pages.next().await.is_none());
}

#[tokio::test]
async fn a_delta_link_is_kept_and_tells_what_changed() {
    let kit = Kit::start().await;
    let app = kit.graph.as_app();
    let mut pages = app.get("users/delta").pages::<Named>();
    let first = pages.next().await.unwrap().unwrap();
    assert!(first.value.len() > 2);
    let kept = first.delta.unwrap().as_str().to_owned();

    kit.emulator.edit(|directory| {
        directory.user_mut("bob").unwrap().display_name = "Bob Renamed".to_owned();
    });
    let link = DeltaLink::parse(kept.clone()).unwrap();
    let changed = app.changes_since::<Named>(&link).next().await.unwrap().unwrap();
    assert_eq!(changed.value.len(), 1);
    assert_eq!(changed.value[0].display_name, "Bob Renamed");
    let nothing = app.changes_since::<Named>(&changed.delta.unwrap()).next().await.unwrap().unwrap();
    assert!(nothing.value.is_empty());

    let old =
        DeltaLink::parse(format!("{}/v1.0/users/delta?$deltatoken=old", kit.emulator.base_url())).unwrap();
    let error = app.changes_since::<Named>(&old).next().await.unwrap().unwrap_err();
    assert!(error.refusal().unwrap().wants_resync());
    let foreign = DeltaLink::parse("https://evil.example/v1.0/users/delta?$deltatoken=x").unwrap();
    kit.emulator.log().clear();
    assert!(app.changes_since::<Named>(&foreign).next().await.unwrap().is_err());
    assert!(kit.asked().is_empty());
}
