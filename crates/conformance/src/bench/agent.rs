//! An agent's own header, and that of its user.

use anyhow::Result;
use entra_abstractions::{AcquireToken, AgentId, AgentUser, TokenRequest};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_emulator::ids;
use foldhash::fast::RandomState;
use papaya::HashMap;

use super::{
    contest::{Contest, Threads},
    gate::Gate,
    stage::{Stage, header, scopes, warm},
    turns::{Op, op},
};

pub(super) async fn contests(stage: &Stage) -> Result<Vec<Contest>> {
    let blueprint = stage.acquirer(ids::BLUEPRINT, ids::BLUEPRINT_SECRET)?;
    let tokens = AgentIdentities::new(blueprint);
    let own = TokenRequest::as_app(scopes()?).with_agent_identity(ids::AGENT);
    let user = AgentUser::upn(ids::AGENT_USER_UPN)?;
    let of_user = TokenRequest::as_agent_user(scopes()?, AgentId::new(ids::AGENT)?, user);
    let mut contests = Vec::new();
    for (name, request) in [("agent", own), ("agent user", of_user)] {
        warm(&tokens, &request).await?;
        let tokens = tokens.clone();
        contests.push(Contest {
            name: name.to_owned(),
            threads: Threads::One,
            gate: Gate::At(200.0),
            goal: Gate::At(200.0),
            ours: op(move || header(tokens.acquire(&request))),
            floor: ("papaya, foldhash: two Arcs found by texts of 64 bytes, one cloned", floor()),
            peer: None,
        });
    }
    Ok(contests)
}

fn floor() -> Op {
    let agents = HashMap::builder().hasher(RandomState::default()).build();
    let tokens = HashMap::builder().hasher(RandomState::default()).build();
    let (agent, key) = ("a".repeat(64), "k".repeat(64));
    agents.pin().insert(agent.clone(), std::sync::Arc::new(1));
    tokens.pin().insert(key.clone(), std::sync::Arc::new(2));
    op(move || agents.pin().get(&agent).and_then(|_| tokens.pin().get(&key).map(std::sync::Arc::clone)))
}
