//! The key vault: who is let in, what it gives, and what its signatures are worth.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_emulator::{VaultCertificate, VaultOperation, ids};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::kit::{Answer, Kit};

fn certificate() -> VaultCertificate {
    VaultCertificate::new(ids::APP_CERTIFICATE, ids::APP_KEY)
}

async fn get(kit: &Kit, path: &str) -> Answer {
    let token = kit.emulator.app_token(ids::DAEMON, "https://vault.azure.net");
    let url = format!("{}/{path}?api-version=7.4", kit.emulator.base_url());
    Answer::of(kit.http.get(url).bearer_auth(token).send().await.unwrap()).await
}

async fn sign(kit: &Kit, path: &str, body: Value) -> Answer {
    let token = kit.emulator.app_token(ids::DAEMON, "https://vault.azure.net");
    let url = format!("{}/{path}/sign?api-version=7.4", kit.emulator.base_url());
    Answer::of(kit.http.post(url).bearer_auth(token).body(body.to_string()).send().await.unwrap()).await
}

/// The path of an address that the vault gave.
fn path(bundle: &Value, name: &str) -> String {
    let address = bundle[name].as_str().unwrap();
    address.splitn(4, '/').nth(3).unwrap().to_owned()
}

#[tokio::test]
async fn whoever_has_no_token_of_it_is_told_which_to_get() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", certificate());
    let url = format!("{}/certificates/app?api-version=7.4", kit.emulator.base_url());
    let other = kit.emulator.app_token(ids::DAEMON, "api://orders");
    for token in [None, Some(other)] {
        let request = kit.http.get(&url);
        let request = token.map_or_else(|| kit.http.get(&url), |token| request.bearer_auth(token));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(r#"resource="https://vault.azure.net""#), "{challenge}");
        assert!(challenge.contains(&kit.emulator.authority(ids::TENANT)), "{challenge}");
    }
}

#[tokio::test]
async fn the_newest_version_is_found_and_the_older_ones_stay() {
    let kit = Kit::new();
    let first = kit.emulator.key_vault().add("app", certificate());
    let renewed = VaultCertificate::new(ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY);
    let second = kit.emulator.key_vault().add("app", renewed);
    let newest = get(&kit, "certificates/app").await.json();
    assert!(newest["id"].as_str().unwrap().ends_with(&second));
    let older = get(&kit, &format!("certificates/app/{first}")).await.json();
    assert_ne!(older["cer"], newest["cer"]);
    assert_eq!(get(&kit, "certificates/none").await.status, 404);
    kit.emulator.key_vault().remove("app");
    assert_eq!(get(&kit, "certificates/app").await.status, 404);
}

#[tokio::test]
async fn a_key_leaves_only_where_it_may() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("leaves", certificate());
    kit.emulator.key_vault().add("file", certificate().kept_as_pkcs12("MIIpfx"));
    kit.emulator.key_vault().add("stays", certificate().key_stays());
    kit.emulator.key_vault().add("off", certificate().disabled());
    let secret = async |name: &str| get(&kit, &format!("secrets/{name}")).await;
    assert!(secret("leaves").await.json()["value"].as_str().unwrap().contains("PRIVATE KEY"));
    let file = secret("file").await.json();
    assert_eq!((&file["value"], &file["contentType"]), (&json!("MIIpfx"), &json!("application/x-pkcs12")));
    assert!(!secret("stays").await.json()["value"].as_str().unwrap().contains("PRIVATE KEY"));
    assert_eq!(secret("off").await.status, 403);

    kit.emulator.key_vault().forbid(VaultOperation::ReadSecrets);
    assert_eq!(secret("leaves").await.status, 403);
    assert_eq!(get(&kit, "certificates/leaves").await.status, 200);
    kit.emulator.key_vault().allow(VaultOperation::ReadSecrets);
    assert_eq!(secret("leaves").await.status, 200);
}

#[tokio::test]
async fn it_signs_digests_and_nothing_else() {
    let kit = Kit::new();
    kit.emulator.key_vault().add("app", certificate().key_stays());
    let bundle = get(&kit, "certificates/app").await.json();
    let key = path(&bundle, "kid");
    let digest = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"a message"));
    let answer = sign(&kit, &key, json!({ "alg": "PS256", "value": digest })).await.json();
    let signature = URL_SAFE_NO_PAD.decode(answer["value"].as_str().unwrap()).unwrap();
    let der = STANDARD.decode(bundle["cer"].as_str().unwrap()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, parsed.public_key().raw);
    assert!(public.verify(b"a message", &signature).is_ok());
    for refused in [
        json!({ "alg": "ES256", "value": digest }),
        json!({ "alg": "PS256", "value": "c2hvcnQ" }),
        json!({ "alg": "PS256" }),
    ] {
        assert_eq!(sign(&kit, &key, refused).await.status, 400);
    }
    kit.emulator.key_vault().forbid(VaultOperation::Sign);
    assert_eq!(sign(&kit, &key, json!({ "alg": "PS256", "value": digest })).await.status, 403);
}

#[tokio::test]
async fn a_pipeline_vouches_for_its_service_connections() {
    let kit = Kit::new();
    let variables = kit.emulator.pipeline_environment();
    let url = &variables.iter().find(|(name, _)| *name == "SYSTEM_OIDCREQUESTURI").unwrap().1;
    let ask = async |connection: &str, token: &str| {
        let url = format!("{url}?api-version=7.1&serviceConnectionId={connection}");
        let request = kit.http.post(url).bearer_auth(token).header("x-tfs-fedauthredirect", "Suppress");
        Answer::of(request.send().await.unwrap()).await
    };
    let answer = ask(ids::SERVICE_CONNECTION, ids::PIPELINE_TOKEN).await.json();
    let claims = crate::kit::claims(answer["oidcToken"].as_str().unwrap());
    assert_eq!(claims["sub"], ids::WORKLOAD_SUBJECT);
    assert_eq!(ask(ids::DAEMON, ids::PIPELINE_TOKEN).await.status, 404);
    assert_eq!(ask(ids::SERVICE_CONNECTION, "another").await.status, 401);
}
