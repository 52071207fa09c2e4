//! The request log: in order, readable, without a secret.

use std::sync::{Arc, Mutex};

use entra_emulator::{Emulator, Endpoint, Fault, Grant, ids};

use crate::kit::{Certificate, EXCHANGE, GRAPH, JWT_BEARER, Kit, ORDERS, assertion_claims};

#[tokio::test]
async fn requests_are_kept_in_order_and_counted() {
    let kit = Kit::new();
    kit.as_daemon(ORDERS).await;
    kit.get("/common/discovery/keys").await;
    kit.as_daemon("api://nowhere/.default").await;
    let log = kit.emulator.log();
    assert_eq!((log.count_tokens(), log.count(|entry| entry.endpoint == Endpoint::Keys)), (2, 1));
    let entries = log.entries();
    assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 3]);
    let first = &entries[0];
    assert_eq!((first.grant, first.client.as_deref()), (Some(Grant::ClientCredentials), Some("night-job")));
    assert_eq!((first.tenant.as_deref(), first.scope.as_deref()), (Some(ids::TENANT), Some(ORDERS)));
    assert_eq!((entries[2].status, entries[2].aadsts), (Some(400), Some(500_011)));
    assert_eq!(first.field("scope"), Some(ORDERS));
    assert_eq!(first.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        log.to_string(),
        format!(
            "  1 token     app token                    night-job @ {0}  api://orders/.default -> 200\n\
             \x20 2 keys      GET /common/discovery/keys -> 200\n\
             \x20 3 token     app token                    night-job @ {0}  api://nowhere/.default -> 400 AADSTS500011\n",
            ids::TENANT
        )
    );
    log.clear();
    kit.as_daemon(ORDERS).await;
    assert_eq!(log.token_requests()[0].number, 4);
}

#[tokio::test]
async fn no_secret_is_in_the_log_or_in_any_debug_text() {
    let kit = Kit::new();
    let alice = kit.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    let certificate = Certificate::registered();
    let assertion = certificate.sign(&certificate.header(), &assertion_claims(&kit, ids::DAEMON));
    let leg_one = kit
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", ids::BLUEPRINT),
            ("client_secret", ids::BLUEPRINT_SECRET),
            ("scope", EXCHANGE),
            ("fmi_path", ids::AGENT),
        ])
        .await
        .access_token();
    let answer = kit.on_behalf_of(&alice, "api://orders/read offline_access openid").await.json();
    let refresh_token = answer["refresh_token"].as_str().unwrap();
    kit.with_assertion(&assertion).await;
    for (name, secret) in [
        ("password", "p4ss'word"),
        ("code", "1.Acode"),
        ("code_verifier", "verifier-1"),
        ("refresh_token", refresh_token),
        ("user_federated_identity_credential", &leg_one),
        ("something_new", "s3cret of tomorrow"),
    ] {
        kit.token(&[
            ("grant_type", "refresh_token"),
            ("client_id", ids::API),
            ("client_secret", "wr0ng"),
            (name, secret),
        ])
        .await;
    }
    kit.token(&[
        ("grant_type", "client_credentials"),
        ("client_id", ids::AGENT),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &leg_one),
        ("scope", GRAPH),
    ])
    .await;
    kit.call("/v1.0/me", &alice).await;
    kit.get(
        "/common/oauth2/v2.0/authorize?client_id=x&state=st4te&nonce=n0nce&login_hint=alice@contoso.example",
    )
    .await;
    let shown = format!(
        "{0} {0:?} {1:?} {2:?} {3:?} {4:?}",
        kit.emulator.log(),
        kit.emulator,
        kit.emulator.log().entries(),
        kit.emulator.directory(),
        kit.emulator.faults(),
    );
    let id_token = answer["id_token"].as_str().unwrap();
    for secret in [
        ids::API_SECRET,
        ids::BLUEPRINT_SECRET,
        ids::DAEMON_SECRET,
        &alice,
        &assertion,
        &leg_one,
        refresh_token,
        id_token,
        answer["access_token"].as_str().unwrap(),
        "p4ss'word",
        "1.Acode",
        "verifier-1",
        "s3cret of tomorrow",
        "wr0ng",
        "st4te",
        "n0nce",
        "PRIVATE KEY",
    ] {
        assert!(!shown.contains(secret), "the log shows {secret}");
    }
    assert!(shown.contains("[redacted]"));
}

#[tokio::test]
async fn an_observer_is_told_of_each_request_and_its_fault() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let kit =
        Kit::with(Emulator::builder().on_request(move |entry| kept.lock().unwrap().push(entry.to_string())));
    kit.emulator.faults().add(Fault::status(503));
    kit.get("/common/discovery/keys").await;
    kit.get("/common/discovery/keys").await;
    let lines = lines.lock().unwrap();
    assert_eq!(
        *lines,
        [
            "  1 keys      GET /common/discovery/keys -> 503 AADSTS90033 (scripted: status)",
            "  2 keys      GET /common/discovery/keys -> 200",
        ]
    );
}
