//! Proofs that others give: managed identities, other applications, pipelines.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, Claims, CorrelationId, Environment, Misconfigured, Section};
use entra_emulator::{Endpoint, Entry, FederatedCredential, ManagedIdentityHost, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::{Value, json};

use crate::kit::{GRAPH, Kit, ORDERS, as_app, builder, claims, who};

fn host(kit: &Kit) -> Environment {
    let of_host = kit.emulator.managed_identity_environment(ManagedIdentityHost::VirtualMachine);
    Environment::from_pairs(of_host.into_iter().chain(kit.emulator.pipeline_environment()))
}

/// The acquirer of the section `AzureAd` of a configuration.
fn acquirer(kit: &Kit, root: &Value) -> Result<TokenAcquirer, Misconfigured> {
    let root = Section::new("", root.clone());
    let application = Application::from_section(&root.section("AzureAd"))?;
    builder(application, Arc::clone(&kit.clock) as _).environment(host(kit)).configuration(root).build()
}

fn section(kit: &Kit, client: &str, credential: &Value) -> Value {
    json!({
        "Instance": kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": client,
        "ClientCredentials": [credential],
    })
}

fn of_application(name: &str) -> Value {
    json!({
        "SourceType": "CustomSignedAssertion",
        "CustomSignedAssertionProviderName": "OidcIdpSignedAssertion",
        "CustomSignedAssertionProviderData": { "ConfigurationSection": name },
    })
}

#[tokio::test]
async fn managed_identities_vouch_for_the_application() {
    let kit = Kit::new();
    for (id, expected) in [(None, ids::HOST), (Some(ids::SHARED_IDENTITY), ids::SHARED_IDENTITY)] {
        let credential =
            json!({ "SourceType": "SignedAssertionFromManagedIdentity", "ManagedIdentityClientId": id });
        let tokens = acquirer(&kit, &json!({ "AzureAd": section(&kit, ids::DAEMON, &credential) })).unwrap();
        let before = kit.emulator.log().entries().len();
        for scopes in [ORDERS, GRAPH] {
            let token = tokens.acquire(&as_app(scopes)).await.unwrap();
            let claims = claims(&token);
            assert!(claims["azp"] == ids::DAEMON || claims["appid"] == ids::DAEMON, "{expected}");
        }
        // The identity's token is kept, too.
        assert_eq!(kit.emulator.log().entries().len() - before, 3);
    }
}

#[tokio::test]
async fn the_builder_knows_them_too() {
    let kit = Kit::new();
    let daemon = || kit.client(ids::DAEMON);
    for application in [
        daemon().managed_identity(),
        daemon().user_assigned_managed_identity(ids::SHARED_IDENTITY),
        daemon().azure_pipelines(ids::SERVICE_CONNECTION),
    ] {
        let tokens = kit.builder(application).environment(host(&kit)).build().unwrap();
        tokens.acquire(&as_app(ORDERS)).await.unwrap();
    }
}

#[tokio::test]
async fn an_identity_that_the_host_does_not_have() {
    let kit = Kit::new();
    let application = kit.client(ids::DAEMON).user_assigned_managed_identity(ids::API);
    let tokens = kit.builder(application).environment(host(&kit)).build().unwrap();
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "the administrator");
    assert!(
        error.to_string().contains("to prove the application by user_assigned_managed_identity"),
        "{error}"
    );
    assert_eq!(kit.count(), 0);
}

#[tokio::test]
async fn the_exchange_is_that_of_the_cloud() {
    let kit = Kit::new();
    for (key, value, expected) in [
        ("Skip", json!(false), "api://AzureADTokenExchange"),
        ("TokenExchangeUrl", json!("api://other/.default"), "api://other"),
        (
            "TokenExchangeAuthority",
            json!("https://login.microsoftonline.us/contoso.example"),
            "api://AzureADTokenExchangeUSGov",
        ),
    ] {
        let mut credential = json!({ "SourceType": "SignedAssertionFromManagedIdentity" });
        credential[key] = value;
        let tokens = acquirer(&kit, &json!({ "AzureAd": section(&kit, ids::DAEMON, &credential) })).unwrap();
        // The emulator knows the public exchange only; what it was asked for is what counts.
        let _granted_or_not = tokens.acquire(&as_app(ORDERS)).await;
        let entries = kit.emulator.log().entries();
        let asked = entries.iter().rfind(|entry| entry.endpoint == Endpoint::ManagedIdentity).unwrap();
        assert_eq!(asked.field("resource"), Some(expected));
    }
}

/// An Entra in which the daemon's registration trusts the API's application.
fn trusting() -> Kit {
    let kit = Kit::new();
    let token = kit.emulator.app_token(ids::API, "api://AzureADTokenExchange");
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let trust: FederatedCredential =
        serde_json::from_value(json!({ "issuer": "entra", "subject": payload["sub"] })).unwrap();
    kit.emulator.edit(|directory| directory.app_mut(ids::DAEMON).unwrap().federated.push(trust));
    kit
}

#[tokio::test]
async fn another_application_of_the_configuration_vouches() {
    let kit = trusting();
    let secret = json!({ "SourceType": "ClientSecret", "ClientSecret": ids::API_SECRET });
    let root = json!({
        "AzureAd": section(&kit, ids::DAEMON, &of_application("Others:Shop")),
        "Others": { "Shop": section(&kit, ids::API, &secret) },
    });
    let tokens = acquirer(&kit, &root).unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let clients: Vec<_> = kit.sent().iter().map(|entry| entry.client.clone().unwrap()).collect();
    assert_eq!(clients, ["shop-api", "night-job"]);

    let in_code = kit.client(ids::DAEMON).federated(Arc::new(kit.api()));
    kit.acquirer(in_code).acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn what_an_api_asks_for_is_not_the_vouchers_affair() {
    let kit = trusting();
    let secret = json!({ "SourceType": "ClientSecret", "ClientSecret": ids::API_SECRET });
    let mut own = section(&kit, ids::DAEMON, &of_application("Shop"));
    own["ClientCapabilities"] = json!(["cp1"]);
    let root = json!({ "AzureAd": own, "Shop": section(&kit, ids::API, &secret) });
    let tokens = acquirer(&kit, &root).unwrap();
    let challenge = Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap();
    let id = CorrelationId::random();
    for request in [as_app(ORDERS).claims(challenge), as_app(GRAPH)] {
        tokens.acquire(&request.correlation_id(id)).await.unwrap();
    }
    let sent = kit.sent();
    assert_eq!(sent.len(), 3, "the voucher's token serves again");
    assert!(sent.iter().all(|entry| entry.correlation_id == id.to_string()));
    let asked = |entry: &Entry| -> Option<Value> {
        entry.field("claims").map(|text| serde_json::from_str(text).unwrap())
    };
    let both = json!({ "access_token": { "nbf": { "essential": true }, "xms_cc": { "values": ["cp1"] } } });
    assert_eq!((asked(&sent[0]), asked(&sent[1])), (None, Some(both)));
}

#[tokio::test]
async fn what_cannot_be_looked_up_or_goes_round_is_refused_when_built() {
    let kit = trusting();
    let told = |root: &Value| acquirer(&kit, root).unwrap_err().to_string();
    let own = json!({ "AzureAd": section(&kit, ids::DAEMON, &of_application("AzureAd")) });
    assert!(told(&own).contains("an application cannot vouch for itself: AzureAd, proven by AzureAd"));
    let round = json!({
        "AzureAd": section(&kit, ids::DAEMON, &of_application("B")),
        "B": section(&kit, ids::API, &of_application("C")),
        "C": section(&kit, ids::API, &of_application("b")),
    });
    let text = told(&round);
    assert!(text.contains("an application cannot vouch for itself"), "{text}");
    let missing = json!({ "AzureAd": section(&kit, ids::DAEMON, &of_application("Nobody")) });
    assert!(told(&missing).contains("Nobody: the section is missing"));
    let unnamed = json!({ "AzureAd": section(&kit, ids::DAEMON, &of_application("")) });
    assert!(told(&unnamed).contains("AzureAd.ClientCredentials[0]: ConfigurationSection is missing"));

    let root = Section::new("", own);
    let application = Application::from_section(&root.section("AzureAd")).unwrap();
    let alone = TokenAcquirer::builder(application).environment(Environment::empty()).build();
    assert!(alone.unwrap_err().to_string().contains("configuration(root)"));
}

#[tokio::test]
async fn a_pipeline_vouches_where_there_is_one() {
    let kit = Kit::new();
    let credential = json!({
        "SourceType": "CustomSignedAssertion",
        "CustomSignedAssertionProviderName": "AzurePipelines",
        "CustomSignedAssertionProviderData": { "ServiceConnectionId": ids::SERVICE_CONNECTION },
    });
    let root = json!({ "AzureAd": section(&kit, ids::DAEMON, &credential) });
    acquirer(&kit, &root).unwrap().acquire(&as_app(ORDERS)).await.unwrap();

    let mut other = credential;
    other["CustomSignedAssertionProviderData"]["ServiceConnectionId"] = json!(ids::DAEMON);
    let root = json!({ "AzureAd": section(&kit, ids::DAEMON, &other) });
    let error = acquirer(&kit, &root).unwrap().acquire(&as_app(ORDERS)).await.unwrap_err();
    assert!(error.to_string().contains("the pipeline may not use this service connection"), "{error}");

    let outside = kit.acquirer(kit.client(ids::DAEMON).azure_pipelines(ids::SERVICE_CONNECTION));
    let error = outside.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert!(error.to_string().contains("azure_pipelines: SYSTEM_OIDCREQUESTURI is not set"), "{error}");
}
