//! A web API that calls others with tokens that are bound to its certificate: who steals one cannot
//! use it.

use axum::{Json, Router, extract::State, routing::get};
use entra_abstractions::{AgentId, Environment, Faults, HttpSettings, Misconfigured, Section};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_downstream_api::Api;
use entra_settings::Settings;
use entra_token_acquisition::{Application, ManagedIdentity, TokenAcquirer};
use entra_web_api::{Problem, TokenValidator};
use serde_json::Value;

/// What this API calls.
#[derive(Debug, Clone)]
pub struct Apis {
    orders: Api,
    invoices: Api,
    archive: Api,
    agent: AgentId,
}

/// The whole application, from its settings; `http` says how Entra and the other APIs are reached.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place; also an API
/// that wants bound tokens of an application whose credential cannot be bound.
pub fn app(settings: &Settings, http: &HttpSettings) -> Result<Router, Misconfigured> {
    let azure_ad = settings.section("AzureAd");
    let tokens = TokenAcquirer::builder(Application::from_section(&azure_ad)?).http(http.clone()).build()?;
    let tokens = AgentIdentities::new(tokens);
    let apis = settings.section("DownstreamApis");
    let api = |name| Api::builder(name).section(&apis.section(name)).http(http.clone()).build(tokens.clone());
    let apis = Apis {
        orders: api("Orders")?,
        invoices: api("Invoices")?,
        archive: api("Archive")?,
        agent: agent(&settings.section("Agent"))?,
    };
    let validator = TokenValidator::builder(&azure_ad).http(http.clone()).build()?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .route("/agent/orders", get(agents_orders))
        .route("/invoices", get(invoices))
        .route("/archive", get(archive))
        .layer(validator.layer())
        .with_state(apis))
}

/// The same on a virtual machine of Azure, as the machine's own identity: its metadata service issues the
/// certificate, for a key of this process.
///
/// # Errors
/// [`Misconfigured`] as [`app`]; also where the host issues no certificates, as `environment` tells.
pub fn on_a_machine(
    settings: &Settings,
    http: &HttpSettings,
    environment: Environment,
) -> Result<Router, Misconfigured> {
    let identity =
        ManagedIdentity::system().environment(environment).http(http.clone()).key_in_memory().build()?;
    let orders = settings.section("DownstreamApis").section("Orders");
    let orders = Api::builder("Orders").section(&orders).http(http.clone()).build(identity)?;
    let validator = TokenValidator::builder(&settings.section("AzureAd")).http(http.clone()).build()?;
    Ok(Router::new().route("/orders", get(machines_orders)).layer(validator.layer()).with_state(orders))
}

/// `MTLS_POP`: the token, and the connection with the same certificate.
async fn orders(State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    Ok(Json(apis.orders.as_app().get("orders").json().await?))
}

/// The same as an agent: each leg of its token is bound, too.
async fn agents_orders(State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    let agent = apis.orders.as_app().with_agent_identity(apis.agent);
    Ok(Json(agent.get("orders").json().await?))
}

/// As the machine: neither a secret nor a certificate was put there.
async fn machines_orders(State(orders): State<Api>) -> Result<Json<Value>, Problem> {
    Ok(Json(orders.as_app().get("orders").json().await?))
}

/// A plain token, for an API that takes no bound ones.
async fn invoices(State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    Ok(Json(apis.invoices.as_app().get("invoices").json().await?))
}

/// `MTLS`: the certificate alone.
async fn archive(State(apis): State<Apis>) -> Result<Json<Value>, Problem> {
    Ok(Json(apis.archive.as_app().get("archive").json().await?))
}

fn agent(section: &Section) -> Result<AgentId, Misconfigured> {
    let mut faults = Faults::default();
    let id = section.text("Id", &mut faults).unwrap_or_default();
    let id = faults.take(AgentId::new(id).map_err(|fault| fault.at(section.path_of("Id"))));
    id.filter(|_| faults.is_empty()).ok_or_else(|| faults.into_error())
}
