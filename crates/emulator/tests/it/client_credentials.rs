//! The application for itself: secret, scopes, tenants, both token versions.

use entra_emulator::{Directory, ids};
use serde_json::json;

use crate::kit::{GRAPH, Kit, ORDERS, refused, unix_now};

#[tokio::test]
async fn a_v2_token_says_what_entra_says() {
    let kit = Kit::new();
    let answer = kit.as_daemon(ORDERS).await;
    let body = answer.json();
    assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("Bearer"), Some(3599)));
    assert!(
        body.get("refresh_token").is_none()
            && body.get("id_token").is_none()
            && body.get("refresh_in").is_none()
    );
    assert_eq!(answer.headers["cache-control"], "no-store, no-cache");
    let claims = answer.claims();
    assert_eq!(claims["aud"], ids::ORDERS);
    assert_eq!(claims["iss"], format!("{}/v2.0", kit.emulator.authority(ids::TENANT)));
    assert_eq!(
        (&claims["azp"], &claims["azpacr"], &claims["ver"]),
        (&json!(ids::DAEMON), &json!("1"), &json!("2.0"))
    );
    assert_eq!((&claims["roles"], &claims["tid"]), (&json!(["Orders.Read.All"]), &json!(ids::TENANT)));
    assert_eq!(claims["sub"], claims["oid"]);
    assert!(claims.get("scp").is_none());
    let now = unix_now(&kit);
    assert!((claims["exp"].as_i64().unwrap() - now - 3599).abs() < 5);
    assert!((now - 300 - claims["nbf"].as_i64().unwrap()).abs() < 5);
}

#[tokio::test]
async fn a_v1_resource_gets_a_v1_token_with_the_audience_as_asked() {
    let kit = Kit::new();
    let claims = kit.as_daemon(GRAPH).await.claims();
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{}/", ids::TENANT));
    assert_eq!(
        (&claims["appid"], &claims["appidacr"], &claims["ver"]),
        (&json!(ids::DAEMON), &json!("1"), &json!("1.0"))
    );
    let vault = kit.as_daemon("https://vault.azure.net//.default").await.claims();
    assert_eq!(vault["aud"], "https://vault.azure.net/");
    let by_id = kit.as_daemon("00000003-0000-0000-c000-000000000000/.default").await.claims();
    assert_eq!(by_id["aud"], "00000003-0000-0000-c000-000000000000");
}

#[tokio::test]
async fn every_wrong_request_is_refused_as_entra_refuses_it() {
    let kit = Kit::new();
    let daemon = [("client_id", ids::DAEMON), ("client_secret", ids::DAEMON_SECRET)];
    let cc = ("grant_type", "client_credentials");
    let scope = ("scope", GRAPH);
    let check = async |fields: &[(&str, &str)], status, error: &str, number| {
        assert_eq!(kit.token(fields).await.refusal(), refused(status, error, number), "{fields:?}");
    };
    check(&[cc, daemon[0], ("client_secret", "wrong"), scope], 401, "invalid_client", 7_000_215).await;
    check(
        &[cc, ("client_id", ids::API), ("client_secret", "shop s3cret of last year"), scope],
        401,
        "invalid_client",
        7_000_222,
    )
    .await;
    check(&[cc, daemon[0], scope], 401, "invalid_client", 7_000_218).await;
    check(
        &[cc, daemon[0], daemon[1], ("client_assertion", "a.b.c"), scope],
        400,
        "invalid_request",
        9_002_324,
    )
    .await;
    let nobody = "00000000-1111-4222-8333-444444444444";
    check(&[cc, ("client_id", nobody), daemon[1], scope], 400, "unauthorized_client", 700_016).await;
    check(&[cc, ("client_id", "daemon"), daemon[1], scope], 400, "unauthorized_client", 700_038).await;
    check(&[cc, daemon[0], daemon[1]], 400, "invalid_request", 900_144).await;
    check(&[daemon[0], daemon[1], scope], 400, "invalid_request", 900_144).await;
    check(&[cc, daemon[1], scope], 400, "invalid_request", 900_144).await;
    check(&[cc, daemon[0], daemon[1], ("scope", "api://nowhere/.default")], 400, "invalid_resource", 500_011)
        .await;
    check(&[cc, daemon[0], daemon[1], ("scope", "api://orders/read")], 400, "invalid_scope", 1_002_012).await;
    check(&[cc, daemon[0], daemon[1], scope, scope], 400, "invalid_request", 9_000_411).await;
    check(&[("grant_type", "password"), daemon[0], daemon[1], scope], 400, "unsupported_grant_type", 70003)
        .await;
    check(&[cc, daemon[0], daemon[1], scope, ("token_type", "mtls_pop")], 400, "invalid_request", 51000)
        .await;
    check(&[cc, ("client_id", ids::BROWSER), scope], 401, "invalid_client", 7_000_218).await;
}

#[tokio::test]
async fn tenants_are_found_by_id_and_domain_and_the_shared_ones_are_refused() {
    let kit = Kit::new();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", ids::DAEMON),
        ("client_secret", ids::DAEMON_SECRET),
        ("scope", GRAPH),
    ];
    for tenant in [ids::OTHER_TENANT, "fabrikam.example", "FABRIKAM.example"] {
        assert_eq!(kit.token_in(tenant, &fields).await.claims()["tid"], ids::OTHER_TENANT);
    }
    for tenant in ["common", "organizations"] {
        assert_eq!(kit.token_in(tenant, &fields).await.refusal(), refused(400, "invalid_request", 9_001_023));
    }
    let unknown = kit.token_in("nowhere.example", &fields).await;
    assert_eq!(unknown.refusal(), refused(400, "invalid_request", 90002));
    let elsewhere = [("grant_type", "client_credentials"), ("client_id", ids::BLUEPRINT), ("scope", GRAPH)];
    let not_installed = kit.token_in(ids::OTHER_TENANT, &elsewhere).await;
    assert_eq!(not_installed.refusal(), refused(400, "unauthorized_client", 700_016));
}

#[tokio::test]
async fn the_older_endpoint_takes_a_resource_and_only_post_is_taken() {
    let kit = Kit::new();
    let url = format!("{}/oauth2/token/", kit.emulator.authority(ids::TENANT));
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "client_credentials"),
            ("client_id", ids::DAEMON),
            ("client_secret", ids::DAEMON_SECRET),
            ("resource", "https://graph.microsoft.com"),
        ])
        .finish();
    let request =
        kit.http.post(&url).header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let answer = crate::kit::Answer::of(request.body(body).send().await.unwrap()).await;
    assert_eq!(answer.claims()["aud"], "https://graph.microsoft.com");
    let got = crate::kit::Answer::of(kit.http.get(&url).send().await.unwrap()).await;
    assert_eq!(got.refusal(), refused(400, "invalid_request", 900_561));
}

#[tokio::test]
async fn refresh_in_and_capabilities_come_when_they_are_asked_for() {
    let mut directory = Directory::default();
    directory.lifetimes.refresh_in = Some(1800);
    directory.lifetimes.access_token = 7199;
    let kit = Kit::with(entra_emulator::Emulator::builder().directory(directory));
    let answer = kit
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", ids::DAEMON),
            ("client_secret", ids::DAEMON_SECRET),
            ("scope", GRAPH),
            ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
        ])
        .await;
    let body = answer.json();
    assert_eq!((body["refresh_in"].as_u64(), body["expires_in"].as_u64()), (Some(1800), Some(7199)));
    assert_eq!(answer.claims()["xms_cc"], json!(["cp1"]));
}

#[tokio::test]
async fn the_correlation_id_comes_back() {
    let kit = Kit::new();
    let id = "5f0e2b1c-8a94-4d0f-9b57-0a6c3d1e7f42";
    let request = kit.http.post(kit.endpoint()).header("client-request-id", id);
    let answer = crate::kit::Answer::of(request.send().await.unwrap()).await;
    assert_eq!(
        (answer.json()["correlation_id"].as_str(), answer.headers["client-request-id"].to_str().unwrap()),
        (Some(id), id)
    );
    let in_query = kit.http.post(format!("{}?client-request-id={id}", kit.endpoint()));
    let answer = crate::kit::Answer::of(in_query.send().await.unwrap()).await;
    assert_eq!(answer.json()["correlation_id"], id);
}
