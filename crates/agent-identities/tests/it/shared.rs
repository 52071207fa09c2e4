//! Agents on several instances that share a store: legs and tokens that one fetched serve on all.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, Environment, TokenRequest,
    testing::{MemoryStore, share},
};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_emulator::ids;
use entra_token_acquisition::{AnsweredBy, TokenAcquirer};

use crate::kit::{GRAPH, Kit, ORDERS, READ, SECOND_USER, SECOND_USER_UPN, as_user, claims, scopes};

fn instance(kit: &Kit, store: &Arc<MemoryStore>) -> AgentIdentities {
    let blueprint = TokenAcquirer::builder(kit.application().build().unwrap())
        .clock(Arc::clone(&kit.clock) as Arc<_>)
        .environment(Environment::empty())
        .retry_delay(Duration::ZERO)
        .store(share(Arc::clone(store) as Arc<_>));
    AgentIdentities::new(blueprint.build().unwrap())
}

#[tokio::test]
async fn legs_and_tokens_serve_on_every_instance() {
    let kit = Kit::new();
    let store = Arc::new(MemoryStore::new(Arc::clone(&kit.clock) as Arc<_>));
    let (one, other) = (instance(&kit, &store), instance(&kit, &store));
    let as_agent = |text: &str| TokenRequest::as_app(scopes(text)).with_agent_identity(ids::AGENT);
    let first = one.acquire(&as_agent(ORDERS)).await.unwrap();
    let user = one.acquire(&as_user(GRAPH, ids::AGENT_USER_UPN)).await.unwrap();
    one.blueprint().settled().await;
    assert_eq!(kit.legs().len(), 4, "two legs each, the first of them shared, and the user's own");

    assert_eq!(other.acquire(&as_agent(ORDERS)).await.unwrap().secret().expose(), first.secret().expose());
    let found = other.acquire(&as_user(GRAPH, ids::AGENT_USER_UPN)).await.unwrap();
    assert_eq!(found.secret().expose(), user.secret().expose());
    assert!(kit.legs().is_empty(), "Entra is not asked again");

    // Of a new scope only the last leg is missing, and a refresh token makes that.
    other.acquire(&as_user(READ, ids::AGENT_USER_UPN)).await.unwrap();
    assert_eq!(kit.legs(), ["refresh token"]);
    let second = other.acquire(&as_user(GRAPH, SECOND_USER_UPN)).await.unwrap();
    assert_eq!(
        (claims(&second)["oid"].as_str(), kit.legs()),
        (Some(SECOND_USER), vec!["agent's user".into()])
    );

    let cold = instance(&kit, &store);
    let explained = cold.explain_with_store(&as_user(GRAPH, ids::AGENT_USER_UPN)).await;
    let by = explained.legs.iter().chain([&explained]).map(|explained| explained.answered_by);
    assert!(by.eq([Some(AnsweredBy::Store); 3]), "{explained}");
    assert!(cold.explain(&as_agent(GRAPH)).legs[0].answered_by == Some(AnsweredBy::Entra));

    store.go_away();
    instance(&kit, &store).acquire(&as_user(GRAPH, ids::AGENT_USER_UPN)).await.unwrap();
    assert_eq!(kit.legs().len(), 3, "without the store it is as without any");
}
