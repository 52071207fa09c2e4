//! A daemon that acquires a token, explains where the next one would come from, and tells a
//! collector about it.

use anyhow::Context;
use entra_abstractions::{AcquireToken, Scopes, TokenRequest};
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use example_observability::Telemetry;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints")]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::load().context("no settings")?;
    let application = Application::from_section(&settings.section("AzureAd"))?;
    let telemetry = Telemetry::start("http://localhost:4318")?;
    tracing::subscriber::set_global_default(telemetry.subscriber())?;

    let tokens = TokenAcquirer::builder(application).meter(&telemetry.meter()).build()?;
    let request = TokenRequest::as_app(Scopes::try_from("https://graph.microsoft.com/.default")?);
    let token = tokens.acquire(&request).await;
    println!("{}", tokens.explain(&request));
    telemetry.stop()?;
    token?;
    Ok(())
}
