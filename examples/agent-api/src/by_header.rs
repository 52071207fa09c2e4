//! The third way: only the header, for HTTP that is wholly your own.

use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{AccessToken, AcquireToken, Faults, Misconfigured, Scopes, Section, TokenRequest};
use entra_agent_identities::WithAgentIdentity;
use entra_web_api::{AuthenticatedUser, Problem};
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::Agent;

/// As the agent itself.
pub(crate) async fn background(State(agent): State<Agent>) -> Result<Json<Value>, Problem> {
    send(&agent, &TokenRequest::as_app(agent.background.scopes.clone()).with_agent_identity(&agent.id)).await
}

/// On behalf of the user who called.
pub(crate) async fn user(
    user: AuthenticatedUser,
    State(agent): State<Agent>,
) -> Result<Json<Value>, Problem> {
    send(
        &agent,
        &TokenRequest::on_behalf_of(agent.background.scopes.clone(), &user).with_agent_identity(&agent.id),
    )
    .await
}

/// As the agent's own user, by name.
pub(crate) async fn agent_user_by_upn(State(agent): State<Agent>) -> Result<Json<Value>, Problem> {
    send(
        &agent,
        &TokenRequest::as_agent_user(agent.background.scopes.clone(), agent.id.clone(), agent.by_upn.clone()),
    )
    .await
}

/// As the agent's own user, by object id.
pub(crate) async fn agent_user_by_object_id(State(agent): State<Agent>) -> Result<Json<Value>, Problem> {
    let request = TokenRequest::as_agent_user(
        agent.background.scopes.clone(),
        agent.id.clone(),
        agent.by_object_id.clone(),
    );
    send(&agent, &request).await
}

/// Hands out the header with which the agent calls Microsoft Graph for its user: not the token
/// itself, which is nobody else's, but what it proves.
pub(crate) async fn agent_obo_user(
    user: AuthenticatedUser,
    State(agent): State<Agent>,
) -> Result<Json<Value>, Problem> {
    let scopes = Scopes::try_from("https://graph.microsoft.com/.default")?;
    let request = TokenRequest::on_behalf_of(scopes, &user).with_agent_identity(&agent.id);
    let token = agent.tokens.acquire(&request).await?;
    Ok(Json(json!({ "header": "Bearer [redacted]", "proves": claims(&token) })))
}

/// An HTTP client without anything of ours, and where it calls.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    client: reqwest::Client,
    url: String,
    scopes: Scopes,
}

impl Background {
    pub(crate) fn new(api: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let base = api.text("BaseUrl", &mut faults).unwrap_or_default();
        let scopes = Scopes::new(api.words("Scopes", &mut faults).unwrap_or_default())?.to_default()?;
        #[expect(clippy::disallowed_methods, reason = "this program's own client")]
        let client = reqwest::Client::new();
        faults.into_result(Self { client, url: format!("{}/background", base.trim_end_matches('/')), scopes })
    }
}

async fn send(agent: &Agent, request: &TokenRequest) -> Result<Json<Value>, Problem> {
    let header = agent.tokens.acquire(request).await?.authorization_header();
    let Background { client, url, .. } = &agent.background;
    let answer = client.get(url).header(AUTHORIZATION, header).send().await?;
    Ok(Json(answer.error_for_status()?.json().await?))
}

/// What a token says of itself. To look at it is no validation: whoever receives it validates it.
fn claims(token: &AccessToken) -> Value {
    let payload =
        token.secret().expose().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default();
    let told = ["aud", "azp", "appid", "scp", "oid", "tid", "xms_par_app_azp", "exp"];
    told.iter().filter_map(|name| Some((*name, claims.get(name)?.clone()))).collect()
}
