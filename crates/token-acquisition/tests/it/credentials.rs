//! Each way in which an application proves itself, judged by an Entra that verifies it by itself.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use entra_abstractions::{
    AcquireToken, AssertionContext, Claims, CorrelationId, Environment, Exchange, ProvideAssertion, Section,
    SignedAssertion, TokenError, Unavailable,
};
use entra_emulator::{Fault, ids};
use entra_token_acquisition::{Application, ApplicationBuilder};
use serde_json::json;

use crate::{
    kit::{Kit, ORDERS, as_app, at_once, claims, every_text, who},
    wiretap::{Wiretap, granted},
};

const PEM: &str = include_str!("../fixtures/keys/rsa.pem");
const PFX: &[u8] = include_bytes!("../fixtures/keys/rsa.pfx");

/// An Entra that knows the certificate of the fixtures, too.
fn kit() -> Kit {
    let kit = Kit::new();
    let certificate = PEM.find("-----BEGIN CERTIFICATE-----").map(|at| &PEM[at..]).unwrap();
    let end = certificate.find("-----END CERTIFICATE-----").unwrap() + "-----END CERTIFICATE-----\n".len();
    let certificate = certificate[..end].to_owned();
    kit.emulator.edit(|directory| directory.app_mut(ids::DAEMON).unwrap().certificates.push(certificate));
    kit
}

async fn check(kit: &Kit, application: ApplicationBuilder) {
    let token = kit.acquirer(application).acquire(&as_app(ORDERS)).await.unwrap();
    // 2: the client proved itself by an assertion.
    assert_eq!(claims(&token)["azpacr"], "2");
    let sent = kit.sent();
    let kind = sent.last().unwrap().field("client_assertion_type");
    assert_eq!(kind, Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
}

#[tokio::test]
async fn a_certificate_in_each_of_its_forms() {
    let kit = kit();
    let folder = tempfile::tempdir().unwrap();
    let (pem, pfx) = (folder.path().join("app.pem"), folder.path().join("app.pfx"));
    std::fs::write(&pem, PEM).unwrap();
    std::fs::write(&pfx, PFX).unwrap();
    let daemon = || kit.client(ids::DAEMON);
    check(&kit, daemon().certificate_file(&pem)).await;
    check(&kit, daemon().certificate_file(&pfx)).await;
    check(&kit, daemon().certificate_pem(PEM)).await;
    check(&kit, daemon().certificate_base64(STANDARD.encode(PEM))).await;
    check(&kit, daemon().certificate_base64(STANDARD.encode(PFX))).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_trusted_by_its_issuer_only_with_x5c() {
    let kit = Kit::new();
    let renewed = format!("{}{}", ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY);
    let daemon = || kit.client(ids::DAEMON).certificate_pem(renewed.clone());
    check(&kit, daemon().send_x5c()).await;
    let error = kit.acquirer(daemon()).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(
        (who(&error), error.exchange().unwrap().error()),
        ("the administrator", Some("invalid_client"))
    );
}

#[tokio::test]
async fn what_an_application_says_of_itself_is_signed() {
    let kit = Kit::new();
    let wiretap = Wiretap::that([granted("t")]).await;
    let application = Application::builder().instance(&wiretap.url).tenant(ids::TENANT);
    let tokens = kit.acquirer(application.client_id(ids::DAEMON).certificate_pem(PEM));
    let said = r#"{"client_ip":"192.0.2.7","sub":"another","exp":1}"#;
    for request in [as_app(ORDERS), as_app(ORDERS).client_claims(Claims::new(said).unwrap())] {
        tokens.acquire(&request).await.unwrap();
    }
    let signed = wiretap.heard().into_iter().map(|request| {
        let assertion = request.split("client_assertion=").nth(1).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&payload).unwrap()
    });
    let signed: Vec<serde_json::Value> = signed.collect();
    let ips: Vec<Option<&str>> = signed.iter().map(|claims| claims["client_ip"].as_str()).collect();
    assert_eq!(ips, [None, Some("192.0.2.7")]);
    // Those that make an assertion one give way to none.
    assert!(signed.iter().all(|claims| claims["sub"] == ids::DAEMON && claims["exp"] != 1));
}

#[tokio::test]
async fn a_certificate_file_is_read_when_it_is_needed_and_again_when_it_changed() {
    let kit = Kit::new();
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("app.pem");
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_file(&path));
    let missing = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&missing), "the developer");
    assert!(missing.to_string().contains("there is no such file"), "{missing}");
    assert_eq!(kit.count(), 0);

    std::fs::write(&path, PEM).unwrap();
    let unknown = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(unknown.exchange().unwrap().aadsts(), [700_027]);
    std::fs::write(&path, format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)).unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn an_assertion_file_is_read_for_each_request() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let write = || std::fs::write(&path, kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT)).unwrap();
    write();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_file(&path));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    // The file's assertion has ended; whoever keeps it fresh has put another there.
    kit.advance(7_200);
    let stale = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(stale.exchange().unwrap().aadsts(), [700_024]);
    write();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();

    let environment = Environment::from_pairs([("AZURE_FEDERATED_TOKEN_FILE", path.to_str().unwrap())]);
    let application = kit.client(ids::DAEMON).assertion_file_from_environment();
    let pod = kit.builder(application).environment(environment).build().unwrap();
    pod.acquire(&as_app(ORDERS)).await.unwrap();
}

/// A user's own provider, which writes down what it was asked.
#[derive(Debug, Default)]
struct Workload {
    assertion: Mutex<String>,
    asked: AtomicUsize,
    seen: Mutex<Option<AssertionContext>>,
}

#[async_trait]
impl ProvideAssertion for Workload {
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        *self.seen.lock().unwrap() = Some(context.clone());
        let assertion = self.assertion.lock().unwrap().clone();
        if assertion.is_empty() {
            return Err(
                Unavailable::new(Exchange::new("vault", "vault.example"), "the vault is sealed").into()
            );
        }
        Ok(SignedAssertion::new(assertion))
    }
}

#[tokio::test]
async fn a_provider_is_asked_once_for_each_request_to_entra() {
    let kit = Kit::new();
    let provider = Arc::new(Workload::default());
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_provider(Arc::clone(&provider) as Arc<_>));
    let sealed = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!((who(&sealed), kit.count()), ("nobody", 0));
    *provider.assertion.lock().unwrap() = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
    let id = CorrelationId::random();
    tokens.acquire(&as_app(ORDERS).correlation_id(id)).await.unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(provider.asked.load(Ordering::Relaxed), 2, "a cached token asks nobody");
    let seen = provider.seen.lock().unwrap().clone().unwrap();
    assert_eq!((seen.client.as_str(), seen.correlation_id), (ids::DAEMON, id));
    assert_eq!(seen.tenant.unwrap().as_str(), ids::TENANT);
    assert_eq!(*seen.token_endpoint, format!("{}/oauth2/v2.0/token", kit.emulator.authority(ids::TENANT)));
}

/// A provider with a bug.
#[derive(Debug)]
struct Broken(AtomicUsize);

#[async_trait]
impl ProvideAssertion for Broken {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        panic!("asked {} times", self.0.fetch_add(1, Ordering::Relaxed) + 1);
    }
}

#[tokio::test]
async fn a_provider_that_breaks_off_leaves_the_engine_whole() {
    let kit = Kit::new();
    let provider = Arc::new(Broken(AtomicUsize::new(0)));
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_provider(Arc::clone(&provider) as Arc<_>));
    for calls in 1..3 {
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), provider.0.load(Ordering::Relaxed)), ("nobody", calls), "{error}");
        tokens.settled().await;
    }
}

#[tokio::test]
async fn a_provider_is_named_in_the_configuration() {
    let kit = Kit::new();
    let section = Section::new(
        "AzureAd",
        json!({
            "Instance": kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::DAEMON,
            "ClientCredentials": [
                { "SourceType": "CustomSignedAssertion", "CustomSignedAssertionProviderName": "workload" },
            ],
        }),
    );
    let application = Application::from_section(&section).unwrap();
    let clock = Arc::clone(&kit.clock) as Arc<_>;
    let error = crate::kit::builder(application.clone(), clock).build().unwrap_err();
    assert!(
        error.to_string().starts_with("AzureAd.ClientCredentials[0]: there is no assertion provider"),
        "{error}"
    );

    let provider = Arc::new(Workload::default());
    *provider.assertion.lock().unwrap() = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
    let clock = Arc::clone(&kit.clock) as Arc<_>;
    let tokens =
        crate::kit::builder(application, clock).assertion_provider("workload", provider).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn the_next_credential_stands_in_for_one_that_cannot_be_used() {
    let kit = Kit::new();
    let application = kit.client(ids::DAEMON).certificate_file("/nowhere/app.pem").secret(ids::DAEMON_SECRET);
    let token = kit.acquirer(application).acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(claims(&token)["azpacr"], "1");
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    let kit = Kit::new();
    let error = kit.acquirer(kit.client(ids::DAEMON)).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!((who(&error), kit.count()), ("the developer", 0));
    assert!(error.to_string().contains("has no credential"), "{error}");
}

#[tokio::test]
async fn an_assertion_may_be_sent_twice_where_the_first_answer_was_lost() {
    let kit = Kit::new();
    let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_pem(pem.clone()));
    kit.emulator.faults().add(Fault::cut_off());
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(kit.count(), 2);

    kit.emulator.faults().add(Fault::status(503));
    kit.emulator.faults().add(Fault::refuse(7_000_215, "invalid_client"));
    let error = tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap_err();
    assert!(!every_text(&error).contains(&pem[200..260]));
}

/// Never answers.
#[derive(Debug)]
struct Hanging;

#[async_trait]
impl ProvideAssertion for Hanging {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_does_not_take_its_key_along() {
    let kit = Kit::new();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_provider(Arc::new(Hanging)));
    for _ in 0..2 {
        let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), kit.count()), ("nobody", 0));
        assert!(
            error.to_string().starts_with("no token in time: client_credentials at localhost as client"),
            "{error}"
        );
        tokens.settled().await;
    }
}

#[tokio::test]
async fn claims_of_the_applications_own_tell_tokens_apart() {
    let kit = kit();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_pem(PEM));
    let with = |claims: &str| as_app(ORDERS).client_claims(Claims::new(claims).unwrap());
    let requests = [as_app(ORDERS), with(r#"{"site":"east"}"#), with(r#"{"site":"west"}"#)];
    for _ in 0..2 {
        for request in &requests {
            tokens.acquire(request).await.unwrap();
        }
        assert_eq!(kit.count(), 3);
    }
}

/// Proves the application once, and hangs from then on. It lets the time of the runtime fly meanwhile.
#[derive(Debug)]
struct Once(Mutex<Option<String>>);

#[async_trait]
impl ProvideAssertion for Once {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        let assertion = self.0.lock().unwrap().take();
        if let Some(assertion) = assertion {
            return Ok(SignedAssertion::new(assertion));
        }
        tokio::time::pause();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_refresh_that_outlasts_its_deadline_has_failed_like_any_other() {
    let kit = Kit::new();
    let provider = Once(Mutex::new(Some(kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT))));
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_provider(Arc::new(provider)));
    let request = as_app(ORDERS);
    tokens.acquire(&request).await.unwrap();
    kit.advance(3_000);
    for (failures, wait) in [(1, 30), (2, 60), (3, 120)] {
        at_once(&tokens, &request);
        tokens.settled().await;
        tokio::time::resume();
        let cached = tokens.explain(&request).cached.unwrap();
        assert_eq!((cached.failures, cached.next_try_in.as_secs()), (failures, wait));
        kit.advance(wait);
    }
    assert_eq!(kit.count(), 1);
}
