//! The first way: a named, configured [`Api`](entra_downstream_api::Api). The least to write.

use axum::{Json, extract::State};
use entra_agent_identities::WithAgentIdentity;
use entra_web_api::{AuthenticatedUser, Problem};
use serde_json::Value;

use crate::Agent;

type Products = Json<Value>;

/// As the agent itself.
pub(crate) async fn products(State(agent): State<Agent>) -> Result<Products, Problem> {
    Ok(Json(agent.my_api.as_app().with_agent_identity(&agent.id).get("products").json().await?))
}

/// On behalf of the user who called.
pub(crate) async fn user_products(
    user: AuthenticatedUser,
    State(agent): State<Agent>,
) -> Result<Products, Problem> {
    Ok(Json(agent.my_api.on_behalf_of(&user).with_agent_identity(&agent.id).get("products").json().await?))
}

/// As the agent's own user, by name.
pub(crate) async fn agent_user_by_upn(State(agent): State<Agent>) -> Result<Products, Problem> {
    Ok(Json(agent.my_api.as_agent_user(agent.id, agent.by_upn).get("products").json().await?))
}

/// As the agent's own user, by object id.
pub(crate) async fn agent_user_by_object_id(State(agent): State<Agent>) -> Result<Products, Problem> {
    Ok(Json(agent.my_api.as_agent_user(agent.id, agent.by_object_id).get("products").json().await?))
}
