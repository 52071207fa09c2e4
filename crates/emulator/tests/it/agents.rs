//! Agents: the two legs of an agent's app token, the three of its user, and on behalf of a person.

use std::time::Duration;

use entra_emulator::{Endpoint, ids};
use serde_json::json;

use crate::kit::{Answer, EXCHANGE, GRAPH, JWT_BEARER, Kit, OBO, ORDERS, refused};

/// Leg one: the blueprint's token for one of its agents.
async fn blueprint_for(kit: &Kit, agent: &str) -> Answer {
    kit.token(&[
        ("grant_type", "client_credentials"),
        ("client_id", ids::BLUEPRINT),
        ("client_secret", ids::BLUEPRINT_SECRET),
        ("scope", EXCHANGE),
        ("client_info", "2"),
        ("fmi_path", agent),
    ])
    .await
}

async fn as_agent(kit: &Kit, agent: &str, leg_one: &str, rest: &[(&str, &str)]) -> Answer {
    let mut fields =
        vec![("client_id", agent), ("client_assertion_type", JWT_BEARER), ("client_assertion", leg_one)];
    fields.extend_from_slice(rest);
    kit.token(&fields).await
}

async fn agent_app(kit: &Kit, agent: &str, leg_one: &str, scope: &str) -> Answer {
    as_agent(kit, agent, leg_one, &[("grant_type", "client_credentials"), ("scope", scope)]).await
}

async fn agent_user(kit: &Kit, leg_one: &str, leg_two: &str, user: &[(&str, &str)]) -> Answer {
    let mut rest = vec![
        ("grant_type", "user_fic"),
        ("user_federated_identity_credential", leg_two),
        ("scope", "https://graph.microsoft.com/.default openid offline_access profile"),
        ("client_info", "1"),
    ];
    rest.extend_from_slice(user);
    as_agent(kit, ids::AGENT, leg_one, &rest).await
}

#[tokio::test]
async fn an_agent_speaks_for_itself_in_two_legs() {
    let kit = Kit::new();
    let leg_one = blueprint_for(&kit, ids::AGENT).await;
    let first = leg_one.claims();
    assert_eq!(
        (&first["aud"], &first["azp"]),
        (&json!("fb60f99c-7a34-4190-8149-302f77469936"), &json!(ids::BLUEPRINT))
    );
    assert!(first["sub"].as_str().unwrap().ends_with(&format!("/{}", ids::AGENT)));
    let second = agent_app(&kit, ids::AGENT, &leg_one.access_token(), ORDERS).await.claims();
    assert_eq!((&second["azp"], &second["azpacr"]), (&json!(ids::AGENT), &json!("2")));
    assert_eq!(second["xms_par_app_azp"], ids::BLUEPRINT);
    // Its blueprint's role and its own.
    assert_eq!(second["roles"], json!(["Orders.Read.All", "Orders.Write.All"]));
    let legs: Vec<_> = kit.emulator.log().entries().into_iter().map(|entry| entry.leg.unwrap()).collect();
    assert_eq!(legs, ["blueprint for agent-one", "agent's app token"]);
}

#[tokio::test]
async fn an_agent_gets_its_users_token_in_three_legs() {
    let kit = Kit::new();
    let leg_one = blueprint_for(&kit, ids::AGENT).await.access_token();
    let leg_two = agent_app(&kit, ids::AGENT, &leg_one, EXCHANGE).await.access_token();
    for user in [("username", "AGENT-ONE.user@contoso.example"), ("user_id", ids::AGENT_USER)] {
        let answer = agent_user(&kit, &leg_one, &leg_two, &[user]).await;
        let claims = answer.claims();
        assert_eq!((&claims["oid"], &claims["appid"]), (&json!(ids::AGENT_USER), &json!(ids::AGENT)));
        assert_eq!(
            (&claims["scp"], &claims["xms_par_app_azp"]),
            (&json!("Mail.Read User.Read"), &json!(ids::BLUEPRINT))
        );
        assert!(claims["xms_sub_fct"].as_str().unwrap().split(' ').any(|facet| facet == "13"));
        let refresh_token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
        let renewed = as_agent(
            &kit,
            ids::AGENT,
            &leg_one,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh_token),
                ("scope", "api://orders/read"),
            ],
        )
        .await;
        assert_eq!(renewed.claims()["oid"], ids::AGENT_USER);
    }
    let log = kit.emulator.log().to_string();
    for leg in ["blueprint for agent-one", "agent's exchange token", "agent's user", "refresh token"] {
        assert!(log.contains(leg), "{log}");
    }
    assert_eq!(kit.emulator.log().count(|entry| entry.endpoint == Endpoint::Token), 6);
}

#[tokio::test]
async fn an_agent_acts_on_behalf_of_a_person() {
    let kit = Kit::new();
    let leg_one = blueprint_for(&kit, ids::AGENT).await.access_token();
    let alice = kit.emulator.user_token("alice", &format!("api://{}/access_agent", ids::BLUEPRINT));
    let fields = |assertion| {
        [
            ("grant_type", OBO),
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "api://orders/read"),
        ]
    };
    let claims = as_agent(&kit, ids::AGENT, &leg_one, &fields(&alice)).await.claims();
    assert_eq!((&claims["oid"], &claims["azp"]), (&json!(ids::ALICE), &json!(ids::AGENT)));
    assert_eq!(claims["xms_par_app_azp"], ids::BLUEPRINT);
    assert!(!claims["xms_sub_fct"].as_str().unwrap().split(' ').any(|facet| facet == "13"));
    let for_another = kit.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    let answer = as_agent(&kit, ids::AGENT, &leg_one, &fields(&for_another)).await;
    assert_eq!(answer.refusal(), refused(400, "invalid_grant", 500_131));
}

#[tokio::test]
async fn a_leg_serves_only_its_own_agent_tenant_and_time() {
    let kit = Kit::new();
    let leg_one = blueprint_for(&kit, ids::AGENT).await.access_token();
    let stranger = "00000000-1111-4222-8333-444444444444";
    for not_a_child in [stranger, ids::DAEMON, "agent-one"] {
        assert_eq!(blueprint_for(&kit, not_a_child).await.refusal(), refused(401, "invalid_client", 700_213));
    }
    // A client that is no blueprint has no agents.
    let daemon = [
        ("grant_type", "client_credentials"),
        ("client_id", ids::DAEMON),
        ("client_secret", ids::DAEMON_SECRET),
        ("scope", EXCHANGE),
        ("fmi_path", ids::AGENT),
    ];
    assert_eq!(kit.token(&daemon).await.refusal().2, 700_213);
    let wrong_agent = agent_app(&kit, ids::OTHER_AGENT, &leg_one, GRAPH).await;
    assert_eq!(wrong_agent.refusal(), refused(401, "invalid_client", 700_213));
    let not_for_exchange = kit.emulator.app_token("assistant-blueprint", "api://orders");
    assert_eq!(agent_app(&kit, ids::AGENT, &not_for_exchange, GRAPH).await.refusal().2, 700_212);
    // The blueprint's own exchange token, without the agent in it.
    let no_path = kit.emulator.app_token("assistant-blueprint", "api://AzureADTokenExchange");
    assert_eq!(agent_app(&kit, ids::AGENT, &no_path, GRAPH).await.refusal().2, 700_213);
    let forged = kit.emulator.mint().app("assistant-blueprint").resource("api://AzureADTokenExchange");
    assert_eq!(
        agent_app(&kit, ids::AGENT, &forged.signed_by_a_stranger().build(), GRAPH).await.refusal().2,
        700_027
    );
    kit.emulator.edit(|directory| {
        for app in ["assistant-blueprint", "agent-one"] {
            directory.app_mut(app).unwrap().multi_tenant = true;
        }
    });
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", ids::AGENT),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", leg_one.as_str()),
        ("scope", GRAPH),
    ];
    let elsewhere = kit.token_in(ids::OTHER_TENANT, &fields).await;
    assert_eq!(elsewhere.refusal(), refused(401, "invalid_client", 700_211));
    kit.emulator.clock().advance(Duration::from_secs(3600 + 300));
    assert_eq!(kit.token(&fields).await.refusal(), refused(401, "invalid_client", 700_024));
}

#[tokio::test]
async fn a_users_leg_needs_the_right_user_and_the_right_second_leg() {
    let kit = Kit::new();
    let leg_one = blueprint_for(&kit, ids::AGENT).await.access_token();
    let leg_two = agent_app(&kit, ids::AGENT, &leg_one, EXCHANGE).await.access_token();
    let check = async |leg_two: &str, user: &[(&str, &str)], error: &str, number| {
        assert_eq!(
            agent_user(&kit, &leg_one, leg_two, user).await.refusal(),
            refused(400, error, number),
            "{user:?}"
        );
    };
    check(&leg_two, &[], "invalid_request", 900_144).await;
    check(
        &leg_two,
        &[("username", "x@contoso.example"), ("user_id", ids::AGENT_USER)],
        "invalid_grant",
        50000,
    )
    .await;
    check(&leg_two, &[("username", "nobody@contoso.example")], "invalid_grant", 50034).await;
    check(&leg_two, &[("username", ids::MAEVE_UPN)], "invalid_grant", 50000).await;
    let user = [("user_id", ids::AGENT_USER)];
    assert_eq!(agent_user(&kit, &leg_one, &leg_one, &user).await.refusal().2, 700_213);
    let other_audience = agent_app(&kit, ids::AGENT, &leg_one, GRAPH).await.access_token();
    check(&other_audience, &user, "invalid_grant", 500_131).await;
    check("opaque", &user, "invalid_request", 50027).await;
}

#[tokio::test]
async fn an_agent_has_no_secret_and_a_blueprint_may_be_kept_from_speaking_for_itself() {
    let kit = Kit::new();
    let secret = [
        ("grant_type", "client_credentials"),
        ("client_id", ids::AGENT),
        ("client_secret", ids::BLUEPRINT_SECRET),
        ("scope", GRAPH),
    ];
    assert_eq!(kit.token(&secret).await.refusal(), refused(401, "invalid_client", 7_000_215));
    kit.emulator.edit(|directory| directory.app_mut("assistant-blueprint").unwrap().app_tokens = false);
    let own = [
        ("grant_type", "client_credentials"),
        ("client_id", ids::BLUEPRINT),
        ("client_secret", ids::BLUEPRINT_SECRET),
        ("scope", GRAPH),
    ];
    assert_eq!(kit.token(&own).await.refusal(), refused(400, "unauthorized_client", 82001));
    assert_eq!(blueprint_for(&kit, ids::AGENT).await.status, 200);
}
