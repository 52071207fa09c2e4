//! A web API that calls other APIs on behalf of its caller.
#![cfg_attr(doctest, doc = include_str!("../../../README.md"))]

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use entra_abstractions::Misconfigured;
use entra_downstream_api::{Api, CallError};
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::{AuthenticatedUser, Problem, TokenValidator};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::try_join;

/// The APIs that this one calls.
#[derive(Debug, Clone)]
pub struct Apis {
    graph: Api,
    partner: Api,
}

/// The whole application, from its settings.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn app(settings: &Settings) -> Result<Router, Misconfigured> {
    let azure_ad = settings.section("AzureAd");
    let tokens = TokenAcquirer::builder(Application::from_section(&azure_ad)?).build()?;
    let validator = TokenValidator::from_section(&azure_ad)?;

    let apis = settings.section("DownstreamApis");
    let apis = Apis {
        graph: Api::new("GraphAPI", &apis, tokens.clone())?,
        partner: Api::new("PartnerAPI", &apis, tokens)?,
    };
    Ok(Router::new()
        .route("/api/data/userdata", get(user_data))
        .route("/api/data/process", post(process))
        .route("/api/data", get(data))
        .route("/api/dashboard", get(dashboard))
        .route("/api/users", get(users))
        .layer(validator.layer())
        .with_state(apis))
}

/// Trades the caller's token for one of the partner API. Where the user must consent first, the
/// answer tells the client so; no code here.
async fn user_data(user: AuthenticatedUser, State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    Ok(Json(apis.partner.on_behalf_of(&user).get("api/users/me").json().await?))
}

/// Posts what was posted.
async fn process(
    user: AuthenticatedUser,
    State(apis): State<Apis>,
    Json(request): Json<Value>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(apis.partner.on_behalf_of(&user).post("api/process").json_body(&request).json().await?))
}

/// Maps what the partner API answers: not found and bad request are the caller's, the rest is a
/// fault of the services behind, also where no answer came. Where there is no token, `?` knows who
/// must act.
async fn data(user: AuthenticatedUser, State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    let error = match apis.partner.on_behalf_of(&user).get("api/data").json().await {
        Ok(data) => return Ok(Json(data)),
        Err(error @ (CallError::Token { .. } | CallError::Refused { .. })) => return Err(error.into()),
        Err(error) => error,
    };
    Err(match error.status() {
        Some(StatusCode::NOT_FOUND) => {
            Problem::status(StatusCode::NOT_FOUND).detail("the partner service does not have it")
        }
        Some(StatusCode::BAD_REQUEST) => {
            Problem::status(StatusCode::BAD_REQUEST).detail("the partner service cannot take this request")
        }
        _ => {
            tracing::error!(%error, "the partner service failed");
            Problem::status(StatusCode::BAD_GATEWAY).detail("the partner service failed")
        }
    })
}

/// Three calls at once, for one user.
async fn dashboard(user: AuthenticatedUser, State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    let (graph, partner) = (apis.graph.on_behalf_of(&user), apis.partner.on_behalf_of(&user));
    let (user, data, settings) = try_join!(
        graph.get("me").json::<Value>(),
        partner.get("api/data").json::<Value>(),
        partner.get("api/settings").json::<Value>(),
    )?;
    Ok(Json(json!({ "user": user, "data": data, "settings": settings })))
}

/// As the application itself: all users, which no single user may see.
async fn users(State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    Ok(Json(apis.graph.as_app().get("users").json().await?))
}
