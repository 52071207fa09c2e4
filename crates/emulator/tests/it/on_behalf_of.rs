//! On behalf of: the user's token, consent, conditional access.

use std::time::Duration;

use entra_emulator::{Consent, ids};
use serde_json::json;

use crate::kit::{Kit, OBO, claims, refused};

fn api_scope() -> String {
    format!("api://{}/access_as_user", ids::API)
}

#[tokio::test]
async fn a_users_token_becomes_one_for_the_next_api() {
    let kit = Kit::new();
    let alice = kit.emulator.user_token("alice", &api_scope());
    let answer = kit.on_behalf_of(&alice, "api://orders/READ openid profile offline_access").await;
    let body = answer.json();
    let token = answer.claims();
    assert_eq!(
        (&token["aud"], &token["scp"], &token["azp"]),
        (&json!(ids::ORDERS), &json!("read"), &json!(ids::API))
    );
    assert_eq!((&token["oid"], &token["preferred_username"]), (&json!(ids::ALICE), &json!(ids::ALICE_UPN)));
    assert_eq!(body["scope"], "api://orders/read");
    assert!(body["refresh_token"].is_string());
    let id_token = claims(body["id_token"].as_str().unwrap());
    assert_eq!((&id_token["aud"], &id_token["oid"]), (&json!(ids::API), &json!(ids::ALICE)));
    let info = body["client_info"].as_str().unwrap();
    assert_eq!(claims(&format!(".{info}.")), json!({ "uid": ids::ALICE, "utid": ids::TENANT }));
    // Another application sees the same user under another `sub`.
    assert_ne!(token["sub"], id_token["sub"]);
}

#[tokio::test]
async fn default_asks_for_all_that_was_consented_and_v1_resources_get_v1_tokens() {
    let kit = Kit::new();
    let maeve = kit.emulator.user_token("maeve", &api_scope());
    let graph = kit.on_behalf_of(&maeve, "https://graph.microsoft.com/.default").await;
    assert_eq!(
        graph.json()["scope"],
        "https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default"
    );
    let token = graph.claims();
    assert_eq!((&token["upn"], &token["scp"]), (&json!(ids::MAEVE_UPN), &json!("Mail.Read User.Read")));
    let bare = kit.on_behalf_of(&maeve, "User.Read").await;
    assert_eq!(
        (bare.json()["scope"].as_str(), &bare.claims()["aud"]),
        (Some("User.Read"), &json!("https://graph.microsoft.com"))
    );
    let partner = kit.on_behalf_of(&maeve, "api://partner/read").await.claims();
    assert_eq!((&partner["aud"], &partner["ver"]), (&json!("api://partner"), &json!("1.0")));
}

#[tokio::test]
async fn a_v1_token_for_the_api_works_as_well() {
    let kit = Kit::new();
    let v1 = kit.emulator.mint().user("alice").scopes(&api_scope()).version(1).build();
    assert_eq!(claims(&v1)["aud"], format!("api://{}", ids::API));
    assert_eq!(kit.on_behalf_of(&v1, "api://orders/read").await.status, 200);
}

#[tokio::test]
async fn wrong_assertions_are_refused_as_entra_refuses_them() {
    let kit = Kit::new();
    let mint = || kit.emulator.mint().user("alice").scopes(&api_scope());
    let check = async |assertion: String, error: &str, number| {
        let answer = kit.on_behalf_of(&assertion, "api://orders/read").await;
        assert_eq!(answer.refusal(), refused(400, error, number));
    };
    check(mint().expired().build(), "invalid_grant", 500_133).await;
    check(mint().not_yet_valid().build(), "invalid_grant", 500_133).await;
    check(mint().signed_by_a_stranger().build(), "invalid_grant", 50013).await;
    check(
        kit.emulator.user_token("alice", "https://graph.microsoft.com/User.Read"),
        "invalid_grant",
        500_131,
    )
    .await;
    check(kit.emulator.app_token("night-job", ids::API), "invalid_grant", 7_000_114).await;
    check("opaque".into(), "invalid_request", 50027).await;
    check(mint().claim("oid", "00000000-1111-4222-8333-444444444444").build(), "invalid_grant", 50034).await;
    check(kit.emulator.user_token("carol", &api_scope()), "invalid_grant", 50034).await;
    check(kit.emulator.user_token("mallory", &api_scope()), "invalid_grant", 50057).await;
    let alice = mint().build();
    let missing = [
        ("grant_type", OBO),
        ("client_id", ids::API),
        ("client_secret", ids::API_SECRET),
        ("assertion", alice.as_str()),
        ("scope", "api://orders/read"),
    ];
    assert_eq!(kit.token(&missing).await.refusal(), refused(400, "invalid_request", 900_144));
}

#[tokio::test]
async fn a_token_ends_when_the_clock_passes_its_end() {
    let kit = Kit::new();
    let alice = kit.emulator.user_token("alice", &api_scope());
    kit.emulator.clock().advance(Duration::from_secs(3590));
    assert_eq!(kit.on_behalf_of(&alice, "api://orders/read").await.status, 200);
    kit.emulator.clock().advance(Duration::from_secs(20));
    assert_eq!(kit.on_behalf_of(&alice, "api://orders/read").await.refusal().2, 500_133);
}

#[tokio::test]
async fn consent_is_asked_per_client_user_and_scope() {
    let kit = Kit::new();
    let [alice, bob] = ["alice", "bob"].map(|name| kit.emulator.user_token(name, &api_scope()));
    let refusal = kit.on_behalf_of(&alice, "api://payroll/read").await;
    assert_eq!(refusal.refusal(), refused(400, "invalid_grant", 65001));
    assert_eq!(refusal.json()["suberror"], "consent_required");
    for scope in [
        "api://payroll/.default",
        "api://orders/read api://orders/fly",
        "https://graph.microsoft.com/Files.Read",
    ] {
        assert!(matches!(kit.on_behalf_of(&alice, scope).await.refusal().2, 65001 | 650_053), "{scope}");
    }
    kit.emulator.edit(|directory| {
        let mut consent = Consent::scopes("shop-api", "payroll", ["read"]);
        consent.user = Some("alice".into());
        directory.consents.push(consent);
    });
    assert_eq!(kit.on_behalf_of(&alice, "api://payroll/read").await.status, 200);
    assert_eq!(kit.on_behalf_of(&bob, "api://payroll/read").await.refusal().2, 65001);
}

#[tokio::test]
async fn conditional_access_names_the_claims_to_ask_for() {
    let kit = Kit::new();
    let alice = kit.emulator.user_token("alice", &api_scope());
    let answer = kit.on_behalf_of(&alice, "api://safe/open").await;
    assert_eq!(answer.refusal(), refused(400, "interaction_required", 50076));
    let body = answer.json();
    assert_eq!(body["suberror"], "basic_action");
    assert_eq!(body["claims"], r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
    let stepped_up = kit.emulator.mint().user("alice").scopes(&api_scope()).claim("acrs", vec!["c1"]).build();
    assert_eq!(kit.on_behalf_of(&stepped_up, "api://safe/open").await.claims()["acrs"], json!(["c1"]));
}
