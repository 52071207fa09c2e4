//! What a Graph is made of: a section, the program, or nothing but defaults.

use std::sync::Arc;

use entra_abstractions::{AccessToken, Cloud, Scheme, Secret, Section, UserAssertion, testing::FakeAcquirer};
use entra_graph::{Graph, GraphBuilder, TokenError};
use serde_json::{Value, json};

/// The scopes that a user's token and the application's are asked for.
async fn scopes(build: impl Fn(Arc<FakeAcquirer>) -> Graph) -> [String; 2] {
    let tokens = Arc::new(FakeAcquirer::new(|_| {
        Err(TokenError::from(entra_abstractions::Misconfigured::new("no token in this test")))
    }));
    let graph = build(Arc::clone(&tokens));
    let user = UserAssertion::new("a.b.c").unwrap();
    assert!(graph.on_behalf_of(&user).get("me").empty().await.is_err());
    assert!(graph.as_app().get("users").empty().await.is_err());
    let asked: Vec<String> = tokens.requests().iter().map(|request| request.scopes.to_string()).collect();
    asked.try_into().unwrap()
}

async fn check(builder: impl Fn() -> GraphBuilder, user: &str, app: &str) {
    assert_eq!(scopes(|tokens| builder().build(tokens).unwrap()).await, [user, app]);
}

fn section(value: Value) -> Section {
    Section::new("GraphBeta", value)
}

#[tokio::test]
async fn defaults_are_version_1_and_user_read() {
    let public = "https://graph.microsoft.com/.default";
    check(Graph::builder, "User.Read", public).await;
    check(|| Graph::builder().section(&section(json!({}))), "User.Read", public).await;
    let scopes = json!({"BaseUrl": "https://graph.microsoft.com/beta", "Scopes": "User.Read Mail.Read"});
    check(|| Graph::builder().section(&section(scopes.clone())), "User.Read Mail.Read", public).await;
    check(|| Graph::builder().section(&section(scopes.clone())).scopes("Files.Read"), "Files.Read", public)
        .await;
}

#[tokio::test]
async fn the_clouds_have_scopes_of_their_own() {
    let (user, app) = ("https://graph.microsoft.us/User.Read", "https://graph.microsoft.us/.default");
    check(|| Graph::builder().cloud(Cloud::UsGovernment), user, app).await;
    let base = json!({"BaseUrl": "https://graph.microsoft.us/v1.0"});
    check(|| Graph::builder().section(&section(base.clone())), user, app).await;
    let china = "https://microsoftgraph.chinacloudapi.cn";
    let (user, app) = (format!("{china}/User.Read"), format!("{china}/.default"));
    check(|| Graph::builder().cloud(Cloud::China).beta(), &user, &app).await;
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let told = |value: Value| {
        let tokens = FakeAcquirer::new(|_| {
            let ends = std::time::SystemTime::UNIX_EPOCH;
            Ok(AccessToken::new(Scheme::Bearer, Secret::new("x"), ends)?)
        });
        Graph::from_section(&section(value), tokens).unwrap_err().to_string()
    };
    assert!(told(json!({"BaseUrl": "http://graph.microsoft.com/v1.0"})).starts_with("GraphBeta.BaseUrl:"));
    assert!(told(json!({"Scope": "User.Read"})).contains("did you mean Scopes?"));
    let both = told(json!({"BaseUrl": "nowhere", "Timeout": "never"}));
    assert!(both.contains("GraphBeta.BaseUrl") && both.contains("GraphBeta.Timeout"), "{both}");
}
