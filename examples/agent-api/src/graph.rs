//! Microsoft Graph, called as an agent.

use axum::{Json, extract::State};
use entra_abstractions::{Misconfigured, Section};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_graph::Graph;
use entra_web_api::{AuthenticatedUser, Problem};
use serde::{Deserialize, Serialize};

use crate::Agent;

/// Microsoft Graph of version 1.0, where the settings say nothing else.
pub(crate) fn graph(section: &Section, tokens: AgentIdentities) -> Result<Graph, Misconfigured> {
    if section.is_absent() {
        return Graph::builder().scopes("https://graph.microsoft.com/.default").build(tokens);
    }
    Graph::from_section(section, tokens)
}

/// A user, as Graph describes one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphUser {
    display_name: String,
    user_principal_name: String,
}

/// The user who called, as the agent sees them on their behalf.
pub(crate) async fn me(
    user: AuthenticatedUser,
    State(agent): State<Agent>,
) -> Result<Json<GraphUser>, Problem> {
    Ok(Json(agent.graph.on_behalf_of(&user).with_agent_identity(&agent.id).get("me").json().await?))
}

/// The agent's own user.
pub(crate) async fn agent_user_me(State(agent): State<Agent>) -> Result<Json<GraphUser>, Problem> {
    Ok(Json(agent.graph.as_agent_user(agent.id, agent.by_upn).get("me").json().await?))
}
