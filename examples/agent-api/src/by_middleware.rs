//! The second way: your own HTTP client, with a middleware that puts the token on. Base address,
//! default headers, timeout and further middleware are yours.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::{Json, extract::State};
use entra_abstractions::{Faults, Misconfigured, Scopes, Section};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_downstream_api::{AuthorizationMiddleware, AuthorizationOptions};
use entra_web_api::{AuthenticatedUser, Problem};
use http::{Extensions, HeaderMap, HeaderValue, header::ACCEPT};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use serde_json::Value;

use crate::Agent;

/// The client that the whole application shares, and the address of the API that it calls.
#[derive(Debug, Clone)]
pub(crate) struct NamedClient {
    client: ClientWithMiddleware,
    base: String,
}

impl NamedClient {
    pub(crate) fn new(api: &Section, tokens: AgentIdentities) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let base = api.text("BaseUrl", &mut faults).unwrap_or_default();
        let scopes = Scopes::new(api.words("Scopes", &mut faults).unwrap_or_default())?;
        let defaults = AuthorizationOptions::new().scopes(scopes);

        #[expect(clippy::disallowed_methods, reason = "this program's own client")]
        let client = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]))
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| Misconfigured::new("no HTTP client can be built here").with_source(error))?;
        let client = ClientBuilder::new(client)
            .with(TryAgain) // before it: each try is authorized anew
            .with(AuthorizationMiddleware::new(tokens, defaults)?)
            .with(Log) // behind it: sees what is sent
            .build();
        faults.into_result(Self { client, base })
    }

    async fn send(&self, options: AuthorizationOptions) -> Result<Json<Value>, Problem> {
        let url = format!("{}/api/data", self.base.trim_end_matches('/'));
        let answer = self.client.get(url).with_extension(options).send().await?.error_for_status()?;
        Ok(Json(answer.json().await?))
    }
}

/// As the agent itself.
pub(crate) async fn data(State(agent): State<Agent>) -> Result<Json<Value>, Problem> {
    let id = agent.id.clone();
    let options =
        AuthorizationOptions::new().as_app().change(move |request| request.with_agent_identity(&id));
    agent.client.send(options).await
}

/// On behalf of the user who called.
pub(crate) async fn user_data(
    user: AuthenticatedUser,
    State(agent): State<Agent>,
) -> Result<Json<Value>, Problem> {
    let id = agent.id.clone();
    let options = AuthorizationOptions::new()
        .on_behalf_of(&user)
        .change(move |request| request.with_agent_identity(&id));
    agent.client.send(options).await
}

/// As the agent's own user, by name.
pub(crate) async fn agent_user_by_upn(State(agent): State<Agent>) -> Result<Json<Value>, Problem> {
    agent.client.send(AuthorizationOptions::new().as_agent_user(agent.id, agent.by_upn)).await
}

/// As the agent's own user, by object id.
pub(crate) async fn agent_user_by_object_id(State(agent): State<Agent>) -> Result<Json<Value>, Problem> {
    agent.client.send(AuthorizationOptions::new().as_agent_user(agent.id, agent.by_object_id)).await
}

/// Sends once more what failed on its way, if it can be sent again.
struct TryAgain;

#[async_trait]
impl Middleware for TryAgain {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let again = request.try_clone();
        let first = next.clone().run(request, extensions).await;
        let failed = match &first {
            Ok(answer) => answer.status().is_server_error(),
            Err(error) => error.is_connect(),
        };
        match again {
            Some(request) if failed => next.run(request, extensions).await,
            _ => first,
        }
    }
}

/// Writes a line for each request that is sent.
struct Log;

#[async_trait]
impl Middleware for Log {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        #[expect(clippy::disallowed_methods, reason = "a log line tells real time")]
        let began = Instant::now();
        let answer = next.run(request, extensions).await;
        let status = answer.as_ref().map(|answer| answer.status().as_u16()).ok();
        tracing::info!(%method, %path, status, took = ?began.elapsed(), "called");
        answer
    }
}
