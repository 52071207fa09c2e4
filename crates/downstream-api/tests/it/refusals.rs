//! What becomes of answers other than 2xx, and of tokens that cannot be had.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    Exchange, InteractionRequired, Scopes, TokenError, UserAssertion,
    testing::{FakeAcquirer, assert_no_secrets},
};
use entra_downstream_api::{Api, CallError};
use serde_json::{Value, json};

use crate::server::{Server, answer_of, challenge, section, start};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

#[tokio::test]
async fn a_status_is_the_callers_to_judge() {
    let (server, api, _) = start(json!({})).await;
    let long = "x".repeat(10_000);
    server.then(answer_of(404, &[("x-why", "s3cret"), ("retry-after", "7")], format!("s3cret {long}")));
    let error = api.as_app().get("items/7?key=s3cret").json::<Value>().await.unwrap_err();
    let CallError::Status(answer) = &error else { panic!("{error:?}") };
    assert_eq!((answer.status().as_u16(), answer.api(), answer.body().len()), (404, "Orders", 4096));
    assert_eq!(answer.headers()["x-why"], "s3cret");
    assert!(answer.text().starts_with("s3cret xxx"));
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404));
    assert_eq!(error.to_string(), "GET of API Orders at 127.0.0.1 answered 404 Not Found");
    assert_no_secrets(&format!("{error} {error:?}"), ["s3cret"]);

    server.then(answer_of(404, &[], "no such item"));
    let answer = api.as_app().get("items/7").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (404, "no such item"));

    let date = [("date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2026 07:29:30 GMT")];
    server.then(answer_of(503, &date, ""));
    let error = api.as_app().post("x").empty().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Status(answer) if answer.retry_after() == Some(Duration::from_secs(90)))
    );
}

#[tokio::test]
async fn a_claims_challenge_is_answered_once() {
    let (server, api, tokens) = start(json!({})).await;
    server.then(challenge());
    let found: Value = api.as_app().post("x").json_body(&json!({"n": 1})).json().await.unwrap();
    assert_eq!(found, json!({"ok": true}));
    let sent = server.sent();
    let headers: Vec<_> = sent.iter().map(|sent| sent.header("authorization").unwrap()).collect();
    assert_eq!(headers, ["Bearer at-1", "Bearer at-2"]);
    assert_eq!(sent[0].body, sent[1].body);
    let requests = tokens.requests();
    assert_eq!(requests[0].claims, None);
    assert_eq!(requests[1].claims.as_ref().unwrap().as_str(), CLAIMS);
    let refused = entra_abstractions::TokenHash::of(&entra_abstractions::Secret::new("at-1"));
    assert_eq!((requests[0].replaces, requests[1].replaces), (None, Some(refused)), "it says which token");
}

#[tokio::test]
async fn a_second_challenge_is_the_users_matter() {
    let (server, api, _) = start(json!({})).await;
    let me = api.on_behalf_of(&UserAssertion::new("h.p.s").unwrap());
    server.then(challenge()).then(challenge());
    let error = me.get("x").json::<Value>().await.unwrap_err();
    let asked = TokenError::in_chain(&error).and_then(TokenError::challenge).unwrap();
    assert_eq!(asked.claims().unwrap().as_str(), CLAIMS);
    assert_eq!(asked.scopes().as_str(), "api://orders/read");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    // Whoever takes the answer itself judges it himself.
    server.then(challenge()).then(challenge());
    assert_eq!(me.get("x").send().await.unwrap().status(), 401);
    assert_eq!(server.sent().len(), 4);
}

#[tokio::test]
async fn what_is_no_challenge_is_not_answered() {
    let (server, api, tokens) = start(json!({})).await;
    let mut forbidden = challenge();
    *forbidden.status_mut() = axum::http::StatusCode::FORBIDDEN;
    for (answer, status) in [(answer_of(401, &[], "no"), 401), (forbidden, 403)] {
        server.then(answer);
        let error = api.as_app().get("x").json::<Value>().await.unwrap_err();
        assert!(matches!(&error, CallError::Status(answer) if answer.status() == status), "{error:?}");
    }
    server.then(challenge());
    let once = api.as_app().post("x").stream_body("text/plain", reqwest::Body::wrap("once".to_owned()));
    let error = once.empty().await.unwrap_err();
    assert!(matches!(&error, CallError::Status(answer) if answer.status() == 401), "{error:?}");
    assert_eq!(server.last().body, "once");
    assert_eq!((server.sent().len(), tokens.requests().len()), (3, 3));
}

#[tokio::test]
async fn a_missing_consent_comes_through_with_what_it_names() {
    let (server, api, _) = start(json!({})).await;
    let body = json!({
        "error": "consent_required", "error_description": "x", "claims": CLAIMS,
        "scopes": ["api://far/read", "api://far/write"],
    });
    server.then(answer_of(401, &[("content-type", "application/problem+json")], body.to_string()));
    let error = api.on_behalf_of(&UserAssertion::new("h.p.s").unwrap()).get("x").empty().await.unwrap_err();
    let CallError::Token { error: TokenError::InteractionRequired(asked), .. } = &error else {
        panic!("{error:?}")
    };
    assert!(asked.is_consent_required());
    assert_eq!(asked.scopes().as_str(), "api://far/read api://far/write");
    assert_eq!(asked.claims().unwrap().as_str(), CLAIMS);
    assert_eq!(error.to_string(), "no token for API Orders: the user must consent (consent_required)");
}

#[tokio::test]
async fn a_token_that_cannot_be_had_is_found_in_the_chain() {
    let tokens = FakeAcquirer::new(|request| {
        let exchange = Exchange::new("on_behalf_of", "login.example")
            .with_error(Some("invalid_grant"), Some("consent_required"));
        Err(InteractionRequired::new(exchange, request.scopes.clone(), None).into())
    });
    let server = Server::start().await;
    let api = Api::from_section(&section(&server, &json!({})), Arc::new(tokens)).unwrap();
    let error =
        api.on_behalf_of(&UserAssertion::new("h.p.s").unwrap()).get("x").json::<Value>().await.unwrap_err();
    let asked = TokenError::in_chain(&error).and_then(TokenError::challenge).unwrap();
    assert_eq!(asked.scopes(), &Scopes::try_from("api://orders/read").unwrap());
    assert_eq!(error.status(), None);
    assert!(server.sent().is_empty());
}
