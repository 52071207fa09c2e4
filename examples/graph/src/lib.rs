//! A web API that calls Microsoft Graph and the clients of the Azure SDK for its caller.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use azure_core::http::{ClientOptions, Transport, Url, new_http_client};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use entra_abstractions::Faults;
use entra_azure_credential::EntraCredential;
use entra_graph::{Graph, Misconfigured};
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::{AuthenticatedUser, Problem, TokenValidator};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What this API calls.
#[derive(Debug, Clone)]
pub struct Services {
    graph: Graph,
    beta: Graph,
    blobs: Blobs,
}

/// Azure Storage: a client for each user, over one transport.
#[derive(Debug, Clone)]
struct Blobs {
    credential: EntraCredential,
    url: Url,
    container: Arc<str>,
    transport: Transport,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    display_name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    subject: String,
}

/// The whole application, from its settings.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn app(settings: &Settings) -> Result<Router, Misconfigured> {
    let azure_ad = settings.section("AzureAd");
    let tokens = TokenAcquirer::builder(Application::from_section(&azure_ad)?).build()?;
    let services = Services {
        graph: Graph::from_section(&settings.section("Graph"), tokens.clone())?,
        beta: Graph::from_section(&settings.section("GraphBeta"), tokens.clone())?,
        blobs: Blobs::new(settings, EntraCredential::new(tokens))?,
    };
    Ok(Router::new()
        .route("/profile", get(profile))
        .route("/dashboard", get(dashboard))
        .route("/mail", get(mail))
        .route("/users", get(users))
        .route("/blobs", get(blobs))
        .layer(TokenValidator::from_section(&azure_ad)?.layer())
        .with_state(services))
}

/// The user's own profile, and how many users there are, which only the application may see.
async fn profile(user: AuthenticatedUser, State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let me: Person = services.graph.on_behalf_of(&user).get("me").select(["displayName"]).json().await?;
    let users = services.graph.as_app().get("users").select(["displayName"]).pages::<Person>();
    let users: Vec<Person> = users.items().try_collect().await?;
    Ok(Json(json!({ "me": me, "users": users })))
}

/// Two requests in one; the second may fail without the first.
async fn dashboard(
    user: AuthenticatedUser,
    State(services): State<Services>,
) -> Result<Json<Value>, Problem> {
    let graph = services.graph.on_behalf_of(&user);
    let mut batch = graph.batch();
    let (me, mail) = (batch.add(graph.get("me")), batch.add(graph.get("me/messages").top(3)));
    let answers = batch.send().await?;
    let me: Person = answers.json(me)?;
    Ok(Json(json!({ "me": me, "mail": answers.json::<Value>(mail).ok() })))
}

/// All pages of a list.
async fn mail(user: AuthenticatedUser, State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let pages = services.graph.on_behalf_of(&user).get("me/messages").top(10).pages::<Message>();
    let messages: Vec<Message> = pages.items().try_collect().await?;
    Ok(Json(json!({ "count": messages.len(), "messages": messages })))
}

/// As the section says: here, as the application.
async fn users(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    Ok(Json(services.beta.as_configured(None).get("users").json().await?))
}

/// What the user may see in Azure Storage, by the Azure SDK's own client with the user's token.
async fn blobs(user: AuthenticatedUser, State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let container = services.blobs.of(&user)?.blob_container_client(&services.blobs.container);
    let listed: Vec<_> = container.list_blobs(None)?.try_collect().await?;
    let names: Vec<_> = listed.into_iter().map(|blob| blob.name).collect();
    Ok(Json(json!({ "names": names })))
}

impl Blobs {
    fn new(settings: &Settings, credential: EntraCredential) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let section = settings.section("Storage");
        let url = section.text("Url", &mut faults).and_then(|url| Url::parse(&url).ok());
        let container = section.text("Container", &mut faults).unwrap_or_default().into();
        faults.into_result(())?;
        let url = url.ok_or_else(|| Misconfigured::new("not a URL").at(section.path_of("Url")))?;
        Ok(Self { credential, url, container, transport: Transport::new(new_http_client(None)) })
    }

    /// A client keeps the token that it was given, so each user has one of their own.
    fn of(&self, user: &AuthenticatedUser) -> azure_core::Result<BlobServiceClient> {
        let credential = self.credential.on_behalf_of(user);
        let client_options =
            ClientOptions { transport: Some(self.transport.clone()), ..ClientOptions::default() };
        let options = BlobServiceClientOptions { client_options, ..BlobServiceClientOptions::default() };
        BlobServiceClient::new(self.url.clone(), Some(credential.into()), Some(options))
    }
}
