//! A claims challenge on a bound call: answered once, by an API and by the middleware, over the connection
//! that showed the certificate.

use axum::{Extension, Json, Router, http::StatusCode, response::IntoResponse, routing::any};
use entra_abstractions::Section;
use entra_downstream_api::{Api, AuthorizationMiddleware, AuthorizationOptions};
use entra_emulator::Entry;
use entra_web_api::ClientCertificate;
use http::{HeaderMap, header::AUTHORIZATION};
use serde_json::{Value, json};

use super::{Night, Secured, Speaks, application::mint};

/// What is asked for is `nbf`, which every token of the emulator has.
const CHALLENGE: &str = "Bearer error=\"insufficient_claims\", \
     claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==\"";

/// Is never content with a token, and tells how it was shown.
async fn refuse(
    shown: Option<Extension<ClientCertificate>>,
    headers: HeaderMap,
) -> impl IntoResponse + use<> {
    let shown = shown.map(|Extension(shown)| shown.thumbprint());
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let challenge = [("WWW-Authenticate", CHALLENGE)];
    (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "certificate": shown, "token": token })))
}

#[tokio::test]
async fn a_challenge_of_a_bound_call_is_answered_once_with_the_same_certificate() {
    let certificates = mint(1).unwrap();
    let night = Night::begin(&certificates[0], &certificates).await.unwrap();
    let secured = Secured::start(Router::new().route("/orders", any(refuse)), Speaks::Http1).await.unwrap();
    let thumbprint = certificates[0].binding().unwrap().thumbprint().to_owned();
    let first = night.token().await.unwrap().authorization_header().to_str().unwrap().to_owned();

    let section = json!({
        "BaseUrl": secured.url, "Scopes": ["api://orders/.default"], "RequestAppToken": true,
        "ProtocolScheme": "MTLS_POP",
    });
    let section = Section::new("DownstreamApis.Orders", section);
    let api = Api::builder("Orders").section(&section).http(secured.http()).build(night.tokens.clone());
    let answer = api.unwrap().as_app().post("orders").json_body(&json!({"pieces": 7})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let seen: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let second = seen["token"].as_str().unwrap().to_owned();
    assert_eq!(seen["certificate"], *thumbprint);
    assert!(second != first && second.starts_with("mtls_pop "));

    let defaults = AuthorizationOptions::new().scopes("api://orders/.default").bound();
    let middleware = AuthorizationMiddleware::new(night.tokens.clone(), defaults).unwrap();
    let own = crate::http::plain().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(own).with(middleware.http(&secured.http())).build();
    let answer = client.post(format!("{}/orders", secured.url)).body("pieces").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);

    // One for the beginning, and one for each challenge; a certificate of the connection each time.
    let sent = night.emulator.log().token_requests();
    assert_eq!(sent.len(), 3);
    let shown = |entry: &Entry| entry.client_certificate.clone();
    assert!(sent.iter().all(|entry| shown(entry).as_deref() == Some(&*thumbprint)));
    assert!(sent[1..].iter().all(|entry| entry.field("claims").is_some_and(|it| it.contains("nbf"))));
    let handshakes = secured.handshakes();
    assert_eq!(handshakes.full.keys().collect::<Vec<_>>(), [&thumbprint], "no connection without it");
}
