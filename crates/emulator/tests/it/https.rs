//! HTTPS with the test authority, HTTP/2, both addresses of localhost, and stopping.

use std::net::TcpStream;

use entra_emulator::{Emulator, ids};

use crate::kit::{Kit, ORDERS, client};

#[tokio::test]
async fn a_client_that_trusts_the_test_authority_speaks_http_2() {
    let kit = Kit::with(Emulator::builder().https(true));
    let url = format!("{}/{}/v2.0/.well-known/openid-configuration", kit.emulator.base_url(), ids::TENANT);
    let response = kit.http.get(url).send().await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    let answer = kit.as_daemon(ORDERS).await;
    let issuer = format!("https://localhost:{}/{}/v2.0", kit.emulator.port(), ids::TENANT);
    assert_eq!(answer.claims()["iss"], issuer);
}

#[tokio::test]
async fn a_client_that_does_not_trust_it_gets_nowhere() {
    let [ours, theirs] = [(); 2].map(|()| Emulator::builder().https(true).start_blocking().unwrap());
    let error = client(theirs.ca_pem()).get(ours.base_url()).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert!(ours.log().entries().is_empty());
    assert_ne!(ours.ca_pem(), theirs.ca_pem());
}

#[tokio::test]
async fn an_emulator_that_is_dropped_has_stopped() {
    let emulator = Emulator::start().await.unwrap();
    let port = emulator.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(emulator);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_so() {
    let first = Emulator::start().await.unwrap();
    let error = Emulator::builder().port(first.port()).start().await.unwrap_err();
    let port = first.port();
    assert_eq!(error.to_string(), format!("the emulator could not start: cannot listen on 127.0.0.1:{port}"));
}

#[tokio::test]
async fn another_name_can_be_chosen() {
    let kit = Kit::with(Emulator::builder().host("127.0.0.1"));
    assert_eq!(kit.emulator.base_url(), format!("http://127.0.0.1:{}", kit.emulator.port()));
    assert_eq!(kit.as_daemon(ORDERS).await.status, 200);
}
