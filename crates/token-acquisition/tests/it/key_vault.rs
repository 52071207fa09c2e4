//! Certificates in a key vault: fetched or signing there, renewed while the program runs, and what
//! happens when the vault is away.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{AcquireToken, Environment, Section};
use entra_emulator::{Emulator, Endpoint, Fault, ManagedIdentityHost, VaultCertificate, VaultOperation, ids};
use entra_token_acquisition::{Application, CredentialState, TokenAcquirer};
use serde_json::json;

use crate::kit::{GRAPH, Kit, ORDERS, as_app, builder, claims, every_text, who};

fn registered() -> VaultCertificate {
    VaultCertificate::new(ids::APP_CERTIFICATE, ids::APP_KEY)
}

/// Trusted only with `x5c`, by its subject.
fn renewed() -> VaultCertificate {
    VaultCertificate::new(ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY)
}

/// The daemon, whose host's managed identity opens the vault.
fn daemon(kit: &Kit, send_x5c: bool) -> TokenAcquirer {
    daemon_with(kit, json!({ "SourceType": "KeyVault" }), send_x5c)
}

fn daemon_with(kit: &Kit, mut credential: serde_json::Value, send_x5c: bool) -> TokenAcquirer {
    credential["KeyVaultUrl"] = json!(kit.emulator.base_url());
    credential["KeyVaultCertificateName"] = json!("app");
    let section = Section::new(
        "AzureAd",
        json!({
            "Instance": kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::DAEMON,
            "SendX5C": send_x5c, "ClientCredentials": [credential],
        }),
    );
    builder(Application::from_section(&section).unwrap(), Arc::clone(&kit.clock) as _)
        .environment(host(&kit.emulator))
        .build()
        .unwrap()
}

fn host(emulator: &Emulator) -> Environment {
    Environment::from_pairs(emulator.managed_identity_environment(ManagedIdentityHost::VirtualMachine))
}

/// What the vault was asked: `certificates`, `secrets` or `sign`.
fn asked(kit: &Kit) -> Vec<String> {
    let entries = kit.emulator.log().entries();
    let of_vault = entries.iter().filter(|entry| entry.endpoint == Endpoint::KeyVault);
    of_vault
        .filter(|entry| entry.status != Some(401))
        .map(|entry| match entry.path.rsplit('/').next() {
            Some("sign") => "sign".to_owned(),
            _ => entry.path.split('/').nth(1).unwrap_or_default().to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_certificate_is_fetched_with_its_key_once() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let tokens = daemon(&kit, false);
    for scopes in [ORDERS, GRAPH] {
        tokens.acquire(&as_app(scopes)).await.unwrap();
    }
    assert_eq!(asked(&kit), ["certificates", "secrets"]);
    let reports = tokens.credential_reports();
    assert_eq!((reports[0].kind, &reports[0].state), ("KeyVault", &CredentialState::InUse));
    let facts = reports[0].certificate.as_ref().unwrap();
    assert_eq!(facts.thumbprint.len(), 40);
}

#[tokio::test]
async fn a_pfx_in_the_vault() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let kit = Kit::new();
    let pem = include_str!("../fixtures/keys/rsa.pem");
    let pfx = STANDARD.encode(include_bytes!("../fixtures/keys/rsa.pfx"));
    let certificate = &pem[pem.find("-----BEGIN CERTIFICATE").unwrap()..];
    kit.emulator.edit(|directory| {
        directory.app_mut(ids::DAEMON).unwrap().certificates.push(certificate.to_owned());
    });
    kit.emulator.key_vault().add("app", VaultCertificate::new(certificate, "").kept_as_pkcs12(pfx));
    let token = daemon(&kit, false).acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(claims(&token)["azpacr"], "2");
}

#[tokio::test]
async fn where_the_key_may_not_leave_the_vault_signs_once_in_five_minutes() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered().key_stays());
    let tokens = daemon(&kit, false);
    for scopes in [ORDERS, GRAPH] {
        tokens.acquire(&as_app(scopes)).await.unwrap();
    }
    assert_eq!(asked(&kit), ["certificates", "sign"]);
    kit.advance(301);
    tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_eq!(asked(&kit), ["certificates", "sign", "sign"]);
}

#[tokio::test]
async fn a_signature_from_the_vault_never_fetches_the_key() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    for algorithm in ["PS256", "RS256"] {
        let credential = json!({ "SourceType": "SignedAssertionFromVault", "Algorithm": algorithm });
        daemon_with(&kit, credential, false).acquire(&as_app(ORDERS)).await.unwrap();
    }
    assert_eq!(asked(&kit), ["certificates", "sign", "certificates", "sign"]);
}

#[tokio::test]
async fn whoever_may_not_read_the_secret_lets_the_vault_sign() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    kit.emulator.key_vault().forbid(VaultOperation::ReadSecrets);
    daemon(&kit, false).acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(asked(&kit), ["certificates", "secrets", "sign"]);

    kit.emulator.key_vault().forbid(VaultOperation::Sign);
    let error = daemon(&kit, false).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "the administrator");
    let text = error.to_string();
    assert!(
        text.contains("AzureAd.ClientCredentials[0]") && text.contains("Key Vault Crypto User"),
        "{text}"
    );
}

#[tokio::test]
async fn a_new_version_is_found_within_the_hour_and_not_asked_for_before() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let tokens = daemon(&kit, true);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let first = tokens.credential_reports()[0].certificate.clone().unwrap();
    kit.emulator.key_vault().add("app", renewed());
    kit.advance(3_000);
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    assert_eq!(asked(&kit), ["certificates", "secrets"]);
    kit.advance(700);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(asked(&kit), ["certificates", "secrets", "certificates", "secrets"]);
    assert_ne!(tokens.credential_reports()[0].certificate.as_ref(), Some(&first));
    assert_eq!(kit.count(), 3, "nothing was refused");
}

#[tokio::test]
async fn a_new_version_that_entra_does_not_know_yet_waits_behind_the_old_one() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let tokens = daemon(&kit, false);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.key_vault().add("app", renewed());
    kit.advance(3_700);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let statuses: Vec<_> = kit.sent().iter().map(|entry| (entry.status, entry.aadsts)).collect();
    assert_eq!(statuses, [(Some(200), None), (Some(401), Some(700_027)), (Some(200), None)]);
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    assert_eq!(kit.count(), 4, "the refused one is not tried again");
}

#[tokio::test]
async fn a_refused_certificate_is_looked_for_at_once() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", renewed());
    let tokens = daemon(&kit, false);
    tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    kit.emulator.key_vault().add("app", registered());
    kit.advance(61);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(kit.sent().last().unwrap().status, Some(200));
}

#[tokio::test]
async fn while_a_certificate_is_at_hand_the_vault_may_be_down() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let tokens = daemon(&kit, false);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::status(503).at(Endpoint::KeyVault).always());
    for hours in 1..=5 {
        kit.advance(3_700);
        tokens.acquire(&as_app(ORDERS)).await.unwrap_or_else(|error| panic!("hour {hours}: {error}"));
    }
}

#[tokio::test]
async fn a_vault_that_is_down_at_the_start_passes_the_turn_or_says_so() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::status(503).at(Endpoint::KeyVault).always());
    let error = daemon(&kit, false).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "nobody");
    assert!(error.to_string().contains("AzureAd.ClientCredentials[0]"), "{error}");

    let both = kit.client(ids::DAEMON).key_vault_certificate(kit.emulator.base_url(), "app");
    let tokens =
        kit.builder(both.secret(ids::DAEMON_SECRET)).environment(host(&kit.emulator)).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let states: Vec<_> = tokens.credential_reports().into_iter().map(|report| report.state).collect();
    assert!(matches!(&states[0], CredentialState::PassedOver(reason) if reason.contains("key vault")));
    assert_eq!(states[1], CredentialState::InUse);
}

#[tokio::test]
async fn what_is_wrong_with_the_vault_is_told_with_the_next_step() {
    let kit = Kit::new();
    let told = async || {
        let error = daemon(&kit, false).acquire(&as_app(ORDERS)).await.unwrap_err();
        assert!(!every_text(&error).contains("eyJ"), "a token got out");
        error.to_string()
    };
    assert!(told().await.contains("check KeyVaultCertificateName"));
    kit.emulator.key_vault().add("app", registered().disabled());
    assert!(told().await.contains("AzureAd.ClientCredentials[0]: the certificate \"app\" is disabled"));
    kit.emulator.key_vault().forbid(VaultOperation::ReadCertificates);
    assert!(told().await.contains("Key Vault Certificate User"));
    kit.emulator.faults().add(Fault::html().at(Endpoint::KeyVault).always());
    assert!(told().await.contains("an answer that cannot be read"));
}

#[tokio::test]
async fn the_users_own_acquirer_may_open_the_vault() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let opener = Arc::new(kit.api());
    let application = kit.client(ids::DAEMON).key_vault_certificate(kit.emulator.base_url(), "app");
    let tokens = kit.builder(application).vault_tokens(opener).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let opened_by = kit.sent()[0].client.clone();
    assert_eq!(opened_by.as_deref(), Some("shop-api"));
}

#[tokio::test]
async fn a_vault_that_asks_to_wait_for_ever_is_asked_again_in_an_hour() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let for_ever = Duration::from_secs(u64::MAX);
    kit.emulator.faults().add(Fault::throttle(for_ever).at(Endpoint::KeyVault));
    let tokens = daemon(&kit, false);
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "nobody");
    assert!(
        error.to_string().contains("to prove the application by AzureAd.ClientCredentials[0]"),
        "{error}"
    );
    kit.advance(3_601);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn a_pods_workload_identity_opens_the_vault() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT)).unwrap();
    let build = |host: &str| {
        let pod = Environment::from_pairs([
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
            ("AZURE_TENANT_ID", ids::TENANT),
            ("AZURE_CLIENT_ID", ids::DAEMON),
            ("AZURE_AUTHORITY_HOST", host),
        ]);
        let application = kit.client(ids::DAEMON).key_vault_certificate(kit.emulator.base_url(), "app");
        kit.builder(application).environment(pod).build().unwrap()
    };
    build(kit.emulator.base_url()).acquire(&as_app(ORDERS)).await.unwrap();
    let sent = kit.sent();
    let scopes: Vec<_> = sent.iter().filter_map(|entry| entry.scope.as_deref()).collect();
    assert_eq!(scopes, ["https://vault.azure.net/.default", ORDERS]);

    let error = build("http://login.example").acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "the developer");
    assert!(error.to_string().contains("AZURE_AUTHORITY_HOST"), "{error}");
}

#[tokio::test]
async fn a_token_that_the_vault_takes_no_longer_is_replaced() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", registered().key_stays());
    let opener = Arc::new(kit.api());
    let application = kit.client(ids::DAEMON).key_vault_certificate(kit.emulator.base_url(), "app");
    let tokens = kit.builder(application).vault_tokens(opener).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let challenge = r#"{"access_token":{"nbf":{"essential":true,"value":"1796083200"}}}"#;
    kit.emulator.faults().add(Fault::challenge(challenge).at(Endpoint::KeyVault));
    kit.advance(301);
    tokens.acquire(&as_app(GRAPH)).await.unwrap();
    let by_opener = kit.sent().into_iter().filter(|entry| entry.client.as_deref() == Some("shop-api"));
    let claims: Vec<_> = by_opener.map(|entry| entry.field("claims").map(str::to_owned)).collect();
    assert_eq!(claims, [None, Some(challenge.to_owned())]);
}
