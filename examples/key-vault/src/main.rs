//! Runs the web API, with the settings of `appsettings.json` and the environment.

use azure_security_keyvault_keys::KeyClientOptions;
use entra_abstractions::HttpSettings;
use entra_settings::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let app =
        example_key_vault::app(&Settings::load()?, &HttpSettings::default(), KeyClientOptions::default())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, app).await?;
    Ok(())
}
