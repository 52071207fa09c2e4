//! An agent's own user account: three legs cold, none warm, one after the token's end.

use entra_abstractions::{
    AcquireToken, AgentUser, Claims, CorrelationId, TenantId, TokenError, TokenRequest,
};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_emulator::{Fault, Grant, ids};
use entra_token_acquisition::TOKEN_EXCHANGE_SCOPE;
use serde_json::{Value, json};

use crate::kit::{GRAPH, Kit, ORDERS, READ, SECOND_USER, SECOND_USER_UPN, as_user, at_once, claims, scopes};

const ALL: [&str; 3] = ["blueprint for agent-one", "agent's exchange token", "agent's user"];

/// Fetches the legs with a long life, so that they outlive the users' tokens.
async fn with_long_legs(kit: &Kit, tokens: &AgentIdentities) {
    kit.emulator.edit(|directory| directory.lifetimes.access_token = 86_400);
    let legs = TokenRequest::as_app(scopes(TOKEN_EXCHANGE_SCOPE)).with_agent_identity(ids::AGENT);
    tokens.acquire(&legs).await.unwrap();
    kit.emulator.edit(|directory| directory.lifetimes.access_token = 3_599);
    kit.emulator.log().clear();
}

#[tokio::test]
async fn three_requests_cold_and_none_warm() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    let token = tokens.acquire(&request).await.unwrap();
    let found = claims(&token);
    assert_eq!((&found["oid"], &found["appid"]), (&ids::AGENT_USER.into(), &ids::AGENT.into()));
    assert_eq!(token.account().unwrap().uid(), ids::AGENT_USER);
    let last = &kit.sent()[2];
    assert_eq!(last.grant, Some(Grant::UserFic));
    assert_eq!(
        last.scope.as_deref(),
        Some("https://graph.microsoft.com/.default openid profile offline_access")
    );
    assert_eq!(last.header("x-anchormailbox"), Some("upn:agent-one.user@contoso.example"));
    assert_eq!(kit.legs(), ALL);
    for _ in 0..10 {
        assert_eq!(at_once(&tokens, &request).secret(), token.secret());
    }
    assert_eq!(kit.legs().len(), 0);
}

#[tokio::test]
async fn a_user_is_named_by_upn_or_by_object_id() {
    let kit = Kit::new();
    let tokens = kit.agents();
    assert_eq!(claims(&tokens.acquire(&as_user(ORDERS, SECOND_USER_UPN)).await.unwrap())["oid"], SECOND_USER);
    kit.emulator.log().clear();
    assert_eq!(claims(&tokens.acquire(&as_user(ORDERS, SECOND_USER)).await.unwrap())["oid"], SECOND_USER);
    let sent = kit.sent();
    assert_eq!(sent[0].field("user_id"), Some(SECOND_USER));
    assert!(sent[0].field("username").is_none());
    assert_eq!(sent[0].header("x-anchormailbox"), Some(&*format!("oid:{SECOND_USER}@{}", ids::TENANT)));

    // An explicit name is left as it is, even where it looks like an id.
    let agent = ids::AGENT.try_into().unwrap();
    let named = TokenRequest::as_agent_user(scopes(ORDERS), agent, AgentUser::upn(SECOND_USER).unwrap());
    let error = tokens.acquire(&named).await.unwrap_err();
    assert_eq!(error.exchange().unwrap().aadsts(), [50_034]);
    assert!(kit.sent().last().unwrap().field("user_id").is_none());
}

#[tokio::test]
async fn two_users_share_the_legs() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let one = tokens.acquire(&as_user(GRAPH, ids::AGENT_USER_UPN)).await.unwrap();
    assert_eq!(kit.legs(), ALL);
    let two = tokens.acquire(&as_user(GRAPH, SECOND_USER_UPN)).await.unwrap();
    assert_eq!(kit.legs(), ["agent's user"]);
    assert_eq!((&claims(&one)["oid"], &claims(&two)["oid"]), (&ids::AGENT_USER.into(), &SECOND_USER.into()));
    assert_eq!(at_once(&tokens, &as_user(GRAPH, ids::AGENT_USER_UPN)).secret(), one.secret());
}

#[tokio::test]
async fn an_ended_token_is_renewed_by_the_refresh_token() {
    let kit = Kit::new();
    let tokens = kit.agents();
    with_long_legs(&kit, &tokens).await;
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    let old = tokens.acquire(&request).await.unwrap();
    assert_eq!(kit.legs(), ["agent's user"]);
    kit.advance(3_600);
    let new = tokens.acquire(&request).await.unwrap();
    assert_ne!(new.secret(), old.secret());
    let sent = kit.sent();
    assert_eq!((sent.len(), sent[0].grant), (1, Some(Grant::RefreshToken)));
    assert_eq!(sent[0].header("x-anchormailbox"), Some(&*format!("oid:{}@{}", ids::AGENT_USER, ids::TENANT)));
    kit.emulator.log().clear();
    // The same refresh token opens another API, and no other user's.
    tokens.acquire(&as_user(READ, ids::AGENT_USER_UPN)).await.unwrap();
    assert_eq!(kit.legs(), ["refresh token"]);
    tokens.acquire(&as_user(READ, SECOND_USER_UPN)).await.unwrap();
    assert_eq!(kit.legs(), ["agent's user"]);
}

#[tokio::test]
async fn an_aging_token_is_renewed_behind_its_callers() {
    let kit = Kit::new();
    let tokens = kit.agents();
    with_long_legs(&kit, &tokens).await;
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    let old = tokens.acquire(&request).await.unwrap();
    kit.emulator.log().clear();
    kit.advance(2_800);
    for _ in 0..50 {
        assert_eq!(at_once(&tokens, &request).secret(), old.secret());
    }
    tokens.blueprint().settled().await;
    assert_eq!(kit.legs(), ["refresh token"]);
    assert_ne!(at_once(&tokens, &request).secret(), old.secret());
}

#[tokio::test]
async fn a_refused_refresh_token_gives_way_to_federation() {
    let kit = Kit::new();
    let tokens = kit.agents();
    with_long_legs(&kit, &tokens).await;
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    tokens.acquire(&request).await.unwrap();
    kit.emulator.end_sessions(ids::AGENT_USER_UPN);
    kit.emulator.log().clear();
    kit.advance(3_600);
    tokens.acquire(&request).await.unwrap();
    assert_eq!(kit.legs(), ["refresh token", "agent's user"]);
    kit.advance(3_600);
    tokens.acquire(&request).await.unwrap();
    assert_eq!(kit.legs(), ["refresh token"], "the new refresh token serves");
}

#[tokio::test]
async fn an_outage_is_not_answered_by_federation() {
    let kit = Kit::new();
    let tokens = kit.agents();
    with_long_legs(&kit, &tokens).await;
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    tokens.acquire(&request).await.unwrap();
    kit.emulator.log().clear();
    kit.advance(3_600);
    kit.emulator.faults().add(Fault::throttle(std::time::Duration::from_secs(9)).grant(Grant::RefreshToken));
    assert!(tokens.acquire(&request).await.unwrap_err().is_unavailable());
    assert_eq!(kit.legs(), ["refresh token"]);
    kit.advance(9);
    tokens.acquire(&request).await.unwrap();
}

#[tokio::test]
async fn a_forced_refresh_skips_the_refresh_token() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    let old = tokens.acquire(&request).await.unwrap();
    kit.emulator.log().clear();
    let new = tokens.acquire(&request.clone().force_refresh()).await.unwrap();
    assert_eq!(kit.legs(), ["agent's user"], "forced is the last leg only");
    assert_ne!(old.secret(), new.secret());
    assert_eq!(at_once(&tokens, &request).secret(), new.secret());
}

#[tokio::test]
async fn tenant_correlation_id_and_capabilities_go_to_every_leg_and_claims_to_the_last() {
    let kit = Kit::new();
    let tokens = kit.of(kit.application().tenant("organizations").capability("cp1"));
    let (id, tenant) = (CorrelationId::random(), TenantId::new("contoso.example").unwrap());
    let challenge = Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap();
    let request = as_user(GRAPH, ids::AGENT_USER_UPN).tenant(tenant).correlation_id(id);
    tokens.acquire(&request.clone().claims(challenge.clone())).await.unwrap();
    let sent = kit.sent();
    assert!(sent.iter().all(|leg| leg.correlation_id == id.to_string()));
    assert!(sent.iter().all(|leg| leg.tenant.as_deref() == Some("contoso.example")));
    let asked: Vec<Value> =
        sent.iter().map(|leg| serde_json::from_str(leg.field("claims").unwrap()).unwrap()).collect();
    let capability = json!({ "access_token": { "xms_cc": { "values": ["cp1"] } } });
    let both = json!({ "access_token": { "nbf": { "essential": true }, "xms_cc": { "values": ["cp1"] } } });
    assert_eq!(asked, [capability.clone(), capability, both.clone()]);
    kit.emulator.log().clear();

    // A later challenge goes to the refresh token, with what it asks.
    tokens.acquire(&request.clone().claims(challenge)).await.unwrap();
    let sent = kit.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(sent[0].field("claims").unwrap()).unwrap(), both);
    at_once(&tokens, &request);
}

#[tokio::test]
async fn an_error_says_which_leg_failed_and_for_whom() {
    let kit = Kit::new();
    for (leg, says) in [
        ("blueprint for", "leg one: the blueprint vouches for agent"),
        ("exchange token", "leg two: agent"),
        ("agent's user", "leg three: agent"),
    ] {
        let tokens = kit.agents();
        kit.emulator.faults().add(Fault::refuse(50_000, "invalid_request").leg(leg));
        let id = CorrelationId::random();
        let request = as_user(GRAPH, ids::AGENT_USER_UPN).correlation_id(id);
        let error = tokens.acquire(&request).await.unwrap_err();
        let exchange = error.exchange().unwrap();
        assert!(exchange.leg().is_some_and(|leg| leg.starts_with(says)), "{error}");
        assert!(error.to_string().contains(ids::AGENT) && exchange.correlation_id() == Some(id), "{error}");
        assert!(!error.to_string().contains(ids::AGENT_USER_UPN), "{error}");
        tokens.acquire(&request).await.unwrap();
    }
    // And where the refresh token's leg fails.
    let tokens = kit.agents();
    with_long_legs(&kit, &tokens).await;
    let request = as_user(GRAPH, ids::AGENT_USER_UPN);
    tokens.acquire(&request).await.unwrap();
    kit.advance(3_600);
    kit.emulator.faults().add(Fault::refuse(53_003, "access_denied").leg("refresh token"));
    let error = tokens.acquire(&request).await.unwrap_err();
    assert!(
        error.exchange().unwrap().leg().is_some_and(|leg| leg.starts_with("leg three: agent")),
        "{error}"
    );
}

#[tokio::test]
async fn a_strangers_user_is_refused() {
    let kit = Kit::new();
    let tokens = kit.agents();
    for (user, number) in [(ids::ALICE_UPN, 50_000), ("nobody@contoso.example", 50_034)] {
        let error = tokens.acquire(&as_user(GRAPH, user)).await.unwrap_err();
        assert_eq!(error.exchange().unwrap().aadsts(), [number]);
        assert!(matches!(error, TokenError::Rejected(_)), "nobody can sign in as an agent's user: {error}");
    }
    // The agent named is the one who asks, whoever called before.
    let other = TokenRequest::on_behalf_of(scopes(GRAPH), &kit.caller("alice"));
    let other = other.with_agent_user(ids::OTHER_AGENT, ids::AGENT_USER_UPN);
    assert_eq!(tokens.acquire(&other).await.unwrap_err().exchange().unwrap().aadsts(), [50_000]);
}

#[tokio::test]
async fn what_needs_consent_needs_it_by_federation_too() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let payroll = as_user("api://payroll/read", ids::AGENT_USER_UPN);
    tokens.acquire(&as_user(GRAPH, ids::AGENT_USER_UPN)).await.unwrap();
    kit.emulator.log().clear();
    for _ in 0..2 {
        assert!(tokens.acquire(&payroll).await.unwrap_err().exchange().unwrap().is_about_consent());
        assert_eq!(kit.legs(), ["refresh token"]);
    }
    let consent = entra_emulator::Consent::scopes("assistant-blueprint", "payroll", ["read"]);
    kit.emulator.edit(|directory| directory.consents.push(consent));
    tokens.acquire(&payroll).await.unwrap();
    assert_eq!(kit.legs(), ["refresh token"]);
}

#[tokio::test]
async fn a_throttled_user_stops_no_other() {
    let kit = Kit::new();
    let tokens = kit.agents();
    kit.emulator.faults().add(Fault::throttle(std::time::Duration::from_secs(60)).grant(Grant::UserFic));
    let first = as_user(GRAPH, ids::AGENT_USER_UPN);
    assert!(tokens.acquire(&first).await.unwrap_err().is_unavailable());
    tokens.acquire(&as_user(GRAPH, SECOND_USER_UPN)).await.unwrap();
    tokens.acquire(&as_user(READ, ids::AGENT_USER_UPN)).await.unwrap();
    kit.emulator.log().clear();
    let error = tokens.acquire(&first).await.unwrap_err();
    assert!(error.is_unavailable() && error.exchange().unwrap().leg().is_some(), "{error}");
    assert_eq!(kit.legs().len(), 0);
}
