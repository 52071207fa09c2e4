//! A double of Cosmos DB: accounts, containers, and items by their id, over plain HTTP on loopback.
//! Unlike the emulator from npm it lets nobody in without the key's signature or the token.

#[path = "double/container.rs"]
pub(crate) mod container;
#[path = "double/signature.rs"]
pub(crate) mod signature;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use entra_abstractions::Clock;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

pub(crate) use self::container::Container;
use self::signature::KEY;

/// An account on loopback, which lives as long as this.
pub(crate) struct Double {
    pub(crate) address: SocketAddr,
    state: Arc<Account>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Account {
    container: Mutex<Container>,
    clock: Arc<dyn Clock>,
    address: SocketAddr,
}

impl Double {
    pub(crate) async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Account { container: Mutex::default(), clock, address });
        let task = tokio::spawn(serve(listener, state.clone()));
        Self { address, state, task: Mutex::new(Some(task)) }
    }

    /// The connection string with which it lets one in.
    pub(crate) fn connection_string(&self) -> String {
        format!("AccountEndpoint=http://{}/;AccountKey={KEY};", self.address)
    }

    /// What is in it, to look into and to spoil.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Container) -> T) -> T {
        look(&mut self.state.container.lock().unwrap())
    }

    /// Closes all connections and listens no more. Nothing is lost.
    pub(crate) async fn go_away(&self) {
        let task = self.task.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }

    pub(crate) async fn come_back(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        *self.task.lock().unwrap() = Some(tokio::spawn(serve(listener, self.state.clone())));
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
        }
    }
}

/// Dropped, it drops its connections.
async fn serve(listener: TcpListener, state: Arc<Account>) {
    let router = Router::new().fallback(answer).with_state(state);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            // A client that goes away is no fault.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    State(account): State<Arc<Account>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let now = account.clock.now();
    let answer =
        account.container.lock().unwrap().answer(&method, &path, &headers, &body, now, account.address);
    match answer {
        Some(answer) => answer,
        // Hangs, as a service does that is stuck.
        None => std::future::pending().await,
    }
}
