//! What is sent: URLs, headers, bodies, options laid over options; and what is read back.

use std::time::Duration;

use entra_abstractions::UserAssertion;
use entra_downstream_api::{Api, CallError};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::server::{Server, answer_of, asked, section, start, tokens};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    name: String,
    count: u32,
}

#[tokio::test]
async fn a_typed_call_as_the_application() {
    let (server, api, tokens) = start(json!({})).await;
    server.then(axum::Json(json!({"name": "tea", "count": 2})));
    let item: Item = api.as_app().get("items/7").json().await.unwrap();
    assert_eq!(item, Item { name: "tea".into(), count: 2 });
    let sent = server.last();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("GET", "/v1/items/7"));
    assert_eq!(sent.header("authorization"), Some("Bearer at-1"));
    assert_eq!(sent.header("accept"), Some("application/json"));
    assert_eq!(sent.header("content-type"), None);
    assert_eq!(asked(&tokens).scopes.as_str(), "api://orders/.default");
}

#[tokio::test]
async fn paths_are_joined_replaced_or_left() {
    let (server, api, _) = start(json!({"RelativePath": "/api/v1", "HttpMethod": "Post"})).await;
    let caller = api.as_app();
    let mut targets = Vec::new();
    for call in [
        caller.get("products"),
        caller.call(),
        caller.clone().relative_path("items?x=1").get("7?y=2"),
        caller.clone().relative_path("items?x=1").call(),
        caller.clone().relative_path("").call(),
        caller.clone().base_url(format!("{}/other/", server.url)).get("/x/"),
        caller.method(Method::PATCH, ""),
    ] {
        call.empty().await.unwrap();
        let sent = server.last();
        targets.push(format!("{} {}", sent.method, sent.target));
    }
    assert_eq!(
        targets,
        [
            "GET /v1/api/v1/products",
            "POST /v1/api/v1",
            "GET /v1/items/7?x=1&y=2",
            "POST /v1/items?x=1",
            "POST /v1/",
            "GET /other/api/v1/x/",
            "PATCH /v1/api/v1",
        ]
    );
}

#[tokio::test]
async fn every_verb_goes_out() {
    let (server, api, _) = start(json!({})).await;
    let caller = api.as_app();
    for (call, verb) in [
        (caller.get("x"), "GET"),
        (caller.post("x"), "POST"),
        (caller.put("x"), "PUT"),
        (caller.patch("x"), "PATCH"),
        (caller.delete("x"), "DELETE"),
        (caller.head("x"), "HEAD"),
        (caller.options("x"), "OPTIONS"),
    ] {
        call.json_body(&json!({"n": 1})).empty().await.unwrap();
        let sent = server.last();
        assert_eq!((sent.method.as_str(), &*sent.body), (verb, &br#"{"n":1}"#[..]));
        assert_eq!(sent.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn configured_headers_and_queries_with_a_calls_own_over_them() {
    let (server, api, _) = start(json!({
        "AcceptHeader": "application/vnd.orders+json",
        "ContentType": "application/vnd.orders+json",
        "ExtraHeaderParameters": {"Authorization": "Bearer forged", "Host": "evil.example", "X-Fine": "1", "X-Key": "old"},
        "ExtraQueryParameters": {"api-version": "1", "q": "a&b=c"},
    }))
    .await;
    let caller = api.as_app().header("X-Caller", "2").header("cookie", "forged");
    caller
        .post("x?z=0")
        .header("x-key", "new")
        .header("X-Forwarded-For", "forged")
        .query("q", "d e")
        .json_body(&1)
        .empty()
        .await
        .unwrap();
    let sent = server.last();
    assert_eq!(sent.target, "/v1/x?z=0&api-version=1&q=d%20e");
    assert_eq!(sent.header("accept"), Some("application/vnd.orders+json"));
    assert_eq!(sent.header("content-type"), Some("application/vnd.orders+json"));
    assert_eq!(sent.header("authorization"), Some("Bearer at-1"));
    assert_eq!(sent.header("host"), Some(server.url.trim_start_matches("http://")));
    for (name, value) in [
        ("x-fine", Some("1")),
        ("x-key", Some("new")),
        ("x-caller", Some("2")),
        ("cookie", None),
        ("x-forwarded-for", None),
    ] {
        assert_eq!(sent.header(name), value, "{name}");
    }
    caller.clone().accept("").content_type("text/csv").post("x").text_body("a,\"b\"").empty().await.unwrap();
    let sent = server.last();
    assert_eq!((sent.header("accept"), sent.header("content-type")), (Some("*/*"), Some("text/csv")));
    assert_eq!(sent.target, "/v1/x?api-version=1&q=a%26b%3Dc");
    assert_eq!(&*sent.body, b"a,\"b\"");
    caller.get("x").accept("image/png").bytes_body("image/jpeg", &b"\xff\xd8"[..]).empty().await.unwrap();
    let sent = server.last();
    assert_eq!((sent.header("accept"), sent.header("content-type")), (Some("image/png"), Some("image/jpeg")));
}

#[tokio::test]
async fn one_caller_serves_parallel_calls() {
    let (server, api, _) = start(json!({})).await;
    let me = api.on_behalf_of(&UserAssertion::new("h.p.s").unwrap());
    let (a, b, c) = tokio::try_join!(
        me.get("a").json::<Value>(),
        me.get("b").json::<Value>(),
        me.post("c").json_body(&[1]).json::<Value>()
    )
    .unwrap();
    assert_eq!([a, b, c], [json!({"ok": true}), json!({"ok": true}), json!({"ok": true})]);
    let mut targets: Vec<String> = server.sent().into_iter().map(|sent| sent.target).collect();
    targets.sort();
    assert_eq!(targets, ["/v1/a", "/v1/b", "/v1/c"]);
}

#[tokio::test]
async fn calls_can_be_spawned() {
    let (_server, api, _) = start(json!({})).await;
    let found = tokio::spawn(async move { api.as_app().get("x").json::<Value>().await }).await.unwrap();
    assert_eq!(found.unwrap(), json!({"ok": true}));
}

#[tokio::test]
async fn nothing_is_read_as_nothing() {
    let (server, api, _) = start(json!({})).await;
    let get = || api.as_app().get("x");
    server.then(answer_of(204, &[], ""));
    assert_eq!(get().json::<Option<Item>>().await.unwrap(), None);
    server.then(answer_of(200, &[("content-type", "application/json")], ""));
    get().json::<()>().await.unwrap();
    server.then(answer_of(204, &[], ""));
    let error = get().json::<Item>().await.unwrap_err();
    assert!(matches!(error, CallError::Decode(_)));
    assert!(error.to_string().ends_with("answered 204 No Content with an empty body"), "{error}");
    assert_eq!(api.as_app().head("x").json::<Option<Item>>().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_not_the_expected_json_is_told_with_its_beginning_aside() {
    let (server, api, _) = start(json!({})).await;
    let json = ("content-type", "application/json");
    for (header, body, told) in [
        (("content-type", "text/plain; charset=utf-8"), "s3cret hello", "text/plain where JSON was expected"),
        (json, "{\"name\": \"s3cret\", \"count\": \"many\"}", "JSON of another shape (line 1 column 34)"),
        (json, "{\"name\": s3cret", "broken JSON (line 1 column 10)"),
        (("content-type", "text/html s3cret"), "<s3cret>", "broken JSON (line 1 column 1)"),
    ] {
        server.then(answer_of(200, &[header], body));
        let error = api.as_app().get("x").json::<Item>().await.unwrap_err();
        let CallError::Decode(decode) = &error else { panic!("{error:?}") };
        assert_eq!(decode.beginning(), body);
        assert_eq!((decode.api(), decode.status().as_u16()), ("Orders", 200));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(told) && !shown.contains("s3cret"), "{shown}");
    }
    // Without a media type it is tried: there are APIs that forget it.
    server.then(answer_of(200, &[], "{\"name\": \"tea\", \"count\": 1}"));
    assert_eq!(api.as_app().get("x").json::<Item>().await.unwrap().count, 1);
}

#[tokio::test]
async fn bodies_are_read_up_to_a_limit() {
    let server = Server::start().await;
    let api = Api::builder("Orders")
        .section(&section(&server, &json!({})))
        .response_limit(10)
        .build(tokens())
        .unwrap();
    let get = || api.as_app().get("x");
    server.then("0123456789");
    assert_eq!(get().send().await.unwrap().text().await.unwrap(), "0123456789");
    server.then("0123456789+");
    let error = get().send().await.unwrap().bytes().await.unwrap_err();
    assert!(error.to_string().ends_with("a body of more than 10 bytes"), "{error}");
    server.then("0123456789+");
    let mut answer = get().send().await.unwrap();
    let mut length = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        length += chunk.len();
    }
    assert_eq!(length, 11);
    server.then(&b"\xff"[..]);
    let error = get().send().await.unwrap().text().await.unwrap_err();
    assert!(error.to_string().contains("not UTF-8"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_a_token_is_asked_for() {
    let (server, api, tokens) = start(json!({})).await;
    let caller = api.as_app();
    let mut broken = std::collections::BTreeMap::new();
    broken.insert([1, 2], "s3cret");
    for call in [
        caller.get("https://evil.example/"),
        caller.get("../up"),
        caller.get("a#b"),
        caller.get("x").header("a b", "s3cret"),
        caller.get("x").header("a", "s3cret\nx"),
        caller.get("x").accept("\u{0}"),
        caller.post("x").json_body(&broken),
        caller.post("x").bytes_body("a\nb", "s3cret"),
        caller.clone().base_url("http://evil.example").get("x"),
        caller.clone().relative_path("//evil.example").call(),
        caller.clone().header("\n", "s3cret").call(),
    ] {
        let error = call.empty().await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
    assert_eq!((server.sent().len(), tokens.requests().len()), (0, 0));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let (server, api, _) = start(json!({"Timeout": 0.05})).await;
    server.then_hang();
    let error = api.as_app().get("x?key=s3cret").empty().await.unwrap_err();
    let CallError::Transport(broken) = &error else { panic!("{error:?}") };
    assert!(broken.is_timeout() && !broken.is_connect());
    assert_eq!(error.to_string(), "GET of API Orders at 127.0.0.1 took too long");
    assert!(!format!("{error:?}").contains("s3cret"));
    server.then_hang();
    let own = api.as_app().timeout(Duration::from_millis(20)).get("x").timeout(Duration::from_millis(10));
    assert!(matches!(own.empty().await, Err(CallError::Transport(broken)) if broken.is_timeout()));
}

#[tokio::test]
async fn a_connection_that_fails_is_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let build = || Api::builder("Orders").base_url(&url).scopes("api://orders/read").build(tokens()).unwrap();
    let dropping = tokio::spawn(async move {
        // Read something first, so that the connection breaks after the request was sent.
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
    });
    let error = build().as_app().get("x").empty().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Transport(broken) if !broken.is_connect() && !broken.is_timeout()),
        "{error:?}"
    );
    dropping.await.unwrap();
    let error = build().as_app().get("x").empty().await.unwrap_err();
    assert!(matches!(&error, CallError::Transport(broken) if broken.is_connect()), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn redirects_stay_within_the_origin() {
    let (server, api, _) = start(json!({})).await;
    server.then(answer_of(302, &[("location", "/v1/there")], ""));
    api.as_app().get("here").empty().await.unwrap();
    assert_eq!(server.last().target, "/v1/there");
    let elsewhere = Server::start().await;
    server.then(answer_of(307, &[("location", &elsewhere.url)], ""));
    let error = api.as_app().get("here").header("x-key", "s3cret").empty().await.unwrap_err();
    assert!(matches!(&error, CallError::Status(answer) if answer.status() == 307), "{error:?}");
    assert!(elsewhere.sent().is_empty());
}

#[tokio::test]
async fn the_options_of_the_token_go_along() {
    let (_server, api, tokens) = start(json!({"AcquireTokenOptions": {
        "PopPublicKey": "eyJraWQiOiJhYmMifQ",
        "ExtraQueryParameters": {"dc": "1"},
        "ExtraHeadersParameters": {"x-note": "2"},
        "ExtraParameters": {"EXTRA_BODY_PARAMETERS": {"b": "3"}, "IDWEB_CLIENT_ASSERTION_CLAIMS": "{\"a\":1}"},
    }}))
    .await;
    api.as_app().get("x").empty().await.unwrap();
    let request = &tokens.requests()[0];
    assert_eq!((request.scheme.as_str(), request.scheme.token_type()), ("pop", "pop"));
    assert_eq!(request.client_claims.as_ref().unwrap().as_str(), r#"{"a":1}"#);
    let said: Vec<_> = request
        .parameters
        .iter()
        .map(|parameter| (parameter.place(), parameter.name(), parameter.value(), parameter.shapes_token()))
        .collect();
    let expected = [
        (entra_abstractions::Place::Query, "dc", "1", true),
        (entra_abstractions::Place::Header, "x-note", "2", false),
        (entra_abstractions::Place::Body, "b", "3", true),
    ];
    assert_eq!(said, expected);
}
