//! An agent's API: it is called by users, and calls other APIs as an agent, on behalf of its user,
//! and as the agent's own user; in each of the three ways that there are.

mod by_api;
mod by_header;
mod by_middleware;
mod graph;

use axum::{Router, routing::get};
use entra_abstractions::{AgentId, AgentUser, Faults, Misconfigured, Section};
use entra_agent_identities::AgentIdentities;
use entra_downstream_api::Api;
use entra_graph::Graph;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::TokenValidator;

/// What the handlers share. It is made once, and cloned cheaply.
#[derive(Debug, Clone)]
pub struct Agent {
    id: AgentId,
    by_upn: AgentUser,
    by_object_id: AgentUser,
    my_api: Api,
    graph: Graph,
    tokens: AgentIdentities,
    client: by_middleware::NamedClient,
    background: by_header::Background,
}

/// The whole application, from its settings.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn app(settings: &Settings) -> Result<Router, Misconfigured> {
    let azure_ad = settings.section("AzureAd");
    let apis = settings.section("DownstreamApis");

    let tokens = TokenAcquirer::builder(Application::from_section(&azure_ad)?).build()?;
    let tokens = AgentIdentities::new(tokens);
    let validator = TokenValidator::from_section(&azure_ad)?;

    let (id, by_upn, by_object_id) = agent(&settings.section("Agent"))?;
    let my_api = Api::new("MyApi", &apis, tokens.clone())?;
    let graph = graph::graph(&settings.section("Graph"), tokens.clone())?;
    let client = by_middleware::NamedClient::new(&apis.section("MyApi"), tokens.clone())?;
    let background = by_header::Background::new(&apis.section("MyApi"))?;
    let agent = Agent { id, by_upn, by_object_id, my_api, graph, tokens, client, background };

    Ok(Router::new()
        .route("/api/products", get(by_api::products))
        .route("/api/user-products", get(by_api::user_products))
        .route("/api/agent-user/upn", get(by_api::agent_user_by_upn))
        .route("/api/agent-user/object-id", get(by_api::agent_user_by_object_id))
        .route("/client/data", get(by_middleware::data))
        .route("/client/user-data", get(by_middleware::user_data))
        .route("/client/agent-user/upn", get(by_middleware::agent_user_by_upn))
        .route("/client/agent-user/object-id", get(by_middleware::agent_user_by_object_id))
        .route("/header/background", get(by_header::background))
        .route("/header/user", get(by_header::user))
        .route("/header/agent-user/upn", get(by_header::agent_user_by_upn))
        .route("/header/agent-user/object-id", get(by_header::agent_user_by_object_id))
        .route("/agent-obo-user", get(by_header::agent_obo_user))
        .route("/agent-obo-user/me", get(graph::me))
        .route("/agent-user/me", get(graph::agent_user_me))
        .layer(validator.layer())
        .with_state(agent))
}

fn agent(section: &Section) -> Result<(AgentId, AgentUser, AgentUser), Misconfigured> {
    let mut faults = Faults::default();
    let mut text = |key: &str| section.text(key, &mut faults).unwrap_or_default();
    let (id, upn, object_id) = (text("Id"), text("UserUpn"), text("UserObjectId"));
    let id = faults.take(AgentId::new(id).map_err(|fault| fault.at(section.path_of("Id"))));
    let upn = faults.take(AgentUser::upn(upn).map_err(|fault| fault.at(section.path_of("UserUpn"))));
    let object_id = faults
        .take(AgentUser::object_id(object_id).map_err(|fault| fault.at(section.path_of("UserObjectId"))));
    match (id, upn, object_id) {
        (Some(id), Some(upn), Some(object_id)) if faults.is_empty() => Ok((id, upn, object_id)),
        _ => Err(faults.into_error()),
    }
}
