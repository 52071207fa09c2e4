//! Signing in: the authorization code with PKCE, the page, refresh tokens and their end.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_emulator::{Emulator, ids};
use reqwest::Url;
use serde_json::json;

use crate::kit::{Answer, Kit, claims, refused};

const REDIRECT: &str = "http://localhost:17/cb?x=1";
const VERIFIER: &str = "a-verifier-of-43-characters-or-more-0123456789";
const SCOPE: &str = "openid profile offline_access api://orders/read";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// The query of /authorize, with changes: a field set to nothing is left out.
fn query(changes: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let mut fields = vec![
        ("client_id", ids::API),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", SCOPE),
        ("state", "st&te"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("client_info", "1"),
    ];
    for &(name, value) in changes {
        fields.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn authorize(kit: &Kit, changes: &[(&str, &str)]) -> Answer {
    kit.get(&format!("/{}/oauth2/v2.0/authorize?{}", ids::TENANT, query(changes))).await
}

/// What came back to the client, by name.
fn sent_back(answer: &Answer, name: &str) -> Option<String> {
    assert_eq!(answer.status, 302, "{}", answer.text);
    let url = Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    assert!(url.as_str().starts_with(REDIRECT), "{url}");
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

async fn code(kit: &Kit, changes: &[(&str, &str)]) -> String {
    sent_back(&authorize(kit, changes).await, "code").unwrap()
}

async fn redeem(kit: &Kit, code: &str, changes: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", ids::API),
        ("client_secret", ids::API_SECRET),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("scope", SCOPE),
        ("client_info", "1"),
    ];
    for &(name, value) in changes {
        fields.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    kit.token(&fields).await
}

async fn refresh(kit: &Kit, refresh_token: &str, scope: &str) -> Answer {
    kit.token(&[
        ("grant_type", "refresh_token"),
        ("client_id", ids::API),
        ("client_secret", ids::API_SECRET),
        ("refresh_token", refresh_token),
        ("scope", scope),
    ])
    .await
}

#[tokio::test]
async fn a_user_signs_in_and_the_code_becomes_tokens() {
    let kit = Kit::new();
    let back = authorize(&kit, &[("login_hint", ids::MAEVE_UPN)]).await;
    assert_eq!(sent_back(&back, "state").as_deref(), Some("st&te"));
    let info = sent_back(&back, "client_info").unwrap();
    assert_eq!(claims(&format!(".{info}.")), json!({ "uid": ids::MAEVE, "utid": ids::TENANT }));
    let answer = redeem(&kit, &sent_back(&back, "code").unwrap(), &[]).await;
    let token = answer.claims();
    assert_eq!((&token["oid"], &token["scp"]), (&json!(ids::MAEVE), &json!("read")));
    let id_token = claims(answer.json()["id_token"].as_str().unwrap());
    assert_eq!(
        (&id_token["nonce"], &id_token["preferred_username"]),
        (&json!("n-1"), &json!(ids::MAEVE_UPN))
    );
    assert_eq!(id_token["iss"], format!("{}/v2.0", kit.emulator.authority(ids::TENANT)));
    let renewed = refresh(&kit, answer.json()["refresh_token"].as_str().unwrap(), "User.Read").await;
    assert_eq!(renewed.claims()["aud"], "https://graph.microsoft.com");
    assert!(renewed.json()["refresh_token"].is_string());
}

#[tokio::test]
async fn a_redemption_that_names_only_the_resource_keeps_what_the_sign_in_was_for() {
    let kit = Kit::new();
    let narrow = |scope: &'static str| [("scope", scope)];
    let whole = redeem(&kit, &code(&kit, &[]).await, &narrow("api://orders/read")).await.json();
    assert!(whole["refresh_token"].is_string() && whole["id_token"].is_string(), "{whole}");
    let bare = code(&kit, &narrow("api://orders/read")).await;
    let bare = redeem(&kit, &bare, &narrow("api://orders/read")).await.json();
    assert!(bare["refresh_token"].is_null() && bare["id_token"].is_null(), "{bare}");
}

#[tokio::test]
async fn without_a_hint_the_first_person_signs_in_and_common_finds_the_tenant() {
    let kit = Kit::new();
    let first = redeem(&kit, &code(&kit, &[]).await, &[]).await;
    assert_eq!(first.claims()["oid"], ids::ALICE);
    let path =
        format!("/common/oauth2/v2.0/authorize?{}", query(&[("login_hint", "carol@fabrikam.example")]));
    let code = sent_back(&kit.get(&path).await, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", ids::API),
        ("client_secret", ids::API_SECRET),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let claims = kit.token_in("organizations", &fields).await.claims();
    assert_eq!((&claims["tid"], &claims["aud"]), (&json!(ids::OTHER_TENANT), &json!(ids::ORDERS)));
}

#[tokio::test]
async fn a_public_client_proves_nothing_but_its_verifier() {
    let kit = Kit::new();
    let scope = format!("api://{}/access_as_user", ids::API);
    let code = code(&kit, &[("client_id", ids::BROWSER), ("scope", &scope)]).await;
    let changes = [("client_id", ids::BROWSER), ("client_secret", ""), ("scope", scope.as_str())];
    let claims = redeem(&kit, &code, &changes).await.claims();
    assert_eq!((&claims["azpacr"], &claims["aud"]), (&json!("0"), &json!(ids::API)));
}

#[tokio::test]
async fn a_code_is_for_once_for_its_client_its_address_its_verifier_and_ten_minutes() {
    let kit = Kit::new();
    let check = async |changes: &[(&str, &str)], error: &str, number| {
        let code = code(&kit, &[]).await;
        assert_eq!(redeem(&kit, &code, changes).await.refusal(), refused(400, error, number), "{changes:?}");
    };
    check(&[("code_verifier", "another-verifier-of-43-characters-0123456789")], "invalid_grant", 501_481)
        .await;
    check(&[("code_verifier", "")], "invalid_request", 900_144).await;
    check(&[("redirect_uri", "http://localhost:18/cb")], "invalid_client", 50011).await;
    check(&[("code", "1.Anonsense")], "invalid_grant", 70000).await;
    let other = [("client_id", ids::DAEMON), ("client_secret", ids::DAEMON_SECRET)];
    check(&other, "invalid_grant", 70000).await;
    let used = code(&kit, &[]).await;
    assert_eq!(redeem(&kit, &used, &[]).await.status, 200);
    assert_eq!(redeem(&kit, &used, &[]).await.refusal(), refused(400, "invalid_grant", 54005));
    let late = code(&kit, &[]).await;
    kit.emulator.clock().advance(Duration::from_secs(600));
    assert_eq!(redeem(&kit, &late, &[]).await.refusal(), refused(400, "invalid_grant", 70008));
}

#[tokio::test]
async fn an_error_goes_back_to_the_client_only_when_its_address_is_known() {
    let kit = Kit::new();
    for (changes, number) in [
        ([("client_id", "00000000-1111-4222-8333-444444444444")], "AADSTS700016"),
        ([("redirect_uri", "https://evil.example/cb")], "AADSTS50011"),
        ([("redirect_uri", "")], "AADSTS900144"),
        ([("client_id", ids::DAEMON)], "AADSTS500113"),
    ] {
        let page = authorize(&kit, &changes).await;
        assert!(page.status == 400 && page.text.contains(number), "{}", page.text);
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    }
    let check = async |changes: &[(&str, &str)], error: &str, number: &str| {
        let answer = authorize(&kit, changes).await;
        assert_eq!(sent_back(&answer, "error").as_deref(), Some(error), "{changes:?}");
        let description = sent_back(&answer, "error_description").unwrap();
        assert!(description.starts_with(number), "{description}");
        assert_eq!(sent_back(&answer, "state").as_deref(), Some("st&te"));
    };
    check(&[("response_type", "token")], "unsupported_response_type", "AADSTS700054").await;
    check(&[("scope", "")], "invalid_request", "AADSTS900144").await;
    check(&[("scope", "api://nowhere/x")], "invalid_resource", "AADSTS500011").await;
    check(&[("code_challenge_method", "plain")], "invalid_grant", "AADSTS501481").await;
    check(&[("login_hint", "nobody@contoso.example")], "invalid_grant", "AADSTS50034").await;
    check(&[("login_hint", "carol@fabrikam.example")], "invalid_grant", "AADSTS50034").await;
    check(&[("scope", "api://payroll/read"), ("prompt", "none")], "consent_required", "AADSTS65001").await;
}

#[tokio::test]
async fn signing_in_accepts_and_earns_what_was_asked() {
    let kit = Kit::new();
    let alice = kit.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    assert_eq!(kit.on_behalf_of(&alice, "api://payroll/read").await.refusal().2, 65001);
    let consented = code(&kit, &[("scope", "api://payroll/read")]).await;
    assert_eq!(redeem(&kit, &consented, &[("scope", "api://payroll/read")]).await.status, 200);
    assert_eq!(kit.on_behalf_of(&alice, "api://payroll/read").await.status, 200);
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let safe = [("scope", "api://safe/open")];
    let plain = code(&kit, &safe).await;
    assert_eq!(redeem(&kit, &plain, &safe).await.refusal(), refused(400, "interaction_required", 50076));
    let earned = code(&kit, &[safe[0], ("claims", claims)]).await;
    assert_eq!(redeem(&kit, &earned, &safe).await.claims()["acrs"], json!(["c1"]));
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_session_its_time_and_its_client() {
    let kit = Kit::new();
    let answer = redeem(&kit, &code(&kit, &[]).await, &[]).await;
    let token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&kit, "1.Rnonsense", SCOPE).await.refusal(), refused(400, "invalid_grant", 70000));
    let other = kit
        .token(&[
            ("grant_type", "refresh_token"),
            ("client_id", ids::DAEMON),
            ("client_secret", ids::DAEMON_SECRET),
            ("refresh_token", &token),
        ])
        .await;
    assert_eq!(other.refusal(), refused(400, "invalid_grant", 70000));
    assert_eq!(refresh(&kit, &token, "api://payroll/read").await.refusal().2, 65001);
    assert_eq!(refresh(&kit, &token, SCOPE).await.status, 200);
    kit.emulator.end_sessions("alice");
    assert_eq!(refresh(&kit, &token, SCOPE).await.refusal(), refused(400, "invalid_grant", 50173));
    kit.emulator.clock().advance(Duration::from_secs(1));
    let again = redeem(&kit, &code(&kit, &[]).await, &[]).await;
    let token = again.json()["refresh_token"].as_str().unwrap().to_owned();
    kit.emulator.clock().advance(Duration::from_secs(90 * 24 * 3600));
    assert_eq!(refresh(&kit, &token, SCOPE).await.refusal(), refused(400, "invalid_grant", 700_082));
}

#[tokio::test]
async fn answers_come_back_as_the_client_wants_them() {
    let kit = Kit::new();
    let fragment = authorize(&kit, &[("response_mode", "fragment")]).await;
    let location = fragment.headers["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{REDIRECT}#code=")), "{location}");
    let posted = authorize(&kit, &[("response_mode", "form_post"), ("state", r#"<"'>"#)]).await;
    assert!(
        posted.status == 200 && posted.text.contains(r#"name="state" value="&lt;&quot;&#39;&gt;""#),
        "{}",
        posted.text
    );
    let out =
        format!("/{}/oauth2/v2.0/logout?post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Fbye", ids::TENANT);
    assert_eq!(kit.get(&out).await.headers["location"], "http://localhost/bye");
}

#[tokio::test]
async fn the_page_asks_who_signs_in_and_whether_to_accept() {
    let kit = Kit::with(Emulator::builder().sign_in_page());
    let page = authorize(&kit, &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Maeve O&#39;Brien") && page.text.contains("<code>api://orders/read</code>"));
    assert!(!page.text.contains(ids::AGENT_USER));
    let decide = async |form: String| {
        let url = format!("{}/oauth2/v2.0/authorize?{}", kit.emulator.authority(ids::TENANT), query(&[]));
        let request = kit.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(form).send().await.unwrap()).await
    };
    let accepted = decide(format!("user={}&decision=accept", ids::BOB)).await;
    let code = sent_back(&accepted, "code").unwrap();
    assert_eq!(redeem(&kit, &code, &[]).await.claims()["oid"], ids::BOB);
    assert_eq!(sent_back(&decide("decision=deny".into()).await, "error").as_deref(), Some("access_denied"));
}
