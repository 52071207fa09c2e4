//! One open connection to one server, which many requests share.
//!
//! Whoever stops waiting for an answer leaves a question behind: whether the server still answers
//! at all. A connection that fails it is not used again, so a server that vanished without a word
//! is found out after a second, however short its callers' patience is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use redis::{Cmd, Pipeline, Value, aio::MultiplexedConnection, cmd};
use tokio::{runtime::Handle, task::JoinHandle, time::timeout};

use crate::{
    config::Endpoint,
    error::{Failure, answer},
    login::Life,
};

/// An open connection. Its clones are the same one; it is closed when the last is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    multiplexed: MultiplexedConnection,
    driver: Driver,
    runtime: Handle,
    endpoint: Endpoint,
    kind: Kind,
    life: Option<Life>,
    is_lost: AtomicBool,
    is_asked: AtomicBool,
    is_read_only: AtomicBool,
}

/// What a server says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Primary,
    Replica,
    Cluster,
    Sentinel,
    Unknown,
}

impl Connection {
    pub(crate) fn new(
        multiplexed: MultiplexedConnection,
        driver: Driver,
        endpoint: Endpoint,
        kind: Kind,
        life: Option<Life>,
    ) -> Self {
        let runtime = Handle::current();
        let (is_lost, is_asked, is_read_only) = Default::default();
        Self(Arc::new(Shared {
            multiplexed,
            driver,
            runtime,
            endpoint,
            kind,
            life,
            is_lost,
            is_asked,
            is_read_only,
        }))
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Whether a request can be sent here: nobody found it lost, and its token has not ended.
    pub(crate) fn is_usable(&self, now: impl FnOnce() -> SystemTime) -> bool {
        let is_open = !self.0.is_lost.load(Ordering::Relaxed) && !self.0.driver.0.is_finished();
        is_open && self.0.life.is_none_or(|life| now() < life.ends_at)
    }

    /// Whether its token ends soon.
    pub(crate) fn wants_renewal(&self, now: impl FnOnce() -> SystemTime) -> bool {
        self.0.life.is_some_and(|life| now() >= life.renew_at)
    }

    /// Until when its token is good, if it has one.
    pub(crate) fn ends_at(&self) -> Option<SystemTime> {
        self.0.life.map(|life| life.ends_at)
    }

    /// Not to be used again.
    pub(crate) fn give_up(&self) {
        self.0.is_lost.store(true, Ordering::Relaxed);
    }

    /// It leads to a server that takes no writes any more. Reads are served on.
    pub(crate) fn takes_no_writes(&self) {
        self.0.is_read_only.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.0.is_read_only.load(Ordering::Relaxed)
    }

    /// Whether both are the same one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut waiting = Waiting(Some(self));
        let answered = answer(self.0.multiplexed.clone().send_packed_command(command).await);
        waiting.0 = None;
        self.note(answered)
    }

    /// Sends a command for a key that a cluster is just moving here: the word before it must not
    /// be parted from it by another request.
    pub(crate) async fn ask_moving(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut waiting = Waiting(Some(self));
        let mut both = Pipeline::with_capacity(2);
        both.cmd("ASKING").ignore().add_command(command.clone());
        let answered = self.0.multiplexed.clone().send_packed_commands(&both, 1, 1).await;
        waiting.0 = None;
        let only = answered.map(|values| values.into_iter().next().unwrap_or(Value::Nil));
        self.note(answer(only))
    }

    fn note(&self, answered: Result<Value, Failure>) -> Result<Value, Failure> {
        if matches!(answered, Err(Failure::Lost)) {
            self.give_up();
        }
        answered
    }

    /// Asks, once at a time, whether the server is still there. Any answer will do.
    fn check(&self) {
        if self.0.is_asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let asked = self.clone();
        self.0.runtime.spawn(async move {
            let mut multiplexed = asked.0.multiplexed.clone();
            let answered = timeout(PATIENCE, multiplexed.send_packed_command(&cmd("PING"))).await;
            if !matches!(answered.map(answer), Ok(Ok(_) | Err(Failure::Refused { .. }))) {
                asked.give_up();
            }
            asked.0.is_asked.store(false, Ordering::Relaxed);
        });
    }
}

/// The task that carries requests and answers; it ends with whoever holds it.
#[derive(Debug)]
pub(crate) struct Driver(JoinHandle<()>);

impl Driver {
    pub(crate) fn start(driver: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(driver))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It would wait for answers that nobody waits for.
        self.0.abort();
    }
}

/// A request whose answer has not come yet.
struct Waiting<'a>(Option<&'a Connection>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            connection.check();
        }
    }
}

impl Kind {
    /// By the answer to `HELLO`: names and values in turn.
    pub(crate) fn told(said: Option<&Value>) -> Self {
        let Some(Value::Array(said)) = said else { return Self::Unknown };
        let of = |name: &[u8]| {
            said.chunks_exact(2).find_map(|pair| match pair {
                [key, Value::BulkString(value)] if text(key) == name => Some(value.as_slice()),
                _ => None,
            })
        };
        match (of(b"mode"), of(b"role")) {
            (Some(b"cluster"), _) => Self::Cluster,
            (Some(b"sentinel"), _) => Self::Sentinel,
            (_, Some(b"master")) => Self::Primary,
            (_, Some(b"replica" | b"slave")) => Self::Replica,
            _ => Self::Unknown,
        }
    }
}

fn text(value: &Value) -> &[u8] {
    match value {
        Value::BulkString(text) => text,
        Value::SimpleString(text) => text.as_bytes(),
        _ => b"",
    }
}

/// How long a server may be silent before its connection counts as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
