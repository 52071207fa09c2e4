//! A few connections, each lent to one caller at a time. One that breaks, or whose request
//! ran out of time, is not taken back.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::connect::Connection;

/// The idle connections, the youngest last, and how many more may be opened.
pub(crate) struct Pool {
    idle: Mutex<Vec<(Connection, Instant)>>,
    slots: Semaphore,
    went_past: Mutex<Option<Instant>>,
}

/// Gateways and firewalls forget a connection that is idle for some minutes, without a word to
/// either end: Azure's after four. What asks on such a one waits in vain.
const IDLE: Duration = Duration::from_secs(180);

/// How often a server that takes writes is looked for.
const PAST: Duration = Duration::from_millis(500);

impl Pool {
    pub(crate) fn new(connections: usize) -> Self {
        Self { idle: Mutex::default(), slots: Semaphore::new(connections), went_past: Mutex::default() }
    }

    /// The right to use one connection, when fewer than the most are in use.
    pub(crate) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// An idle connection, if there is one that is not too old.
    pub(crate) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    /// Takes a connection back that can be used again.
    pub(crate) fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
    }

    /// Whether to look past a server that takes no writes for one that does: not each time that it
    /// refuses one, since that can go on for hours, and a connection costs it more than the refusal.
    pub(crate) fn goes_past(&self) -> bool {
        let mut went_past = self.went_past.lock().unwrap_or_else(PoisonError::into_inner);
        let goes = went_past.is_none_or(|at| at.elapsed() >= PAST);
        if goes {
            *went_past = Some(Instant::now());
        }
        goes
    }

    /// Closes what is idle: where one is broken, the others are.
    pub(crate) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Pool({idle} idle, {} more may be used)", self.slots.available_permits())
    }
}
