//! Documents without a client: instance discovery, metadata, keys and their rotation.

use entra_emulator::ids;
use serde_json::json;

use crate::kit::{Kit, ORDERS};

#[tokio::test]
async fn metadata_is_what_clients_compare_with_their_authority() {
    let kit = Kit::new();
    let authority = kit.emulator.authority(ids::TENANT);
    for name in [ids::TENANT, "contoso.example"] {
        let v2 = kit.get(&format!("/{name}/v2.0/.well-known/openid-configuration?")).await.json();
        assert_eq!(v2["issuer"], format!("{authority}/v2.0"));
        assert_eq!(v2["token_endpoint"], format!("{authority}/oauth2/v2.0/token"));
        assert_eq!(v2["authorization_endpoint"], format!("{authority}/oauth2/v2.0/authorize"));
        assert_eq!(v2["jwks_uri"], format!("{authority}/discovery/v2.0/keys"));
    }
    let v1 = kit.get(&format!("/{}/.well-known/openid-configuration", ids::TENANT)).await.json();
    assert_eq!(v1["issuer"], format!("https://sts.windows.net/{}/", ids::TENANT));
    assert_eq!(v1["token_endpoint"], format!("{authority}/oauth2/token"));
    let shared = kit.get("/organizations/v2.0/.well-known/openid-configuration").await.json();
    assert_eq!(shared["issuer"], format!("{}/{{tenantid}}/v2.0", kit.emulator.base_url()));
    let unknown = kit.get("/nowhere/v2.0/.well-known/openid-configuration").await;
    assert_eq!(unknown.refusal(), crate::kit::refused(400, "invalid_tenant", 90002));
}

#[tokio::test]
async fn the_host_that_is_asked_is_the_authority_that_is_named() {
    let kit = Kit::new();
    let path = format!("/{}/v2.0/.well-known/openid-configuration", ids::TENANT);
    let url = format!("http://127.0.0.1:{}{path}", kit.emulator.port());
    let named = crate::kit::Answer::of(kit.http.get(&url).send().await.unwrap()).await.json();
    assert_eq!(named["issuer"], format!("http://127.0.0.1:{}/{}/v2.0", kit.emulator.port(), ids::TENANT));
    let regional = kit.http.get(&url).header("host", "westus2.login.microsoft.com").send().await.unwrap();
    let regional = crate::kit::Answer::of(regional).await.json();
    assert_eq!(regional["issuer"], format!("http://login.microsoftonline.com/{}/v2.0", ids::TENANT));
}

#[tokio::test]
async fn instance_discovery_knows_the_emulator_and_the_public_cloud() {
    let kit = Kit::new();
    let own = format!("localhost:{}", kit.emulator.port());
    let ask = async |host: &str| {
        let endpoint = format!("https%3A%2F%2F{host}%2Fcontoso.example%2Foauth2%2Fv2.0%2Fauthorize");
        kit.get(&format!("/common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}"))
            .await
    };
    let answer = ask(&own).await.json();
    assert_eq!(
        answer["tenant_discovery_endpoint"],
        format!("https://{own}/contoso.example/v2.0/.well-known/openid-configuration")
    );
    let clouds = answer["metadata"].as_array().unwrap();
    assert_eq!(clouds[0]["preferred_cache"], "login.windows.net");
    assert_eq!(clouds[1], json!({ "preferred_network": own, "preferred_cache": own, "aliases": [own] }));
    assert_eq!(ask("login.microsoftonline.com").await.status, 200);
    assert_eq!(ask("evil.example").await.refusal(), crate::kit::refused(400, "invalid_instance", 50049));
    assert_eq!(kit.get("/common/discovery/instance").await.refusal().2, 900_144);
}

#[tokio::test]
async fn a_rotated_key_signs_and_the_old_one_stays_until_it_is_retired() {
    let kit = Kit::new();
    let path = format!("/{}/discovery/v2.0/keys", ids::TENANT);
    let names = async || {
        let keys = kit.get(&path).await.json();
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = names().await;
    let old = kit.emulator.app_token("night-job", "api://orders");
    kit.emulator.rotate_keys();
    let both = names().await;
    assert!(both.len() == 2 && both[0] == before[0]);
    assert_eq!(kit.call("/orders", &old).await.status, 200);
    kit.emulator.retire_old_keys();
    assert_eq!(names().await, [both[1].clone()]);
    assert_eq!(kit.call("/orders", &old).await.status, 401);
    let new = kit.as_daemon(ORDERS).await.access_token();
    assert_eq!(kit.call("/orders", &new).await.status, 200);
}

#[tokio::test]
async fn what_is_not_served_is_said_to_be_so() {
    let kit = Kit::new();
    assert_eq!(kit.get("/favicon.ico").await.status, 404);
    kit.emulator.log().clear();
    assert_eq!(kit.emulator.log().unserved(), ["GET /favicon.ico"]);
}

#[tokio::test]
async fn strict_traffic_fails_the_test_that_asked_for_nothing_served() {
    let kit = Kit::with(entra_emulator::Emulator::builder().strict_traffic());
    assert_eq!(kit.get("/imaginary").await.status, 404);
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || drop(kit)));
    let message = dropped.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*message, "requests that the emulator does not serve: GET /imaginary");
}
