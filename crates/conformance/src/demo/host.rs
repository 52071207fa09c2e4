//! Runs an example web API on loopback; also as another instance, as one that was started again, and as
//! the worker that goes on twelve hours later.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::Router;
use azure_core::http::{ClientOptions, Transport};
use azure_security_keyvault_keys::KeyClientOptions;
use entra_abstractions::{
    Environment,
    testing::{ManualClock, share},
};
use entra_cache_sql::SqlStore;
use entra_emulator::{Emulator, ManagedIdentityHost};
use entra_settings::Settings;
use entra_token_acquisition::TokenAcquirer;
use example_long_running::{Queue, Worker};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{settings::settings, stage::Stage};
use crate::http;

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
    /// `examples/shared-cache`: seed 003's caches.
    SharedCache,
    /// `examples/bound-tokens`: seed 001's mTLS proof of possession.
    Bound,
    /// The same as an agent's blueprint.
    BoundAgent,
    /// The same on a virtual machine, as its own identity.
    BoundMachine,
    /// `examples/key-vault`: seed 001's Azure SDK.
    KeyVault,
}

impl Example {
    pub(crate) fn needs_tls(self) -> bool {
        self.is_bound() || self == Self::KeyVault
    }

    pub(crate) fn is_bound(self) -> bool {
        matches!(self, Self::Bound | Self::BoundAgent | Self::BoundMachine)
    }

    pub(crate) fn is_of_an_agent(self) -> bool {
        matches!(self, Self::Agent | Self::BoundAgent)
    }
}

/// A running web API; it stops when it is dropped.
pub(crate) struct Host {
    pub(crate) url: String,
    /// What goes on when the caller is gone, where something does.
    pub(crate) background: Option<Background>,
    settings: Settings,
    /// Of an example whose instances share a store.
    tokens: Option<TokenAcquirer>,
    servers: Vec<JoinHandle<()>>,
}

impl Host {
    pub(crate) async fn start(example: Example, stage: &Stage) -> Result<Self> {
        let file = file(stage.folder())?;
        let settings = settings(example, stage, &file)?;
        let (mut background, mut tokens) = (None, None);
        let app = match example {
            Example::Agent => example_agent_api::app(&settings)?,
            Example::WebApi => example_on_behalf_of::app(&settings)?,
            Example::Graph => example_graph::app(&settings)?,
            Example::Bound | Example::BoundAgent => example_bound_tokens::app(&settings, &stage.http)?,
            Example::BoundMachine => {
                let machine = stage.secure.managed_identity_environment(ManagedIdentityHost::VirtualMachine);
                example_bound_tokens::on_a_machine(&settings, &stage.http, Environment::from_pairs(machine))?
            }
            Example::KeyVault => example_key_vault::app(&settings, &stage.http, vault(stage)?)?,
            Example::SharedCache => {
                let (app, acquirer) = example_shared_cache::app(&settings)?;
                tokens = Some(acquirer);
                app
            }
            Example::LongRunning => {
                let work = background.insert(Background::new(settings.clone(), stage.entra(example), file));
                work.app()?
            }
        };
        let (url, server) = serve(app).await?;
        Ok(Self { url, background, settings, tokens, servers: vec![server] })
    }

    /// Calls go to another instance from now on; the first one runs on.
    pub(crate) async fn go_to_another_instance(&mut self) -> Result<()> {
        // What was fetched is written behind the call that it was fetched for.
        self.tokens.as_ref().context("this example shares no store")?.settled().await;
        let (app, tokens) = example_shared_cache::app(&self.settings)?;
        let (url, server) = serve(app).await?;
        self.servers.push(server);
        (self.url, self.tokens) = (url, Some(tokens));
        Ok(())
    }

    /// The instance ends with all that it holds, and another one is started.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.tokens.take().context("this example shares no store")?.settled().await;
        for server in self.servers.drain(..) {
            server.abort();
            // It says that it was aborted, and holds nothing any more.
            drop(server.await);
        }
        let (app, tokens) = example_shared_cache::app(&self.settings)?;
        let (url, server) = serve(app).await?;
        self.servers.push(server);
        (self.url, self.tokens) = (url, Some(tokens));
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(app: Router) -> Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the web API stopped");
        }
    });
    Ok((url, server))
}

/// An SQLite file of this story alone.
fn file(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("tokens.db");
    for rest in ["", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(rest);
        match fs::remove_file(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(file)
}

/// How the embedded vault is reached, whose host is not below `vault.azure.net`.
fn vault(stage: &Stage) -> Result<KeyClientOptions> {
    let transport = Some(Transport::new(Arc::new(http::client(&stage.http)?)));
    let client_options = ClientOptions { transport, ..ClientOptions::default() };
    Ok(KeyClientOptions {
        client_options,
        verify_challenge_resource: Some(false),
        ..KeyClientOptions::default()
    })
}

/// The worker of `examples/long-running`, and what outlives its process: the queue and the file of a store.
pub(crate) struct Background {
    settings: Settings,
    clock: Arc<ManualClock>,
    file: PathBuf,
    queue: Queue,
}

impl Background {
    fn new(settings: Settings, emulator: &Emulator, file: PathBuf) -> Self {
        let now = emulator.clock().now();
        emulator.clock().hold(now);
        Self { settings, clock: Arc::new(ManualClock::new(now)), file, queue: Queue::default() }
    }

    /// What a process begins with.
    fn tokens(&self) -> Result<TokenAcquirer> {
        let file = self.file.to_str().context("a folder without a name")?;
        let store = SqlStore::sqlite(file)?.clock(Arc::clone(&self.clock) as Arc<_>).build()?;
        let store = share(Arc::new(store));
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
