//! A managed identity's token lives for a day: it is renewed in the middle of it, and served
//! through whatever happens to the host meanwhile.

use entra_abstractions::AcquireToken;
use entra_emulator::{Fault, ManagedIdentityHost as Host};
use futures_util::future::join_all;

use super::{count, system};
use crate::kit::{Kit, ORDERS, as_app, who};

const NOON: u64 = 43_200;
const LAST_MINUTE: u64 = 86_340;

#[tokio::test]
async fn a_thousand_callers_ask_once() {
    for host in [Host::VirtualMachine, Host::AzureArc] {
        let kit = Kit::new();
        let identity = system(&kit, host);
        let request = as_app(ORDERS);
        let tokens = join_all((0..1_000).map(|_| identity.acquire(&request))).await;
        assert!(tokens.iter().all(Result::is_ok));
        assert_eq!(count(&kit), if host == Host::AzureArc { 2 } else { 1 }, "{host:?}");
    }
}

#[tokio::test]
async fn it_is_renewed_at_noon_behind_the_callers() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    let first = identity.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(NOON - 1);
    identity.acquire(&as_app(ORDERS)).now().unwrap().unwrap();
    identity.settled().await;
    assert_eq!(count(&kit), 1);
    kit.advance(1);
    let served = identity.acquire(&as_app(ORDERS)).now().unwrap().unwrap();
    assert_eq!(served.secret(), first.secret());
    identity.settled().await;
    assert_eq!(count(&kit), 2);
    assert_ne!(identity.acquire(&as_app(ORDERS)).now().unwrap().unwrap().secret(), first.secret());
}

#[tokio::test]
async fn an_outage_from_noon_to_the_end_is_noticed_at_the_end() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(NOON);
    kit.emulator.faults().add(Fault::status(503).always());
    for hour in 0..12 {
        for _ in 0..50 {
            identity.acquire(&as_app(ORDERS)).await.unwrap();
        }
        identity.settled().await;
        assert_eq!(count(&kit), 1 + 4 * (hour + 1), "one flight with its four tries");
        kit.advance(3_595);
    }
    kit.advance(LAST_MINUTE - NOON - 12 * 3_595);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(56);
    let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "nobody", "{error}");
    kit.emulator.faults().clear();
    identity.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn an_identity_that_was_taken_away_keeps_its_token() {
    let kit = Kit::new();
    let identity = system(&kit, Host::AppService);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.edit(|directory| directory.managed_identities.clear());
    kit.advance(NOON);
    identity.acquire(&as_app(ORDERS)).now().unwrap().unwrap();
    identity.settled().await;
    identity.acquire(&as_app(ORDERS)).now().unwrap().unwrap();
    let error = identity.acquire(&as_app(ORDERS).force_refresh()).await.unwrap_err();
    assert_eq!(who(&error), "the administrator", "{error}");
}
