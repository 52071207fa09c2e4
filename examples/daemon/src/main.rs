//! A daemon: no user, no web server; it calls an API as itself.
//!
//! Put your own ids into `appsettings.json`, or into the environment (`AzureAd__TenantId`, ..).

use anyhow::Context;
use entra_downstream_api::Api;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::Value;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints")]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::load().context("no settings")?;
    let application = Application::from_section(&settings.section("AzureAd"))?;
    let tokens = TokenAcquirer::builder(application).build()?;

    let orders = Api::new("Orders", &settings.section("DownstreamApis"), tokens)?;
    let answer: Value = orders.as_app().get("open").json().await?;
    println!("{answer:#}");
    Ok(())
}
