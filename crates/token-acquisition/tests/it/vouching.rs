//! Another application of the same configuration vouches for this one: its token is the assertion.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, Claims, CorrelationId, Misconfigured, Section};
use entra_emulator::ids;
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::{Value, json};

use crate::kit::{GRAPH, Kit, ORDERS, as_app, builder};

/// A configuration in which `AzureAd` is proven as this credential says, and `Voucher` by its secret.
fn configuration(kit: &Kit, credential: Value) -> Section {
    let application = |client: &str, credential: Value| {
        json!({
            "Instance": kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": client,
            "ClientCredentials": [credential],
        })
    };
    let mut daemon = application(ids::DAEMON, credential);
    daemon["ClientCapabilities"] = json!(["cp1"]);
    let voucher =
        application(ids::API, json!({"SourceType": "ClientSecret", "ClientSecret": ids::API_SECRET}));
    Section::new("", json!({"AzureAd": daemon, "Voucher": voucher}))
}

fn vouched_for_by(section: &Value) -> Value {
    json!({
        "SourceType": "CustomSignedAssertion", "CustomSignedAssertionProviderName": "OidcIdpSignedAssertion",
        "CustomSignedAssertionProviderData": section,
    })
}

fn build(kit: &Kit, root: &Section) -> Result<TokenAcquirer, Misconfigured> {
    let application = Application::from_section(&root.section("AzureAd"))?;
    builder(application, Arc::clone(&kit.clock) as Arc<_>).configuration(root.clone()).build()
}

/// The daemon trusts the API as a federated identity.
fn kit() -> Kit {
    let kit = Kit::new();
    let voucher = kit.emulator.directory().app(ids::API).unwrap().object_id();
    kit.emulator.edit(|directory| {
        let credential = &mut directory.app_mut(ids::DAEMON).unwrap().federated[0];
        credential.issuer = "entra".into();
        credential.subject = voucher;
    });
    kit
}

#[tokio::test]
async fn another_application_vouches() {
    let kit = kit();
    let root = configuration(&kit, vouched_for_by(&json!({"ConfigurationSection": "Voucher"})));
    let tokens = build(&kit, &root).unwrap();
    let id = CorrelationId::random();
    tokens.acquire(&as_app(ORDERS).correlation_id(id)).await.unwrap();
    let sent = kit.sent();
    let clients: Vec<_> = sent.iter().map(|sent| sent.client_id.as_deref()).collect();
    assert_eq!(clients, [Some(ids::API), Some(ids::DAEMON)]);
    assert_eq!(sent[0].scope.as_deref(), Some("api://AzureADTokenExchange/.default"));
    assert!(sent.iter().all(|sent| sent.correlation_id == id.to_string()));

    // What the API and this application ask for is not the voucher's; its token serves again.
    kit.emulator.log().clear();
    let challenge = Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap();
    tokens.acquire(&as_app(ORDERS).claims(challenge)).await.unwrap();
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    let sent = kit.sent();
    assert!(sent.iter().all(|sent| sent.client_id.as_deref() == Some(ids::DAEMON)), "{sent:?}");
    let claims: Value = serde_json::from_str(sent[0].field("claims").unwrap()).unwrap();
    assert_eq!(claims, json!({"access_token": {"nbf": {"essential": true}, "xms_cc": {"values": ["cp1"]}}}));
}

#[test]
fn who_vouches_must_be_there() {
    let kit = kit();
    let told = |credential: Value| {
        let root = configuration(&kit, credential);
        build(&kit, &root).unwrap_err().to_string()
    };
    for (settings, says) in [
        (json!({}), "ConfigurationSection"),
        (json!({"ConfigurationSection": "Vuocher"}), "Vuocher"),
        (json!({"ConfigurationSection": "AzureAd"}), "an application cannot vouch for itself"),
    ] {
        let told = told(vouched_for_by(&settings));
        assert!(told.contains(says), "{told}");
    }
    let root = configuration(&kit, vouched_for_by(&json!({"ConfigurationSection": "Voucher"})));
    let application = Application::from_section(&root.section("AzureAd")).unwrap();
    let error = builder(application, Arc::clone(&kit.clock) as Arc<_>).build().unwrap_err();
    assert!(error.to_string().contains("configuration(root)"), "{error}");
}
