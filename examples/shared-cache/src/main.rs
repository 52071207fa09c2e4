//! Runs one instance, with the settings of `appsettings.json` and the environment.

use std::env::args;

use entra_settings::Settings;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let (app, tokens) = example_shared_cache::app(&Settings::load()?)?;
    let address = args().nth(1).unwrap_or_else(|| String::from("127.0.0.1:5000"));
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let stopped = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "nobody can stop it");
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    // What was fetched last reaches the store, too.
    tokens.settled().await;
    Ok(())
}
