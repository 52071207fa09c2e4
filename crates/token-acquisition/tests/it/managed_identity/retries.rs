//! How often a source is asked again: the table, with waits of nothing.

use std::time::Duration;

use entra_abstractions::{AcquireToken, TokenError};
use entra_emulator::{Fault, ManagedIdentityHost as Host};

use super::{count, system};
use crate::kit::{GRAPH, Kit, ORDERS, as_app, who};

/// Fails with this as often as given, and then no more: how often the host was asked, and by whom
/// the failure is to be mended.
async fn check(host: Host, fault: Fault, times: u32, expected: (usize, Option<&str>)) {
    let kit = Kit::new();
    let identity = system(&kit, host);
    let told = format!("{host:?} {fault:?} {times}");
    kit.emulator.faults().add(fault.times(times));
    let result = identity.acquire(&as_app(ORDERS)).await;
    let found = (count(&kit), result.as_ref().err().map(who));
    assert_eq!(found, expected, "{told}: {result:?}");
}

#[tokio::test]
async fn the_metadata_service_is_asked_three_times_more() {
    for status in [404, 408, 429, 500, 502, 503, 504] {
        check(Host::VirtualMachine, Fault::status(status), 2, (3, None)).await;
        check(Host::VirtualMachine, Fault::status(status), u32::MAX, (4, Some("nobody"))).await;
    }
    check(Host::VirtualMachine, Fault::status(410), 4, (5, None)).await;
    check(Host::VirtualMachine, Fault::status(410), u32::MAX, (8, Some("nobody"))).await;
    for status in [400, 401, 403] {
        check(Host::VirtualMachine, Fault::status(status), u32::MAX, (1, Some("the administrator"))).await;
    }
}

#[tokio::test]
async fn other_hosts_are_asked_three_times_more_for_fewer_reasons() {
    for host in [Host::AppService, Host::MachineLearning, Host::CloudShell, Host::ServiceFabric] {
        check(host, Fault::status(503), u32::MAX, (4, Some("nobody"))).await;
        check(host, Fault::status(502), u32::MAX, (1, Some("nobody"))).await;
        check(host, Fault::status(410), u32::MAX, (1, Some("the administrator"))).await;
    }
    check(Host::AzureArc, Fault::status(503), 1, (3, None)).await;
}

#[tokio::test]
async fn a_broken_connection_is_tried_once_more() {
    check(Host::VirtualMachine, Fault::reset(), 1, (2, None)).await;
    check(Host::AppService, Fault::cut_off(), 1, (2, None)).await;
    check(Host::AppService, Fault::reset(), u32::MAX, (2, Some("nobody"))).await;
}

#[tokio::test]
async fn each_request_has_the_whole_budget() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    kit.emulator.faults().add(Fault::status(500).always());
    for asked in [4, 8, 12] {
        identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(count(&kit), asked, "a failure is not remembered");
    }
    kit.emulator.faults().clear();
    identity.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn a_host_that_says_when_to_come_again_is_not_asked_sooner() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(600)));
    for _ in 0..2 {
        let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        let TokenError::Unavailable(error) = error else { panic!("{error}") };
        assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    }
    assert_eq!(count(&kit), 1);
    identity.acquire(&as_app(GRAPH)).await.unwrap();
    kit.advance(600);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    check(Host::AppService, Fault::throttle(Duration::ZERO), 2, (3, None)).await;
}
