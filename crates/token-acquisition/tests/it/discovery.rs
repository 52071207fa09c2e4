//! Another authorization server than Entra, whose token endpoint is asked for first; and TLS.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, HttpSettings};
use entra_emulator::{Emulator, Endpoint, Fault, ids};
use entra_token_acquisition::{Application, TokenAcquirer};

use crate::{
    kit::{GRAPH, Kit, ORDERS, as_app, builder, every_text, who},
    wiretap::{Wiretap, granted, json, reply},
};

fn discovering(kit: &Kit, url: &str) -> TokenAcquirer {
    let application = Application::builder().discovered_authority(url).client_id(ids::DAEMON);
    kit.acquirer(application.secret(ids::DAEMON_SECRET))
}

#[tokio::test]
async fn an_endpoint_is_asked_for_once() {
    let kit = Kit::new();
    let tokens = discovering(&kit, &format!("{}/v2.0", kit.emulator.authority(ids::TENANT)));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    let asked: Vec<Endpoint> = kit.emulator.log().entries().iter().map(|entry| entry.endpoint).collect();
    assert_eq!(asked, [Endpoint::Metadata, Endpoint::Token, Endpoint::Token]);
}

#[tokio::test]
async fn a_failed_discovery_is_not_remembered() {
    let kit = Kit::new();
    let tokens = discovering(&kit, &format!("{}/v2.0", kit.emulator.authority(ids::TENANT)));
    for fault in [Fault::status(503), Fault::html(), Fault::reset(), Fault::huge(1_000_000)] {
        kit.emulator.faults().add(fault.at(Endpoint::Metadata));
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), kit.count()), ("nobody", 0), "{error}");
        assert!(!every_text(&error).contains(ids::DAEMON_SECRET));
    }
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn a_secret_goes_only_where_its_issuer_says() {
    let kit = Kit::new();
    let elsewhere = Wiretap::that([json("{}")]).await;
    for (issuer, endpoint) in [
        ("https://another.example", format!("{}/token", elsewhere.url)),
        ("{url}", String::from("http://another.example/token")),
        ("{url}", String::from("/token")),
    ] {
        let metadata = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{endpoint}"}}"#);
        let wiretap = Wiretap::that([json(&metadata)]).await;
        let error = discovering(&kit, &wiretap.url).acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "nobody", "{error}");
        assert_eq!(wiretap.heard().len(), 1, "only the metadata was asked for");
    }
    assert!(elsewhere.heard().is_empty());
}

#[tokio::test]
async fn no_assertion_is_shown_twice_to_who_is_not_entra() {
    let kit = Kit::new();
    let metadata = json(r#"{"issuer":"{url}","token_endpoint":"{url}/token"}"#);
    let failing = reply("503 Service Unavailable", "", "");
    let wiretap = Wiretap::that([metadata, failing, granted("at-1"), granted("at-2")]).await;
    let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
    let application = Application::builder().discovered_authority(&wiretap.url).client_id(ids::DAEMON);
    let tokens = kit.acquirer(application.certificate_pem(pem));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    let assertions: std::collections::BTreeSet<String> = wiretap
        .heard()
        .iter()
        .filter_map(|request| request.split("client_assertion=").nth(1))
        .map(|rest| rest.split('&').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(assertions.len(), 3);
}

#[tokio::test]
async fn https_with_an_authority_of_ones_own() {
    let emulator = Emulator::builder().https(true).start_blocking().unwrap();
    let kit = Kit::new();
    kit.clock.set(emulator.clock().now());
    let application = || {
        let application = Application::builder().instance(emulator.base_url()).tenant(ids::TENANT);
        application.client_id(ids::DAEMON).secret(ids::DAEMON_SECRET).build().unwrap()
    };
    let trusting = HttpSettings::default().trust_pem(emulator.ca_pem().unwrap());
    let tokens = builder(application(), Arc::clone(&kit.clock) as Arc<_>).http(trusting).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();

    let wary = builder(application(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap();
    let error = wary.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert!(who(&error) == "nobody" && error.to_string().starts_with("no connection"), "{error}");
    assert_eq!(emulator.log().count_tokens(), 1);
}
