//! An agent's own token: two legs, isolated from everybody else's.

use entra_abstractions::{
    AcquireToken, AgentId, AgentUser, Claims, CorrelationId, TenantId, TokenError, TokenRequest,
};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_emulator::{Fault, ids};
use entra_token_acquisition::AnsweredBy;
use serde_json::{Value, json};

use crate::kit::{GRAPH, Kit, ORDERS, SECOND_USER_UPN, at_once, claims, scopes};

const BOTH: [&str; 2] = ["blueprint for agent-one", "agent's app token"];

fn as_agent(text: &str) -> TokenRequest {
    TokenRequest::as_app(scopes(text)).with_agent_identity(ids::AGENT)
}

#[tokio::test]
async fn an_agent_speaks_for_itself() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let token = tokens.acquire(&as_agent(ORDERS)).await.unwrap();
    let found = claims(&token);
    assert_eq!((&found["azp"], &found["xms_par_app_azp"]), (&ids::AGENT.into(), &ids::BLUEPRINT.into()));
    let sent = kit.sent();
    assert_eq!(sent[0].field("fmi_path"), Some(ids::AGENT));
    assert_eq!(sent[0].scope.as_deref(), Some("api://AzureADTokenExchange/.default"));
    assert_eq!((sent[1].client_id.as_deref(), sent[1].field("fmi_path")), (Some(ids::AGENT), None));
    assert_eq!(sent[1].field("client_info"), Some("2"));
    assert_eq!(kit.legs(), BOTH);

    assert_eq!(at_once(&tokens, &as_agent(ORDERS)).secret(), token.secret());
    tokens.acquire(&as_agent(GRAPH)).await.unwrap();
    assert_eq!(kit.legs(), ["agent's app token"], "leg one serves any API");
}

#[tokio::test]
async fn an_explanation_goes_through_the_legs() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let request = as_agent(ORDERS);
    let cold = tokens.explain(&request);
    assert_eq!((cold.answered_by, cold.legs.len()), (Some(AnsweredBy::Entra), 1), "{cold}");
    assert_eq!(kit.sent().len(), 0, "nothing is asked");

    tokens.acquire(&request).await.unwrap();
    let warm = tokens.explain(&request);
    assert_eq!((warm.answered_by, warm.client.as_str()), (Some(AnsweredBy::Memory), ids::AGENT), "{warm}");
    let leg = &warm.legs[0];
    assert_eq!((leg.answered_by, leg.client.as_str()), (Some(AnsweredBy::Memory), ids::BLUEPRINT), "{warm}");
    let next = tokens.explain(&as_agent(GRAPH));
    assert_eq!(
        (next.answered_by, next.legs[0].answered_by),
        (Some(AnsweredBy::Entra), Some(AnsweredBy::Memory))
    );

    let user = TokenRequest::as_agent_user(
        scopes(ORDERS),
        AgentId::new(ids::AGENT).unwrap(),
        AgentUser::upn(SECOND_USER_UPN).unwrap(),
    );
    let user = tokens.explain(&user);
    assert_eq!(user.legs.len(), 2, "{user}");
    assert!(!format!("{user} {user:?}").contains(SECOND_USER_UPN), "{user}");
}

#[tokio::test]
async fn agents_have_their_own_tokens() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let other = TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::OTHER_AGENT);
    let one = tokens.acquire(&as_agent(ORDERS)).await.unwrap();
    let two = tokens.acquire(&other).await.unwrap();
    assert_eq!((&claims(&one)["azp"], &claims(&two)["azp"]), (&ids::AGENT.into(), &ids::OTHER_AGENT.into()));
    assert_eq!(claims(&one)["roles"], json!(["Orders.Read.All", "Orders.Write.All"]));
    assert_eq!(claims(&two)["roles"], json!(["Orders.Read.All"]));
    assert_eq!(kit.legs().len(), 4, "what vouches for one agent vouches for no other");
    assert_eq!(at_once(&tokens, &as_agent(ORDERS)).secret(), one.secret());
    assert_eq!(at_once(&tokens, &other).secret(), two.secret());

    // Nor is an agent's token the blueprint's, which asks for itself and is refused.
    let error = tokens.acquire(&TokenRequest::as_app(scopes(ORDERS))).await.unwrap_err();
    assert_eq!(error.exchange().unwrap().aadsts(), [82_001]);
}

#[tokio::test]
async fn the_tenant_goes_to_every_leg() {
    let kit = Kit::new();
    kit.emulator.edit(|directory| {
        for app in ["assistant-blueprint", "agent-one"] {
            directory.app_mut(app).unwrap().multi_tenant = true;
        }
    });
    let tokens = kit.of(kit.application().tenant("common"));
    let (contoso, fabrikam) =
        (TenantId::new(ids::TENANT).unwrap(), TenantId::new(ids::OTHER_TENANT).unwrap());
    for tenant in [contoso, fabrikam] {
        let token = tokens.acquire(&as_agent(ORDERS).tenant(tenant.clone())).await.unwrap();
        assert_eq!(claims(&token)["tid"], tenant.as_str());
        let sent = kit.sent();
        assert_eq!(sent.len(), 2);
        assert!(sent.iter().all(|leg| leg.tenant.as_deref() == Some(tenant.as_str())));
        kit.emulator.log().clear();
    }
    let error = tokens.acquire(&as_agent(ORDERS)).await.unwrap_err();
    assert!(matches!(error, TokenError::Misconfigured(_)), "{error}");
    assert_eq!(kit.legs().len(), 0);
}

#[tokio::test]
async fn correlation_id_and_capabilities_go_to_every_leg_and_claims_to_the_last() {
    let kit = Kit::new();
    let tokens = kit.of(kit.application().capability("cp1"));
    let id = CorrelationId::random();
    let challenge = Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap();
    tokens.acquire(&as_agent(ORDERS).correlation_id(id).claims(challenge.clone())).await.unwrap();
    let sent = kit.sent();
    assert!(sent.iter().all(|leg| leg.correlation_id == id.to_string()));
    let sent: Vec<Value> =
        sent.iter().map(|leg| serde_json::from_str(leg.field("claims").unwrap()).unwrap()).collect();
    let capability = json!({ "access_token": { "xms_cc": { "values": ["cp1"] } } });
    let both = json!({ "access_token": { "nbf": { "essential": true }, "xms_cc": { "values": ["cp1"] } } });
    assert_eq!(sent, [capability, both]);
    kit.emulator.log().clear();

    tokens.acquire(&as_agent(ORDERS).claims(challenge)).await.unwrap();
    tokens.acquire(&as_agent(ORDERS).force_refresh()).await.unwrap();
    assert_eq!(kit.legs(), ["agent's app token", "agent's app token"], "leg one is as good as before");
}

#[tokio::test]
async fn an_error_says_which_leg_failed_and_for_whom() {
    let kit = Kit::new();
    for (leg, says) in [
        ("blueprint for", "leg one: the blueprint vouches for agent"),
        ("agent's app token", "leg two: agent c3d9e5f4-2e6a-4b33-8c8d-3f4a5b6c7d03 asks for its own token"),
    ] {
        let tokens = kit.agents();
        kit.emulator.faults().add(Fault::refuse(7_000_215, "invalid_client").leg(leg));
        let id = CorrelationId::random();
        let error = tokens.acquire(&as_agent(ORDERS).correlation_id(id)).await.unwrap_err();
        let exchange = error.exchange().unwrap();
        assert!(exchange.leg().is_some_and(|leg| leg.starts_with(says)), "{error}");
        assert!(error.to_string().contains(ids::AGENT) && exchange.correlation_id() == Some(id), "{error}");
        tokens.acquire(&as_agent(ORDERS)).await.unwrap();
    }
}

#[tokio::test]
async fn a_stranger_is_refused_by_the_blueprint() {
    let kit = Kit::new();
    let stranger = TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::DAEMON);
    let error = kit.agents().acquire(&stranger).await.unwrap_err();
    assert_eq!(error.exchange().unwrap().aadsts(), [700_213]);
    assert!(error.exchange().unwrap().leg().unwrap().starts_with("leg one"));
    assert_eq!(kit.legs().len(), 1, "nothing follows a leg that failed");
}

#[tokio::test]
async fn what_cannot_be_an_agents_request_is_not_sent() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let app = || TokenRequest::as_app(scopes(ORDERS));
    let refused = [
        (app().with_agent_identity(""), "the agent id is empty"),
        (app().with_agent_identity(" \t"), "the agent id is empty"),
        (app().with_agent_identity("<your-agent-identity>"), "placeholder"),
        (app().with_agent_identity("a/../b?x=1"), "characters that no agent id has"),
        (app().with_agent_user(ids::AGENT, ids::AGENT_USER_UPN), "an application's token was asked for"),
        (
            as_agent(ORDERS).with_agent_user(ids::AGENT, ids::AGENT_USER_UPN),
            "an application's token was asked for",
        ),
        (as_agent("api://orders/read"), "is not what an application can ask for"),
    ];
    for (request, says) in refused {
        let error = tokens.acquire(&request).await.unwrap_err();
        assert!(matches!(error, TokenError::Misconfigured(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(AgentId::new("").is_err());
    assert_eq!(kit.legs().len(), 0);
}

#[tokio::test]
async fn a_throttled_agent_stops_no_other() {
    let kit = Kit::new();
    let tokens = kit.agents();
    kit.emulator
        .faults()
        .add(Fault::throttle(std::time::Duration::from_secs(60)).leg("blueprint for agent-one"));
    assert!(tokens.acquire(&as_agent(ORDERS)).await.unwrap_err().is_unavailable());
    let other = TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::OTHER_AGENT);
    tokens.acquire(&other).await.unwrap();
    assert_eq!(kit.legs().len(), 3);
    assert!(
        tokens.acquire(&as_agent(GRAPH)).await.unwrap_err().is_unavailable(),
        "its leg one is told to wait"
    );
    assert_eq!(kit.legs().len(), 0);
    kit.advance(60);
    tokens.acquire(&as_agent(GRAPH)).await.unwrap();
}

#[tokio::test]
async fn an_agents_token_is_as_stable_as_any() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let old = tokens.acquire(&as_agent(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::status(503).always());
    for _ in 0..179 {
        kit.advance(20);
        assert_eq!(tokens.acquire(&as_agent(ORDERS)).await.unwrap().secret(), old.secret());
        tokens.blueprint().settled().await;
    }
    kit.emulator.faults().clear();
    kit.advance(20);
    assert_ne!(tokens.acquire(&as_agent(ORDERS)).await.unwrap().secret(), old.secret());
}

#[tokio::test]
async fn a_forgotten_agents_tokens_are_still_there() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let token = tokens.acquire(&as_agent(ORDERS)).await.unwrap();
    kit.emulator.log().clear();
    // Another that knows no agent yet, over the same blueprint.
    let anew = AgentIdentities::new(tokens.blueprint().clone());
    assert_eq!(at_once(&anew, &as_agent(ORDERS)).secret(), token.secret());
    assert_eq!(kit.legs().len(), 0);
}
