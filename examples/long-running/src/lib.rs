//! A web API whose work on behalf of a user goes on when the user is gone.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod processing;
mod queue;
mod worker;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use entra_abstractions::{Clock, Misconfigured, SharedStore};
use entra_downstream_api::Api;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::TokenValidator;

pub use queue::{Queue, Row, Status};
pub use worker::Worker;

/// The acquirer that the web API and its workers use. Where they are several processes, or one that
/// may restart, they share a store.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn tokens(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    store: Option<SharedStore>,
) -> Result<TokenAcquirer, Misconfigured> {
    let application = Application::from_section(&settings.section("AzureAd"))?;
    let builder = TokenAcquirer::builder(application).clock(clock);
    match store {
        Some(store) => builder.store(store).build(),
        None => builder.build(),
    }
}

/// The partner API, which both call.
pub(crate) fn partner(settings: &Settings, tokens: &TokenAcquirer) -> Result<Api, Misconfigured> {
    Api::new("PartnerAPI", &settings.section("DownstreamApis"), tokens.clone())
}

/// The web API.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
pub fn app(
    settings: &Settings,
    tokens: &TokenAcquirer,
    clock: Arc<dyn Clock>,
    queue: &Queue,
) -> Result<Router, Misconfigured> {
    let validator = TokenValidator::builder(&settings.section("AzureAd")).clock(clock).build()?;
    let desk = processing::Desk {
        partner: partner(settings, tokens)?,
        tokens: tokens.clone(),
        queue: queue.clone(),
    };
    Ok(Router::new()
        .route("/api/processing/start", post(processing::start))
        .route("/api/auto-key-processing/start", post(processing::start_with_allocated_key))
        .route("/api/processes/{id}", get(processing::status))
        .layer(validator.layer())
        .with_state(desk))
}
