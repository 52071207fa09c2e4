//! Runs an example web API on loopback, with its own `appsettings.json` and the emulator's ids laid
//! over it as environment variables.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::Router;
use entra_abstractions::{
    Environment,
    testing::{ManualClock, MemoryStore, share},
};
use entra_emulator::{Emulator, ids};
use entra_settings::Settings;
use entra_token_acquisition::TokenAcquirer;
use example_long_running::{Queue, Worker};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// Which of the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Example {
    /// `examples/agent-api`: seeds 000 and 004.
    Agent,
    /// `examples/on-behalf-of`: seed 003.
    WebApi,
    /// `examples/graph`: seeds 001 and 002.
    Graph,
    /// `examples/long-running`: seed 003's background work.
    LongRunning,
}

/// A running web API; it stops when it is dropped.
pub(crate) struct Host {
    pub(crate) url: String,
    /// What goes on when the caller is gone, where something does.
    pub(crate) background: Option<Background>,
    server: JoinHandle<()>,
}

impl Host {
    pub(crate) async fn start(example: Example, emulator: &Emulator) -> Result<Self> {
        let settings = settings(example, emulator)?;
        let (app, background) = match example {
            Example::Agent => (example_agent_api::app(&settings)?, None),
            Example::WebApi => (example_on_behalf_of::app(&settings)?, None),
            Example::Graph => (example_graph::app(&settings)?, None),
            Example::LongRunning => {
                let background = Background::new(settings, emulator);
                (background.app()?, Some(background))
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the web API stopped");
            }
        });
        Ok(Self { url, background, server })
    }
}

/// The worker of `examples/long-running`, and what outlives its process: the queue and a store.
pub(crate) struct Background {
    settings: Settings,
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    queue: Queue,
}

impl Background {
    fn new(settings: Settings, emulator: &Emulator) -> Self {
        let now = emulator.clock().now();
        emulator.clock().hold(now);
        let clock = Arc::new(ManualClock::new(now));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<_>));
        Self { settings, clock, store, queue: Queue::default() }
    }

    /// What a process begins with.
    fn tokens(&self) -> Result<TokenAcquirer> {
        let store = share(Arc::clone(&self.store) as Arc<_>);
        Ok(example_long_running::tokens(&self.settings, Arc::clone(&self.clock) as Arc<_>, Some(store))?)
    }

    fn app(&self) -> Result<Router> {
        let clock = Arc::clone(&self.clock) as Arc<_>;
        Ok(example_long_running::app(&self.settings, &self.tokens()?, clock, &self.queue)?)
    }

    /// Twelve hours pass, and a new process does the work: how it stands then.
    pub(crate) async fn work_later(&self, emulator: &Emulator, id: &str) -> Result<Value> {
        self.clock.advance(NIGHT);
        emulator.clock().advance(NIGHT);
        Worker::new(&self.settings, &self.tokens()?, &self.queue)?.work_once().await;
        let row = self.queue.row(id).context("no such work")?;
        Ok(serde_json::to_value(row.status)?)
    }
}

const NIGHT: Duration = Duration::from_secs(12 * 3_600);

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn settings(example: Example, emulator: &Emulator) -> Result<Settings> {
    let base = emulator.base_url();
    let (json, id, secret) = match example {
        Example::Agent => (
            include_str!("../../../../examples/agent-api/appsettings.json"),
            ids::BLUEPRINT,
            ids::BLUEPRINT_SECRET,
        ),
        Example::WebApi => {
            (include_str!("../../../../examples/on-behalf-of/appsettings.json"), ids::API, ids::API_SECRET)
        }
        Example::Graph => {
            (include_str!("../../../../examples/graph/appsettings.json"), ids::API, ids::API_SECRET)
        }
        Example::LongRunning => {
            (include_str!("../../../../examples/long-running/appsettings.json"), ids::API, ids::API_SECRET)
        }
    };
    let mut variables: Vec<(&str, String)> = vec![
        ("AzureAd__Instance", format!("{base}/")),
        ("AzureAd__TenantId", String::from("contoso.example")),
        ("AzureAd__ClientId", id.to_owned()),
        ("AzureAd__ClientCredentials__0__ClientSecret", secret.to_owned()),
    ];
    match example {
        Example::Agent => variables.extend([
            ("DownstreamApis__MyApi__BaseUrl", format!("{base}/orders")),
            ("DownstreamApis__MyApi__Scopes__0", String::from("api://orders/read")),
            ("DownstreamApis__MyApi__Scopes__1", String::from("api://orders/write")),
            ("Graph__BaseUrl", format!("{base}/v1.0")),
            ("Graph__Scopes", String::from("https://graph.microsoft.com/.default")),
            ("Agent__Id", ids::AGENT.to_owned()),
            ("Agent__UserUpn", ids::AGENT_USER_UPN.to_owned()),
            ("Agent__UserObjectId", ids::AGENT_USER.to_owned()),
        ]),
        Example::Graph => variables.extend([
            ("AzureAd__Audience", id.to_owned()),
            ("Graph__BaseUrl", format!("{base}/v1.0")),
            ("GraphBeta__BaseUrl", format!("{base}/beta")),
        ]),
        Example::WebApi | Example::LongRunning => variables.extend([
            ("AzureAd__Audience", id.to_owned()),
            ("DownstreamApis__PartnerAPI__BaseUrl", format!("{base}/orders")),
            ("DownstreamApis__PartnerAPI__Scopes__0", String::from("api://orders/read")),
        ]),
    }
    if example == Example::WebApi {
        variables.push(("DownstreamApis__GraphAPI__BaseUrl", format!("{base}/v1.0")));
    }
    let environment = Environment::from_pairs(variables);
    Ok(Settings::loader().json(json).environment(environment).load()?)
}
