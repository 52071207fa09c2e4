//! A web API that signs with a key which never leaves Azure Key Vault, by the Azure SDK's own client
//! with our credential.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Json, Router, extract::State, routing::post};
use azure_core::http::RequestContent;
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{KeyClientSignOptions, SignParameters, SignatureAlgorithm},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{Faults, HttpSettings, Misconfigured};
use entra_azure_credential::EntraCredential;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::{Problem, TokenValidator};
use serde_json::{Value, json};

/// The key that signs.
#[derive(Clone)]
struct Signer {
    keys: Arc<KeyClient>,
    name: String,
    version: String,
}

/// The whole application, from its settings; `http` says how Entra is reached, `options` how the vault
/// is.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn app(
    settings: &Settings,
    http: &HttpSettings,
    options: KeyClientOptions,
) -> Result<Router, Misconfigured> {
    let azure_ad = settings.section("AzureAd");
    let tokens = TokenAcquirer::builder(Application::from_section(&azure_ad)?).http(http.clone()).build()?;
    let vault = settings.section("KeyVault");
    let mut faults = Faults::default();
    let mut text = |key: &str| vault.text(key, &mut faults).unwrap_or_default();
    let (url, name, version) = (text("Url"), text("Key"), text("KeyVersion"));
    faults.into_result(())?;
    let keys = KeyClient::new(&url, EntraCredential::new(tokens).into(), Some(options))
        .map_err(|error| Misconfigured::new("not a vault").at(vault.path_of("Url")).with_source(error))?;
    let validator = TokenValidator::builder(&azure_ad).http(http.clone()).build()?;
    Ok(Router::new().route("/sign", post(sign)).layer(validator.layer()).with_state(Signer {
        keys: Arc::new(keys),
        name,
        version,
    }))
}

/// Signs what was posted, as the application.
async fn sign(State(signer): State<Signer>, body: String) -> Result<Json<Value>, Problem> {
    let digest = digest(&SHA256, body.as_bytes()).as_ref().to_vec();
    let wanted = SignParameters { algorithm: Some(SignatureAlgorithm::Ps256), value: Some(digest) };
    let wanted: RequestContent<_> = wanted.try_into()?;
    let version = KeyClientSignOptions { key_version: Some(signer.version), ..Default::default() };
    let signed = signer.keys.sign(&signer.name, wanted, Some(version)).await?.into_model()?;
    Ok(Json(json!({ "signature": STANDARD.encode(signed.result.unwrap_or_default()) })))
}
