//! Runs the web API, with the settings of `appsettings.json` and the environment.

use entra_abstractions::{Environment, HttpSettings};
use entra_settings::Settings;
use example_bound_tokens::{app, on_a_machine};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let (settings, http) = (Settings::load()?, HttpSettings::default());
    let app = match std::env::args().nth(1).as_deref() {
        Some("machine") => on_a_machine(&settings, &http, Environment::of_process())?,
        _ => app(&settings, &http)?,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, app).await?;
    Ok(())
}
