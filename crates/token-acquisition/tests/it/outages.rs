//! Entra away, slow, throttling, or hidden behind a proxy that answers in its place.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{AcquireToken, HttpSettings, Parameter, Place, TokenError, TokenRequest};
use entra_emulator::{Fault, Grant};
use entra_token_acquisition::{Application, TokenAcquirer, TokenAcquirerBuilder};

use crate::{
    kit::{GRAPH, Kit, ORDERS, READ, as_app, at_once, builder, every_text, scopes, who},
    wiretap::{Does, Wiretap, granted, json, reply},
};

const SECRET: &str = "s3cret?%G&=";

fn against(url: &str, kit: &Kit) -> TokenAcquirerBuilder {
    let application =
        Application::builder().instance(url).tenant("contoso.example").client_id("client").secret(SECRET);
    builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>)
}

fn retry_after(error: &TokenError) -> Option<u64> {
    match error {
        TokenError::Unavailable(outage) => outage.retry_after().map(|wait| wait.as_secs()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_may_pass_in_a_moment_is_tried_once_more() {
    let passing: [fn() -> Fault; 4] =
        [|| Fault::status(500), || Fault::status(503), Fault::reset, Fault::cut_off];
    for fault in passing {
        let kit = Kit::new();
        let tokens = kit.daemon();
        kit.emulator.faults().add(fault());
        tokens.acquire(&as_app(ORDERS)).await.unwrap();
        assert_eq!(kit.count(), 2);

        kit.emulator.faults().add(fault().always());
        let error = tokens.acquire(&as_app(GRAPH)).await.unwrap_err();
        assert_eq!((who(&error), retry_after(&error)), ("nobody", None), "{error}");
        assert_eq!(kit.count(), 4, "once more, and not again");

        kit.emulator.faults().clear();
        tokens.acquire(&as_app(GRAPH)).await.unwrap();
        assert_eq!(kit.count(), 5, "the failure is not remembered");
    }
}

#[tokio::test]
async fn the_repetition_is_the_same_request() {
    let wiretap = Wiretap::that([Does::Leaves, granted("t")]).await;
    let kit = Kit::new();
    against(&wiretap.url, &kit).build().unwrap().acquire(&as_app(ORDERS)).await.unwrap();
    let heard = wiretap.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn a_throttled_key_waits_as_long_as_it_was_told() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(20)));
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(retry_after(&error), Some(20));
    assert!(error.to_string().contains("try again after 20 s"), "{error}");
    kit.advance(5);
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!((retry_after(&error), kit.count()), (Some(15), 1), "neither repeated nor asked again");
    // Whoever must not ask is not spared by wanting it fresh.
    assert_eq!(retry_after(&tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap_err()), Some(15));
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    kit.advance(15);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(kit.count(), 3);
}

#[tokio::test]
async fn one_users_throttling_stops_no_other() {
    let kit = Kit::new();
    let tokens = kit.api();
    let (alice, bob) = (kit.caller("alice"), kit.caller("bob"));
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(600)).grant(Grant::OnBehalfOf));
    let of_alice = TokenRequest::on_behalf_of(scopes(READ), &alice);
    assert_eq!(retry_after(&tokens.acquire(&of_alice).await.unwrap_err()), Some(600));
    tokens.acquire(&TokenRequest::on_behalf_of(scopes(READ), &bob)).await.unwrap();
    tokens.acquire(&TokenRequest::on_behalf_of(scopes("User.Read"), &alice)).await.unwrap();
    assert_eq!(retry_after(&tokens.acquire(&of_alice).await.unwrap_err()), Some(600));
}

#[tokio::test]
async fn an_outage_that_tells_when_it_ends_is_not_asked_sooner() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    kit.emulator.faults().add(Fault::status_retry_after(503, Duration::from_secs(7)));
    assert_eq!(retry_after(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), Some(7));
    assert_eq!(retry_after(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), Some(7));
    assert_eq!(kit.count(), 1);
    kit.advance(7);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();

    // A date, and a wait that no server may ask for.
    let date = httpdate::fmt_http_date(entra_abstractions::Clock::now(&*kit.clock) + Duration::from_secs(90));
    for (value, expected) in [(date.as_str(), 90), ("31536000", 3_600)] {
        let header = format!("retry-after: {value}\r\n");
        let wiretap = Wiretap::that([reply("429 Too Many Requests", &header, "")]).await;
        let tokens = against(&wiretap.url, &kit).build().unwrap();
        assert_eq!(retry_after(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), Some(expected));
    }
}

#[tokio::test]
async fn throttling_without_a_time_is_neither_repeated_nor_remembered() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    kit.emulator.faults().add(Fault::status(429));
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!((retry_after(&error), kit.count()), (None, 1));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn answers_that_entra_does_not_give() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let faults = [
        (Fault::html(), "an answer that Entra does not give (a page, text/html;"),
        (Fault::truncated_json(), "an answer that Entra does not give (JSON that is cut off"),
        (Fault::huge(2 * 1024 * 1024), "an answer larger than 1 MiB"),
        (Fault::huge(100), "an answer without a token type"),
    ];
    for (index, (fault, says)) in faults.into_iter().enumerate() {
        kit.emulator.faults().add(fault);
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), error.exchange().unwrap().status()), ("nobody", Some(200)), "{error}");
        assert!(error.to_string().starts_with(says), "{error}");
        assert_eq!(kit.count(), index + 1, "asking again at once would bring the same");
    }
    // A proxy that renames the content leaves the content.
    kit.emulator.faults().add(Fault::content_type("text/plain"));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    at_once(&tokens, &as_app(ORDERS));
}

#[tokio::test]
async fn answers_that_nobody_should_give() {
    let kit = Kit::new();
    let token = |body: &str| json(&format!(r#"{{"token_type":"Bearer","expires_in":3599,{body}}}"#));
    let echo = format!(r#"{{"error":"your secret {SECRET} & more","error_description":"{SECRET}"}}"#);
    for answer in [
        json(""),
        json("[]"),
        json("null"),
        json(r#"{"token_type":"pop","access_token":"t"}"#),
        token(r#""access_token":"""#),
        token(r#""access_token":null"#),
        token(r#""access_token":{"a":1}"#),
        token(r#""access_token":"a\r\nx: y""#),
        reply("204 No Content", "", ""),
        reply("404 Not Found", "content-type: text/html\r\n", "<html>"),
        reply("502 Bad Gateway", "content-type: text/html\r\n", &format!("<html>{SECRET}")),
        reply("400 Bad Request", "content-type: application/json\r\n", "{}"),
        reply("500 Internal Server Error", "content-type: application/json\r\n", &echo),
        Does::Answers("SSH-2.0-OpenSSH\r\n".into()),
    ] {
        let wiretap = Wiretap::that([answer.clone()]).await;
        let tokens = against(&wiretap.url, &kit).build().unwrap();
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        let Does::Answers(answer) = answer else { panic!("not an answer") };
        assert_eq!(who(&error), "nobody", "{answer}\n{error}");
        let texts = every_text(&error);
        assert!(!texts.contains(SECRET) && !texts.contains("s3cret"), "{texts}");
        assert_eq!(tokens.cache_statistics().entries, 0);
    }
}

#[tokio::test]
async fn a_proxy_that_repeats_the_request_is_not_quoted() {
    let kit = Kit::new();
    for page in [
        "Blocked by policy: parameter 'hunter22secret'",
        "Blocked by policy: HUNTER22SECRET, sent twice",
        "Blocked by policy: hunter22se... is too long",
        "Blocked by policy: header swordfish",
        "Blocked by policy: query (moonshine)",
    ] {
        let wiretap = Wiretap::that([reply("403 Forbidden", "content-type: text/plain\r\n", page)]).await;
        let application = Application::builder()
            .instance(&*wiretap.url)
            .tenant("contoso.example")
            .client_id("client")
            .secret("hunter22secret");
        let tokens = builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap();
        let request = as_app(ORDERS)
            .parameter(Parameter::passing(Place::Header, "x-ticket", "swordfish"))
            .parameter(Parameter::passing(Place::Query, "ticket", "moonshine"));
        let error = tokens.acquire(&request).await.unwrap_err();
        let texts = every_text(&error).to_ascii_lowercase();
        assert!(texts.contains("saying 'blocked by policy:"), "{error}");
        for secret in ["hunter", "swordfish", "moonshine"] {
            assert!(!texts.contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn odd_but_good_answers_are_taken() {
    let kit = Kit::new();
    let texts = r#"{"token_type":"bearer","expires_in":"3599","access_token":"t","foci":"1","scope":""}"#;
    let tokens = against(&Wiretap::that([json(texts)]).await.url, &kit).build().unwrap();
    let wiretap = Wiretap::that([json(texts)]).await;
    drop(tokens);
    let tokens = against(&wiretap.url, &kit).build().unwrap();
    assert_eq!(tokens.acquire(&as_app(ORDERS)).await.unwrap().secret().expose(), "t");
    at_once(&tokens, &as_app(ORDERS));

    // A token without a life serves the one who asked, and is not kept.
    let wiretap = Wiretap::that([json(r#"{"token_type":"Bearer","access_token":"t"}"#)]).await;
    let tokens = against(&wiretap.url, &kit).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!((wiretap.heard().len(), tokens.cache_statistics().entries), (2, 0));
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let kit = Kit::new();
    let start =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"access_token\":";
    for silent in [Does::Hangs, Does::Stalls(String::from(start))] {
        let wiretap = Wiretap::that([silent]).await;
        let http = HttpSettings::default().timeout(Duration::from_millis(200));
        let tokens = against(&wiretap.url, &kit).http(http).build().unwrap();
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert!(error.to_string().starts_with("no answer in time"), "{error}");
        assert_eq!(
            (who(&error), wiretap.heard().len()),
            ("nobody", 1),
            "whoever waited once does not wait again"
        );
    }
}

#[tokio::test]
async fn nobody_at_home() {
    let kit = Kit::new();
    let gone = Wiretap::that([Does::Hangs]).await.url.clone();
    tokio::task::yield_now().await;
    let tokens: TokenAcquirer = against(&gone, &kit).build().unwrap();
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "nobody", "{error}");
    assert!(!every_text(&error).contains(SECRET));
}
