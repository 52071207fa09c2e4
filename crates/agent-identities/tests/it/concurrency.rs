//! Many callers of few agents.

use entra_abstractions::{AcquireToken, Claims, TokenRequest};
use entra_agent_identities::WithAgentIdentity;
use entra_emulator::ids;
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::kit::{GRAPH, Kit, ORDERS, READ, SECOND_USER_UPN, as_user, at_once, scopes};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_warm_callers_of_one_agent_make_no_request() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let requests = [
        TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT),
        TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")).with_agent_identity(ids::AGENT),
        as_user(GRAPH, ids::AGENT_USER_UPN),
    ];
    for request in &requests {
        tokens.acquire(request).await.unwrap();
    }
    kit.emulator.log().clear();
    let mut callers = JoinSet::new();
    for index in 0..200 {
        let (tokens, request) = (tokens.clone(), requests[index % requests.len()].clone());
        callers.spawn(async move {
            for _ in 0..50 {
                tokens.acquire(&request).now().unwrap().unwrap();
            }
        });
    }
    callers.join_all().await;
    assert_eq!(kit.legs().len(), 0);
}

#[tokio::test]
async fn two_hundred_cold_callers_share_each_leg() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let requests = [
        as_user(GRAPH, ids::AGENT_USER_UPN),
        as_user(GRAPH, SECOND_USER_UPN),
        TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT),
    ];
    let callers = requests.iter().cycle().take(200).map(|request| tokens.acquire(request));
    assert!(join_all(callers).await.iter().all(Result::is_ok));
    let mut legs = kit.legs();
    legs.sort();
    assert_eq!(
        legs,
        [
            "agent's app token",
            "agent's exchange token",
            "agent's user",
            "agent's user",
            "blueprint for agent-one"
        ]
    );
}

#[tokio::test]
async fn a_thousand_who_were_refused_an_agents_token_ask_once() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let challenge = r#"{"access_token":{"nbf":{"essential":true,"value":"1796083100"}}}"#;
    let alice = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    for request in [
        TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT),
        alice.with_agent_identity(ids::AGENT),
        as_user(READ, ids::AGENT_USER_UPN),
    ] {
        let old = tokens.acquire(&request).await.unwrap();
        kit.legs();
        let challenged = request.clone().claims(Claims::new(challenge).unwrap()).replacing(old.to_hash());
        let news = join_all((0..1_000).map(|_| tokens.acquire(&challenged))).await;
        let new = news[0].as_ref().unwrap();
        assert_ne!(new.secret(), old.secret());
        assert_eq!(at_once(&tokens, &challenged).secret(), new.secret());
        assert_eq!(at_once(&tokens, &request).secret(), new.secret(), "it took the place of the old one");
        assert_eq!(kit.legs().len(), 1, "{request:?}");
    }
}

#[test]
fn a_warm_agent_allocates_nothing() {
    let kit = Kit::new();
    let tokens = kit.agents();
    let requests = [
        TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT),
        TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")).with_agent_identity(ids::AGENT),
        as_user(GRAPH, ids::AGENT_USER_UPN),
        as_user(GRAPH, ids::AGENT_USER),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for request in &requests {
        runtime.block_on(tokens.acquire(request)).unwrap();
        let warm = || drop(tokens.acquire(request).now().unwrap().unwrap().authorization_header());
        warm();
        let counted = allocation_counter::measure(warm);
        assert_eq!(counted.count_total, 0, "{:?}", request.subject);
    }
}
