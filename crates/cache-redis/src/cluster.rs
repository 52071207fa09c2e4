//! A cluster: which of its servers keeps a key, learnt from the servers themselves.
//!
//! A redirection is followed at once; the map of all slots is asked for again behind it.

mod slot;

use std::{
    collections::HashMap,
    fmt,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, select_ok},
};
use redis::{Cmd, Value, cmd};
use tokio::time::Instant;

use crate::{
    config::Endpoint,
    dial::Dialer,
    error::{Failure, Redirection},
    link::{Link, Place},
};

/// The servers of a cluster.
pub(crate) struct Cluster {
    dialer: Arc<Dialer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    slots: Slots,
    links: HashMap<Endpoint, Arc<Link>>,
    learning: Option<Learning>,
    learnt: Option<Instant>,
}

type Slots = Vec<(RangeInclusive<u16>, Endpoint)>;
type Learning = Shared<BoxFuture<'static, Result<(), Failure>>>;

impl Cluster {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, state: Mutex::default() }
    }

    /// Sends a command to the server that keeps the key.
    pub(crate) async fn ask(self: &Arc<Self>, key: &[u8], command: &Cmd) -> Result<Value, Failure> {
        let slot = slot::of(key);
        let mut at = if let Some(endpoint) = self.server(slot) {
            endpoint
        } else {
            self.learn().await?;
            self.server(slot).ok_or(Failure::Unserved)?
        };
        let mut is_moving = false;
        for _ in 0..REDIRECTIONS {
            let link = self.link(&at);
            if !link.is_open() {
                // Its server may be gone, and its callers may not stay long enough to learn it.
                self.relearn();
            }
            let answered = match link.connection().await {
                Ok(connection) if is_moving => connection.ask_moving(command).await,
                Ok(connection) => connection.ask(command).await,
                Err(failure) => Err(failure),
            };
            let failure = match answered {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            match failure.redirection(&at) {
                Some(Redirection::Moved(to)) => {
                    self.relearn();
                    (at, is_moving) = (to, false);
                }
                Some(Redirection::Ask(to)) => (at, is_moving) = (to, true),
                None => {
                    if failure.may_be_moved() {
                        self.relearn();
                    }
                    return Err(failure);
                }
            }
        }
        Err(Failure::Unserved)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn server(&self, slot: u16) -> Option<Endpoint> {
        let state = self.state();
        let (_, endpoint) = state.slots.iter().find(|(range, _)| range.contains(&slot))?;
        Some(endpoint.clone())
    }

    fn link(&self, to: &Endpoint) -> Arc<Link> {
        let mut state = self.state();
        if let Some(link) = state.links.get(to) {
            return Arc::clone(link);
        }
        let link = Arc::new(Link::new(Arc::clone(&self.dialer), Place::Server(to.clone())));
        state.links.insert(to.clone(), Arc::clone(&link));
        link
    }

    /// Has the map asked for again, by a task that nobody waits for.
    fn relearn(self: &Arc<Self>) {
        let is_new = self.state().learnt.is_some_and(|at| at.elapsed() < PAUSE);
        if !is_new {
            drop(self.learn());
        }
    }

    /// Asks for the map. The task goes on when its caller does not wait for it.
    fn learn(self: &Arc<Self>) -> Learning {
        let mut state = self.state();
        if let Some(learning) = &state.learning {
            return learning.clone();
        }
        let cluster = Arc::clone(self);
        let learning = async move {
            let slots = cluster.slots().await;
            let mut state = cluster.state();
            state.learning = None;
            state.learnt = Some(Instant::now());
            state.slots = slots?;
            let State { slots, links, .. } = &mut *state;
            links.retain(|endpoint, _| slots.iter().any(|(_, server)| server == endpoint));
            Ok(())
        };
        let learning = learning.boxed().shared();
        tokio::spawn(learning.clone());
        state.learning = Some(learning.clone());
        learning
    }

    /// The map as the first server tells it that answers, of those that are known or configured.
    async fn slots(&self) -> Result<Slots, Failure> {
        let mut servers = self.dialer.config.endpoints.clone();
        servers.extend(self.state().links.keys().cloned());
        servers.dedup();
        let asked = servers.into_iter().map(|server| {
            async move {
                let connection = self.link(&server).connection().await?;
                let said = connection.ask(cmd("CLUSTER").arg("SLOTS")).await?;
                read(&said, &server).filter(|slots| !slots.is_empty()).ok_or(Failure::Unserved)
            }
            .boxed()
        });
        select_ok(asked).await.map(|(slots, _)| slots)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

impl Failure {
    /// Whether another server may have taken the place of the one that failed.
    fn may_be_moved(&self) -> bool {
        match self {
            Self::Away(_) | Self::Lost | Self::Slow(_) => true,
            other => ["CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN"].iter().any(|word| other.is(word)),
        }
    }
}

/// Each entry is the first and the last slot, the primary, and its replicas.
fn read(said: &Value, asked: &Endpoint) -> Option<Slots> {
    let Value::Array(ranges) = said else { return None };
    let read = |range: &Value| {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = range.as_slice() else {
            return None;
        };
        let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
        let host = match host {
            Value::BulkString(host) if !host.is_empty() && host != b"?" => {
                String::from_utf8(host.clone()).ok()?
            }
            // It does not know its own name: it is reached by the one that was asked.
            _ => asked.host.clone(),
        };
        let endpoint = Endpoint { host, port: u16::try_from(*port).ok()? };
        Some((u16::try_from(*first).ok()?..=u16::try_from(*last).ok()?, endpoint))
    };
    ranges.iter().map(read).collect()
}

/// Twice is what a cluster needs that moves a slot; the rest is for one that moves it again.
const REDIRECTIONS: usize = 4;

/// How often the map is asked for at most.
const PAUSE: Duration = Duration::from_millis(200);
