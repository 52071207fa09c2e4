//! A web API whose instances share their tokens.

use axum::{Json, Router, extract::State, routing::get};
use entra_abstractions::Misconfigured;
use entra_downstream_api::Api;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::{AuthenticatedUser, Problem, TokenValidator};
use serde_json::Value;

/// The web API, and the acquirer whose last writes are waited for when it ends.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn app(settings: &Settings) -> Result<(Router, TokenAcquirer), Misconfigured> {
    let azure_ad = settings.section("AzureAd");
    let root = settings.section("");
    let mut tokens =
        TokenAcquirer::builder(Application::from_section(&azure_ad)?).configuration(root.clone());
    if let Some(store) = entra_cache::open(&root)? {
        tokens = tokens.store(store);
    }
    let tokens = tokens.build()?;
    let partner = Api::new("PartnerAPI", &settings.section("DownstreamApis"), tokens.clone())?;
    let validator = TokenValidator::from_section(&azure_ad)?;
    let app = Router::new().route("/api/data", get(data)).layer(validator.layer()).with_state(partner);
    Ok((app, tokens))
}

/// On behalf of the caller, with a token that any instance may have fetched.
async fn data(user: AuthenticatedUser, State(partner): State<Api>) -> Result<Json<Value>, Problem> {
    Ok(Json(partner.on_behalf_of(&user).get("api/data").json().await?))
}
