//! Runs the web API and one worker, with the settings of `appsettings.json` and the environment.

use std::{sync::Arc, time::Duration};

use entra_abstractions::SystemClock;
use entra_settings::Settings;
use example_long_running::{Queue, Worker, app, tokens};
use tokio::{net::TcpListener, time::interval};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let settings = Settings::load()?;
    // Without a shared store the sessions end with this process, and it says so.
    let tokens = tokens(&settings, Arc::new(SystemClock), None)?;
    let queue = Queue::default();
    let worker = Worker::new(&settings, &tokens, &queue)?;
    tokio::spawn(async move {
        let mut round = interval(Duration::from_secs(300));
        loop {
            round.tick().await;
            worker.work_once().await;
        }
    });
    let app = app(&settings, &tokens, Arc::new(SystemClock), &queue)?;
    let listener = TcpListener::bind("127.0.0.1:5000").await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, app).await?;
    Ok(())
}
