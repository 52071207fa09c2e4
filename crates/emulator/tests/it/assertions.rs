//! Client assertions: certificates in every spelling that real clients use, and federated credentials.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use entra_emulator::{Fault, FederatedCredential, ids};
use serde_json::{Value, json};

use crate::kit::{Certificate, GRAPH, JWT_BEARER, Kit, assertion_claims, refused};

/// An object with one member changed, or (with null) removed.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    object
}

#[tokio::test]
async fn headers_are_taken_in_every_spelling_that_real_clients_use() {
    let kit = Kit::new();
    let certificate = Certificate::registered();
    let claims = assertion_claims(&kit, ids::DAEMON);
    let lines = certificate
        .base64()
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join("\n");
    let hexadecimal =
        certificate.sha1().iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"));
    for header in [
        certificate.header(),
        // One of them pads thumbprints and leaves line breaks in the chain.
        json!({ "alg": "PS256", "x5t#S256": URL_SAFE.encode(certificate.sha256()), "x5c": [lines] }),
        // One of them writes thumbprints in the other alphabet.
        json!({ "alg": "RS256", "x5t": STANDARD.encode(certificate.sha1()) }),
        json!({ "alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(certificate.sha1()), "kid": hexadecimal }),
        // One of them sends the leaf as a single text.
        json!({ "alg": "PS256", "x5t#S256": URL_SAFE_NO_PAD.encode(certificate.sha256()), "x5c": certificate.base64() }),
    ] {
        let answer = kit.with_assertion(&certificate.sign(&header, &claims)).await;
        assert_eq!(answer.claims()["azpacr"], "2", "{header}");
    }
}

#[tokio::test]
async fn claims_are_taken_in_every_spelling_that_real_clients_use() {
    let kit = Kit::new();
    let certificate = Certificate::registered();
    let claims = assertion_claims(&kit, ids::DAEMON);
    let quoted = |name: &str| json!(claims[name].to_string());
    for claims in [
        with(with(claims.clone(), "exp", quoted("exp")), "nbf", quoted("nbf")),
        with(claims.clone(), "aud", json!(format!("{}/v2.0", kit.emulator.authority(ids::TENANT)))),
        with(
            claims.clone(),
            "aud",
            json!(format!("{}/oauth2/v2.0/token/", kit.emulator.authority("contoso.example"))),
        ),
        with(claims.clone(), "exp", json!(1_900_000_000.25)),
        with(claims.clone(), "jti", Value::Null),
        with(claims.clone(), "iat", json!(claims["nbf"])),
    ] {
        let answer = kit.with_assertion(&certificate.sign(&certificate.header(), &claims)).await;
        assert_eq!(answer.status, 200, "{claims}: {}", answer.text);
    }
}

#[tokio::test]
async fn wrong_assertions_are_refused_as_entra_refuses_them() {
    let kit = Kit::new();
    let (certificate, stranger) = (Certificate::registered(), Certificate::renewed());
    kit.emulator.edit(|directory| directory.app_mut("night-job").unwrap().trusted_subjects.clear());
    let (header, claims) = (certificate.header(), assertion_claims(&kit, ids::DAEMON));
    let now = claims["nbf"].as_i64().unwrap();
    let check = async |assertion: String, status, error: &str, number| {
        assert_eq!(
            kit.with_assertion(&assertion).await.refusal(),
            refused(status, error, number),
            "{assertion}"
        );
    };
    let of = |name: &str, value: Value| certificate.sign(&header, &with(claims.clone(), name, value));
    check(stranger.sign(&header, &claims), 401, "invalid_client", 700_027).await;
    check(stranger.sign(&stranger.header(), &claims), 401, "invalid_client", 700_027).await;
    let none = json!({ "alg": "RS256", "typ": "JWT" });
    check(certificate.sign(&none, &claims), 401, "invalid_client", 700_027).await;
    let mixed = with(header.clone(), "x5c", json!([stranger.base64()]));
    check(certificate.sign(&mixed, &claims), 401, "invalid_client", 700_027).await;
    let unreadable = with(header.clone(), "x5t#S256", json!("not a thumbprint!"));
    check(certificate.sign(&unreadable, &claims), 401, "invalid_client", 700_027).await;
    let unsigned = with(header.clone(), "alg", json!("none"));
    check(certificate.sign(&unsigned, &claims), 401, "invalid_client", 700_027).await;
    check(of("exp", json!(now - 301)), 401, "invalid_client", 700_024).await;
    check(of("exp", Value::Null), 401, "invalid_client", 700_024).await;
    check(of("nbf", json!(now + 400)), 401, "invalid_client", 700_024).await;
    check(
        of("aud", json!("https://login.microsoftonline.com/common/oauth2/v2.0/token")),
        401,
        "invalid_client",
        700_023,
    )
    .await;
    check(of("aud", json!(format!("{}evil", kit.endpoint()))), 401, "invalid_client", 700_023).await;
    check(of("sub", json!(ids::API)), 401, "invalid_client", 700_021).await;
    check("not.a.jwt".into(), 400, "invalid_request", 50027).await;
    let no_type = kit
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", ids::DAEMON),
            ("client_assertion", &certificate.sign(&header, &claims)),
            ("scope", GRAPH),
        ])
        .await;
    assert_eq!(no_type.refusal(), refused(401, "invalid_client", 7_000_218));
    let good = certificate.sign(&header, &claims);
    assert_eq!(kit.with_assertion(&good).await.status, 200);
    kit.emulator.clock().advance(Duration::from_secs(110 * 365 * 24 * 3600));
    let late = certificate.sign(&header, &assertion_claims(&kit, ids::DAEMON));
    assert_eq!(kit.with_assertion(&late).await.refusal(), refused(401, "invalid_client", 1_000_502));
}

#[tokio::test]
async fn a_certificate_may_be_trusted_by_subject_and_issuer() {
    let kit = Kit::new();
    let renewed = Certificate::renewed();
    let claims = assertion_claims(&kit, ids::DAEMON);
    let with_chain = with(renewed.header(), "x5c", json!([renewed.base64()]));
    assert_eq!(kit.with_assertion(&renewed.sign(&with_chain, &claims)).await.status, 200);
    // Without the certificate itself there is nothing to trust.
    assert_eq!(kit.with_assertion(&renewed.sign(&renewed.header(), &claims)).await.refusal().2, 700_027);
    kit.emulator.edit(|directory| {
        directory.app_mut("night-job").unwrap().trusted_subjects[0].subject = "other.contoso.example".into();
    });
    let refusal = kit.with_assertion(&renewed.sign(&with_chain, &claims)).await;
    assert_eq!(refusal.refusal(), refused(401, "invalid_client", 700_030));
}

#[tokio::test]
async fn an_assertion_may_come_again_unless_the_script_says_no() {
    let kit = Kit::new();
    let certificate = Certificate::registered();
    let assertion = certificate.sign(&certificate.header(), &assertion_claims(&kit, ids::DAEMON));
    for _ in 0..2 {
        assert_eq!(kit.with_assertion(&assertion).await.status, 200);
    }
    kit.emulator.faults().add(Fault::replay_refused().always());
    assert_eq!(kit.with_assertion(&assertion).await.status, 200);
    assert_eq!(kit.with_assertion(&assertion).await.refusal(), refused(401, "invalid_client", 700_027));
}

#[tokio::test]
async fn a_federated_credential_is_matched_exactly() {
    let kit = Kit::new();
    let good = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
    assert_eq!(kit.with_assertion(&good).await.claims()["azpacr"], "2");
    let subject = kit.emulator.workload_assertion("system:serviceaccount:jobs:Night-Job");
    assert_eq!(kit.with_assertion(&subject).await.refusal(), refused(401, "invalid_client", 700_213));
    let set = |change: fn(&mut FederatedCredential)| {
        kit.emulator.edit(|directory| change(&mut directory.app_mut("night-job").unwrap().federated[0]));
    };
    set(|credential| credential.audience = "api://AzureADTokenExchangeChina".into());
    assert_eq!(kit.with_assertion(&good).await.refusal(), refused(401, "invalid_client", 700_212));
    set(|credential| credential.issuer = "https://workload.example/cluster-two".into());
    assert_eq!(kit.with_assertion(&good).await.refusal(), refused(401, "invalid_client", 700_211));
}

#[tokio::test]
async fn a_federated_issuer_is_checked_with_its_own_keys_and_time() {
    let kit = Kit::new();
    let good = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
    let forged = Certificate::registered().sign(&json!({ "alg": "RS256" }), &crate::kit::claims(&good));
    assert_eq!(kit.with_assertion(&forged).await.refusal(), refused(401, "invalid_client", 700_027));
    kit.emulator.clock().advance(Duration::from_secs(2 * 3600));
    assert_eq!(kit.with_assertion(&good).await.refusal(), refused(401, "invalid_client", 700_024));
    kit.emulator.clock().reset();
    // An issuer with keys of its own: the emulator's JWKS stands in for them.
    let jwks = kit.get(&format!("/{}/discovery/v2.0/keys", ids::TENANT)).await.json();
    kit.emulator.edit(|directory| directory.issuers[0].jwks = Some(jwks));
    assert_eq!(kit.with_assertion(&good).await.refusal().2, 700_027);
    let issued = kit
        .emulator
        .mint()
        .app("night-job")
        .resource("api://AzureADTokenExchange")
        .claim("iss", ids::WORKLOAD_ISSUER)
        .claim("sub", ids::WORKLOAD_SUBJECT)
        .build();
    assert_eq!(kit.with_assertion(&issued).await.status, 200);
}

#[tokio::test]
async fn a_token_of_the_tenant_itself_may_be_a_federated_credential() {
    let kit = Kit::new();
    let identity = kit.emulator.directory().app("shop-api").unwrap().object_id();
    kit.emulator.edit(|directory| {
        let credential = &mut directory.app_mut("night-job").unwrap().federated[0];
        credential.issuer = "entra".into();
        credential.subject = identity;
    });
    let exchange = kit.emulator.app_token("shop-api", "api://AzureADTokenExchange");
    assert_eq!(kit.with_assertion(&exchange).await.status, 200);
    let stranger =
        kit.emulator.mint().app("shop-api").resource("api://AzureADTokenExchange").signed_by_a_stranger();
    assert_eq!(kit.with_assertion(&stranger.build()).await.refusal().2, 700_027);
}

#[tokio::test]
async fn on_behalf_of_works_with_a_certificate_too() {
    let kit = Kit::new();
    let certificate = Certificate::registered();
    let assertion = certificate.sign(&certificate.header(), &assertion_claims(&kit, ids::API));
    let alice = kit.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    let answer = kit
        .token(&[
            ("grant_type", crate::kit::OBO),
            ("client_id", ids::API),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
            ("assertion", &alice),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "api://orders/read"),
        ])
        .await;
    assert_eq!(answer.claims()["azpacr"], "2");
}
