//! An agent on behalf of a person.

use entra_abstractions::{AcquireToken, AgentId, LostSession, SessionKey, TokenRequest};
use entra_agent_identities::WithAgentIdentity;
use entra_emulator::{Fault, ids};

use crate::kit::{Kit, READ, at_once, claims, scopes};

#[tokio::test]
async fn an_agent_acts_for_the_person_who_called() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let (alice, bob) = (kit.caller("alice"), kit.caller("bob"));
    let request = TokenRequest::on_behalf_of(scopes(READ), &alice).with_agent_identity(ids::AGENT);
    let token = tokens.acquire(&request).await.unwrap();
    let found = claims(&token);
    assert_eq!((&found["oid"], &found["azp"]), (&ids::ALICE.into(), &ids::AGENT.into()));
    assert_eq!(kit.sent()[1].scope.as_deref(), Some("api://orders/read openid profile offline_access"));
    assert_eq!(kit.legs(), ["blueprint for agent-one", "agent on behalf of a user"]);
    assert_eq!(at_once(&tokens, &request).secret(), token.secret());

    let of_bob = TokenRequest::on_behalf_of(scopes(READ), &bob).with_agent_identity(ids::AGENT);
    assert_eq!(claims(&tokens.acquire(&of_bob).await.unwrap())["oid"], ids::BOB);
    assert_eq!(kit.legs(), ["agent on behalf of a user"], "both persons share leg one");

    let by_another = TokenRequest::on_behalf_of(scopes(READ), &alice).with_agent_identity(ids::OTHER_AGENT);
    assert_eq!(claims(&tokens.acquire(&by_another).await.unwrap())["azp"], ids::OTHER_AGENT);
    assert_eq!(kit.legs().len(), 2);
    // Without the agent it is the blueprint itself that acts.
    let plain = TokenRequest::on_behalf_of(scopes(READ), &alice);
    assert_eq!(claims(&tokens.acquire(&plain).await.unwrap())["azp"], ids::BLUEPRINT);
}

#[tokio::test]
async fn an_agents_session_outlives_the_call_and_is_its_own() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let key = SessionKey::allocate();
    let alice = kit.caller("alice");
    let begin = TokenRequest::on_behalf_of(scopes(READ), &alice).with_agent_identity(ids::AGENT);
    tokens.acquire(&begin.keep_as(key.clone())).await.unwrap();
    kit.advance(3_700);
    let later = TokenRequest::for_session(scopes(READ), &key);
    let by_agent = later.clone().with_agent_identity(ids::AGENT);
    let found = claims(&tokens.acquire(&by_agent).await.unwrap());
    assert_eq!((&found["oid"], &found["azp"]), (&ids::ALICE.into(), &ids::AGENT.into()));

    // Neither the blueprint nor another agent finds it, nor ends it.
    for request in [later.clone(), later.with_agent_identity(ids::OTHER_AGENT)] {
        let error = tokens.acquire(&request).await.unwrap_err();
        assert_eq!(error.challenge().unwrap().lost_session(), Some(LostSession::NotKept), "{error}");
    }
    assert!(!tokens.blueprint().end_session(&key).await.unwrap());
    at_once(&tokens, &by_agent);
    let agent = AgentId::new(ids::AGENT).unwrap();
    assert!(tokens.end_session(&agent, &key).await.unwrap());
    let error = tokens.acquire(&by_agent).await.unwrap_err();
    assert_eq!(error.challenge().unwrap().lost_session(), Some(LostSession::NotKept));
}

#[tokio::test]
async fn an_error_says_which_leg_failed_and_who_must_act() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let alice = kit.caller("alice");
    let payroll =
        TokenRequest::on_behalf_of(scopes("api://payroll/read"), &alice).with_agent_identity(ids::AGENT);
    let error = tokens.acquire(&payroll).await.unwrap_err();
    assert!(error.challenge().unwrap().is_consent_required());
    let leg = format!("leg two: agent {} asks on behalf of a user", ids::AGENT);
    assert_eq!(error.exchange().unwrap().leg(), Some(&*leg));

    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    kit.emulator.faults().add(Fault::challenge(claims).leg("on behalf"));
    let error = tokens.acquire(&payroll).await.unwrap_err();
    assert_eq!(error.challenge().unwrap().claims().unwrap().as_str(), claims);

    // Where the blueprint is refused, no user can mend it.
    let tokens = kit.agents();
    kit.emulator.faults().add(Fault::refuse(7_000_222, "invalid_client").leg("blueprint"));
    let error = tokens.acquire(&payroll).await.unwrap_err();
    assert!(error.challenge().is_none() && error.exchange().unwrap().leg().unwrap().starts_with("leg one"));
}
