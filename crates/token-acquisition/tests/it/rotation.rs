//! What Entra refuses: loaded again once, then the others have their turn; and never for a secret.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use entra_abstractions::{AcquireToken, AssertionContext, ProvideAssertion, SignedAssertion, TokenError};
use entra_emulator::{Fault, ids};
use entra_token_acquisition::{CredentialState, TokenAcquirer};

use crate::kit::{GRAPH, Kit, ORDERS, as_app};

fn registered() -> String {
    format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)
}

/// Entra does not know it, for it is sent without `x5c`.
fn unregistered() -> String {
    format!("{}{}", ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY)
}

/// What came of the token requests so far.
fn came(kit: &Kit) -> Vec<u32> {
    kit.sent().iter().map(|entry| entry.aadsts.unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_second_certificate_has_its_turn_and_keeps_it() {
    let kit = Kit::new();
    let application = kit.client(ids::DAEMON).certificate_pem(unregistered()).certificate_pem(registered());
    let tokens = kit.acquirer(application);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(came(&kit), [700_027, 700_027, 0]);
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    assert_eq!(came(&kit), [700_027, 700_027, 0, 0]);
    let reports = tokens.credential_reports();
    assert!(matches!(&reports[0].state, CredentialState::PassedOver(why) if why.contains("AADSTS700027")));
    assert_eq!(reports[1].state, CredentialState::InUse);
}

#[tokio::test]
async fn a_refused_certificate_is_loaded_again_once_a_minute() {
    let kit = Kit::new();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_pem(unregistered()));
    for (after, expected) in [(0, 2), (30, 3), (31, 5)] {
        kit.advance(after);
        let error = tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap_err();
        assert!(error.to_string().contains("(sent certificate_pem)"), "{error}");
        assert_eq!(kit.count(), expected, "after {after} s");
    }
}

#[tokio::test]
async fn a_certificate_that_was_put_in_place_too_early_does_no_harm() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    let put = |content: String| swap(&path, &content);
    put(registered());
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_file(&path));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    put(unregistered());
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    assert_eq!(came(&kit), [0, 700_027, 0]);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_what_is_tried() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    swap(&path, &unregistered());
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_file(&path));
    tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    swap(&path, &registered());
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(came(&kit), [700_027, 700_027, 0]);
}

fn swap(path: &Path, content: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).unwrap();
    fs::rename(beside, path).unwrap();
}

async fn requests_after(number: u32, error: &str) -> usize {
    let kit = Kit::new();
    let application = kit.client(ids::DAEMON).certificate_pem(registered()).secret(ids::DAEMON_SECRET);
    let tokens: TokenAcquirer = kit.acquirer(application);
    kit.emulator.faults().add(Fault::refuse(number, error));
    let _refused_or_not = tokens.acquire(&as_app(ORDERS)).await;
    kit.count()
}

#[tokio::test]
async fn six_numbers_and_no_others_are_tried_again() {
    for number in [700_027, 700_024, 7_000_214, 1_000_502, 7_000_274, 7_000_277] {
        assert_eq!(requests_after(number, "invalid_client").await, 2, "{number}");
        assert_eq!(requests_after(number, "unauthorized_client").await, 1, "{number} of another error");
    }
    for number in [7_000_215, 700_016, 7_000_222, 50011, 50012] {
        assert_eq!(requests_after(number, "invalid_client").await, 1, "{number}");
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_application_move_on_to_nothing() {
    let kit = Kit::new();
    let application = kit.client(ids::DAEMON).secret("wr0ng?%G&=").certificate_pem(registered());
    let tokens = kit.acquirer(application);
    for calls in 1..=3 {
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert!(error.to_string().contains("AADSTS7000215 (sent secret)"), "{error}");
        assert_eq!(kit.count(), calls);
        kit.advance(61);
    }
}

#[tokio::test]
async fn a_secret_that_is_wrong_does_not_keep_the_turn_of_the_certificate_before_it() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    swap(&path, &unregistered());
    let application = kit.client(ids::DAEMON).certificate_file(&path).secret("wr0ng?%G&=");
    let tokens = kit.acquirer(application);
    tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(came(&kit), [700_027, 700_027, 7_000_215]);
    swap(&path, &registered());
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(came(&kit), [700_027, 700_027, 7_000_215, 0]);
}

/// Gives one assertion, and another one where a fresh one is wanted.
#[derive(Debug)]
struct Issuer {
    stale: String,
    fresh: String,
    forced: Mutex<Vec<bool>>,
}

#[async_trait]
impl ProvideAssertion for Issuer {
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        self.forced.lock().unwrap().push(context.force_refresh);
        Ok(SignedAssertion::new(if context.force_refresh { &*self.fresh } else { &*self.stale }))
    }
}

#[tokio::test]
async fn a_provider_is_asked_for_a_fresh_assertion() {
    let kit = Kit::new();
    let stale = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
    kit.advance(7_200);
    let fresh = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
    let issuer = Arc::new(Issuer { stale, fresh, forced: Mutex::default() });
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_provider(Arc::clone(&issuer) as _));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(came(&kit), [700_024, 0]);
    assert_eq!(*issuer.forced.lock().unwrap(), [false, true]);
}
