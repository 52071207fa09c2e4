//! Faults by script: each does what it says, to whom it was meant for, as often as it was told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use entra_emulator::{Endpoint, Fault, Grant, ids};

use crate::kit::{GRAPH, Kit, ORDERS, refused};

#[tokio::test]
async fn a_throttled_client_is_told_when_to_come_back() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(3)).at(Endpoint::Token).times(2));
    for _ in 0..2 {
        let answer = kit.as_daemon(ORDERS).await;
        assert_eq!(answer.refusal(), refused(429, "temporarily_unavailable", 90055));
        assert_eq!(answer.headers["retry-after"], "3");
    }
    assert_eq!(kit.as_daemon(ORDERS).await.status, 200);
    assert_eq!(kit.emulator.faults().pending(), 0);
}

#[tokio::test]
async fn a_fault_meets_only_what_it_was_meant_for() {
    let kit = Kit::new();
    let alice = kit.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    kit.emulator
        .faults()
        .add(Fault::status(503).grant(Grant::OnBehalfOf).scope("orders").client("shop-api").always());
    assert_eq!(kit.as_daemon(ORDERS).await.status, 200);
    assert_eq!(kit.on_behalf_of(&alice, "User.Read").await.status, 200);
    for _ in 0..3 {
        assert_eq!(kit.on_behalf_of(&alice, "api://orders/read").await.refusal().0, 503);
    }
    kit.emulator.faults().clear();
    kit.emulator
        .faults()
        .add(Fault::status_retry_after(503, Duration::from_secs(9)).leg("app token").after(1));
    assert_eq!(kit.as_daemon(ORDERS).await.status, 200);
    assert_eq!(kit.as_daemon(ORDERS).await.headers["retry-after"], "9");
    assert_eq!(kit.as_daemon(ORDERS).await.status, 200);
}

#[tokio::test]
async fn connections_are_reset_and_cut_off() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::reset().path("discovery"));
    let url = format!("{}/common/discovery/keys", kit.emulator.base_url());
    assert_eq!(raw_answer(&kit).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(kit.emulator.log().entries()[0].status, None);
    kit.emulator.faults().add(Fault::reset().path("discovery"));
    assert!(kit.http.get(&url).send().await.unwrap_err().is_request());
    kit.emulator.faults().add(Fault::cut_off().path("discovery"));
    let mut answer = kit.http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut got = 0;
    let ended = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got += chunk.len(),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(ended.is_err() && got > 0);
    assert_eq!(kit.get("/common/discovery/keys").await.status, 200);
}

/// What a bare socket reads, which sees how the connection ended.
fn raw_answer(kit: &Kit) -> std::io::Result<usize> {
    let mut socket = TcpStream::connect(("127.0.0.1", kit.emulator.port()))?;
    socket
        .write_all(b"GET /common/discovery/keys HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    socket.read_to_end(&mut Vec::new())
}

#[tokio::test]
async fn bodies_are_spoilt_in_every_way() {
    let kit = Kit::new();
    let spoil = async |fault: Fault| {
        kit.emulator.faults().add(fault);
        kit.as_daemon(ORDERS).await
    };
    let html = spoil(Fault::html()).await;
    assert!(html.status == 200 && html.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(html.headers["content-type"], "text/html; charset=utf-8");
    let half = spoil(Fault::truncated_json()).await;
    assert!(half.status == 200 && serde_json::from_str::<serde_json::Value>(&half.text).is_err());
    let plain = spoil(Fault::content_type("text/plain")).await;
    assert_eq!(plain.headers["content-type"], "text/plain");
    assert_eq!(plain.claims()["aud"], ids::ORDERS);
    assert_eq!(spoil(Fault::huge(3_000_000)).await.text.len(), 3_000_000);
}

#[tokio::test]
async fn a_slow_answer_is_the_right_one() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::slow(Duration::from_millis(150)));
    let (slow, quick) = tokio::join!(
        tokio::time::timeout(Duration::from_millis(100), kit.as_daemon(ORDERS)),
        kit.as_daemon(GRAPH)
    );
    // Whichever came first was slow; the other was not held up.
    assert!(slow.is_err() || quick.status == 200);
    assert_eq!(kit.emulator.log().count(|entry| entry.fault == Some("slow")), 1);
}

#[tokio::test]
async fn a_clock_that_is_off_shows_in_date_and_tokens() {
    let kit = Kit::new();
    let right = kit.as_daemon(ORDERS).await;
    kit.emulator.faults().add(Fault::clock_off(-7200));
    let off = kit.as_daemon(ORDERS).await;
    let behind = right.claims()["exp"].as_i64().unwrap() - off.claims()["exp"].as_i64().unwrap();
    assert!((7198..=7200).contains(&behind), "{behind}");
    assert_ne!(right.headers["date"], off.headers["date"]);
}

#[tokio::test]
async fn refusals_and_challenges_can_be_scripted() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::refuse(53003, "access_denied"));
    kit.emulator.faults().add(Fault::refuse(7_000_222, "invalid_client"));
    kit.emulator.faults().add(Fault::challenge(r#"{"access_token":{}}"#));
    assert_eq!(kit.as_daemon(ORDERS).await.refusal(), refused(400, "access_denied", 53003));
    assert_eq!(kit.as_daemon(ORDERS).await.refusal(), refused(401, "invalid_client", 7_000_222));
    let challenge = kit.as_daemon(ORDERS).await;
    assert_eq!(challenge.refusal(), refused(400, "interaction_required", 50076));
    assert_eq!(challenge.json()["claims"], r#"{"access_token":{}}"#);
}

#[tokio::test]
async fn a_script_can_be_written_as_toml() {
    let kit = Kit::new();
    let script = r#"
        [[faults]]
        fault = "refuse"
        aadsts = 50196
        error = "invalid_grant"
        client = "night-job"
        times = 2

        [[faults]]
        fault = "status"
        status = 502
        endpoint = "instance_discovery"
    "#;
    for fault in Fault::script(script).unwrap() {
        kit.emulator.faults().add(fault);
    }
    assert_eq!(kit.get("/common/discovery/instance").await.status, 502);
    assert_eq!(kit.as_daemon(ORDERS).await.refusal().2, 50196);
    assert_eq!(kit.as_daemon(ORDERS).await.refusal().2, 50196);
    assert_eq!(kit.as_daemon(ORDERS).await.status, 200);
    assert!(Fault::script("[[faults]]\nfault = \"explode\"").is_err());
}
