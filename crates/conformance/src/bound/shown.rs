//! Certificates and bound tokens where they belong: an API that takes the certificate alone, and Graph.

use axum::{Extension, Json, Router, routing::get};
use entra_abstractions::{Section, TokenError, UserAssertion};
use entra_downstream_api::{Api, CallError};
use entra_emulator::{Endpoint, ids};
use entra_graph::Graph;
use entra_web_api::ClientCertificate;
use http::{HeaderMap, header::AUTHORIZATION};
use serde_json::{Value, json};

use super::{
    Night, Secured, Speaks,
    application::{mint, trusting},
};

async fn whose(shown: Option<Extension<ClientCertificate>>, headers: HeaderMap) -> Json<Value> {
    let shown = shown.map(|Extension(shown)| shown.thumbprint());
    Json(json!({"certificate": shown, "has_token": headers.contains_key(AUTHORIZATION)}))
}

#[tokio::test]
async fn an_api_is_shown_the_certificate_alone() {
    let certificates = mint(2).unwrap();
    let night = Night::begin(&certificates[0], &[]).await.unwrap();
    let secured = Secured::start(Router::new().route("/whose", get(whose)), Speaks::Http1).await.unwrap();
    let section = json!({"BaseUrl": secured.url, "ProtocolScheme": "MTLS"});
    let section = Section::new("DownstreamApis.Partner", section);
    let api =
        Api::builder("Partner").section(&section).http(secured.http()).build(night.tokens.clone()).unwrap();
    for (number, certificate) in certificates.iter().enumerate() {
        std::fs::write(night.path(), certificate.both()).unwrap();
        let thumbprint = certificate.binding().unwrap().thumbprint().to_owned();
        for _ in 0..3 {
            let seen: Value = api.as_app().get("whose").json().await.unwrap();
            assert_eq!(seen, json!({"certificate": thumbprint, "has_token": false}));
        }
        assert_eq!(secured.handshakes().full.len(), number + 1);
        secured.drained_but(&[&thumbprint]).await.unwrap();
    }
    assert!(secured.handshakes().full.values().all(|number| *number == 1));
    // Nobody was asked for a token, and no user has this certificate.
    assert_eq!(night.emulator.log().count_tokens(), 0);
    let user = UserAssertion::new("h.p.s").unwrap();
    let error = api.on_behalf_of(&user).get("whose").empty().await.unwrap_err();
    assert!(matches!(error, CallError::Token { error: TokenError::Misconfigured(_), .. }), "{error:?}");
}

#[tokio::test]
async fn graph_is_called_with_a_bound_token() {
    let certificates = mint(1).unwrap();
    let night = Night::begin(&certificates[0], &certificates).await.unwrap();
    let section = json!({
        "BaseUrl": format!("{}/v1.0", night.emulator.base_url()),
        "ProtocolScheme": "MTLS_POP", "RequestAppToken": true,
    });
    let graph = Graph::builder()
        .section(&Section::new("GraphBeta", section))
        .http(trusting(&night.emulator).unwrap())
        .build(night.tokens.clone())
        .unwrap();
    let users: Value = graph.as_app().get("users").json().await.unwrap();
    assert!(!users["value"].as_array().unwrap().is_empty(), "{users}");
    let thumbprint = certificates[0].binding().unwrap().thumbprint().to_owned();
    let entries = night.emulator.log().entries();
    let asked: Vec<_> = entries.iter().filter(|entry| entry.endpoint == Endpoint::Graph).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].client_certificate.as_deref(), Some(&*thumbprint));
    assert_eq!(night.emulator.log().token_requests()[0].field("token_type"), Some("mtls_pop"));
    let alice = night.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    let alice = UserAssertion::new(alice).unwrap();
    let error = graph.on_behalf_of(&alice).get("me").json::<Value>().await.unwrap_err();
    let told = TokenError::in_chain(&error).unwrap().to_string();
    assert!(told.contains("takes bound tokens, and only an application's own can be bound"), "{told}");
}
