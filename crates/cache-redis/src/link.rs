//! Keeps one connection open to whoever takes the writes: opened at first use, again after a loss,
//! and replaced before its token ends.
//!
//! Opening is a task of its own that all callers wait for, so that a caller who gives up takes
//! nothing from the others. It lives only while a connection is being opened.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entra_abstractions::RefusedLogins;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, select_ok},
};
use tokio::time::Instant;

use crate::{
    config::Endpoint,
    connection::{Connection, Kind},
    dial::Dialer,
    error::Failure,
};

/// A connection that is kept open.
pub(crate) struct Link {
    dialer: Arc<Dialer>,
    place: Place,
    state: Mutex<State>,
    logins: RefusedLogins<Failure>,
}

/// Where the connection leads.
#[derive(Debug)]
pub(crate) enum Place {
    /// To the primary among the servers that are configured, however they are.
    Configured,
    /// To this server of a cluster.
    Server(Endpoint),
}

#[derive(Default)]
struct State {
    open: Option<Connection>,
    opening: Option<Opening>,
    /// When the last try failed, and how.
    failed: Option<(Instant, Failure)>,
    renewed: Option<Instant>,
    went_past: Option<Instant>,
}

type Opening = Shared<BoxFuture<'static, Result<Connection, Failure>>>;

impl Link {
    pub(crate) fn new(dialer: Arc<Dialer>, place: Place) -> Self {
        Self { dialer, place, state: Mutex::default(), logins: RefusedLogins::default() }
    }

    /// The connection, where it is open.
    pub(crate) fn at_hand(self: &Arc<Self>) -> Option<Connection> {
        self.usable(&mut self.state())
    }

    fn usable(self: &Arc<Self>, state: &mut State) -> Option<Connection> {
        let now = || self.dialer.clock.now();
        let open = state.open.clone().filter(|open| open.is_usable(now))?;
        if open.wants_renewal(now) && state.renewed.is_none_or(|at| at.elapsed() >= RENEWAL) {
            state.renewed = Some(Instant::now());
            drop(self.start(state));
        }
        Some(open)
    }

    /// The connection, opened if it is not open.
    pub(crate) async fn connection(self: &Arc<Self>) -> Result<Connection, Failure> {
        let opening = {
            let mut state = self.state();
            if let Some(open) = self.usable(&mut state) {
                return Ok(open);
            }
            state.open = None;
            match &state.failed {
                Some((at, failure)) if state.opening.is_none() && at.elapsed() < PAUSE => {
                    return Err(failure.clone());
                }
                _ => self.start(&mut state),
            }
        };
        opening.await
    }

    /// Another connection than this one, whose server takes no writes any more; none where one was
    /// looked for just now. This one serves reads until there is another.
    pub(crate) async fn past(self: &Arc<Self>, refusing: &Connection) -> Option<Result<Connection, Failure>> {
        refusing.takes_no_writes();
        let opening = {
            let mut state = self.state();
            if let Some(other) = state.open.clone().filter(|open| !open.is(refusing)) {
                return Some(Ok(other));
            }
            if state.opening.is_none() && state.went_past.is_some_and(|at| at.elapsed() < PAUSE) {
                return None;
            }
            state.went_past = Some(Instant::now());
            self.start(&mut state)
        };
        Some(opening.await)
    }

    /// Whether a request can be sent without waiting for a connection.
    pub(crate) fn is_open(&self) -> bool {
        self.state().open.as_ref().is_some_and(|open| open.is_usable(|| self.dialer.clock.now()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to open a connection, unless that is under way already.
    fn start(self: &Arc<Self>, state: &mut State) -> Opening {
        if let Some(opening) = &state.opening {
            return opening.clone();
        }
        let link = Arc::clone(self);
        let opening = async move {
            let opened = link.open().await;
            let mut state = link.state();
            state.opening = None;
            match &opened {
                Ok(new) => {
                    tracing::debug!(server = %new.endpoint(), kind = ?new.kind(), "connected to Redis");
                    state.failed = None;
                    // The token in the cache may be the one that is about to end: then the
                    // connection that is there serves as long as the new one would.
                    let is_better = state.open.as_ref().is_none_or(|old| {
                        let is_usable = old.is_usable(|| link.dialer.clock.now());
                        !is_usable || old.is_read_only() || new.ends_at() > old.ends_at()
                    });
                    if is_better {
                        state.open = Some(new.clone());
                    }
                }
                Err(failure) => {
                    if state.open.as_ref().is_some_and(|old| !old.is_read_only()) {
                        tracing::warn!(what = %failure.words(), "a connection to Redis was not renewed; its token ends soon");
                    }
                    state.failed = Some((Instant::now(), failure.clone()));
                }
            }
            opened
        };
        let opening = opening.boxed().shared();
        tokio::spawn(opening.clone());
        state.opening = Some(opening.clone());
        opening
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let now = || Instant::now().into_std();
        self.logins.log_in(now, self.open_any(), Failure::refuses_login).await
    }

    async fn open_any(&self) -> Result<Connection, Failure> {
        let dialer = &*self.dialer;
        let endpoints = match &self.place {
            Place::Server(endpoint) => return dialer.dial(endpoint).await,
            Place::Configured => &dialer.config.endpoints,
        };
        // All are asked at once: one that is away must not cost the time of the others.
        let tries = endpoints.iter().map(|endpoint| {
            async move {
                let connection = match &dialer.config.service {
                    Some(name) => dialer.dial(&dialer.ask_sentinel(endpoint, name).await?).await?,
                    None => dialer.dial(endpoint).await?,
                };
                match connection.kind() {
                    Kind::Primary | Kind::Cluster | Kind::Unknown => Ok(connection),
                    Kind::Replica => Err(Failure::NoPrimary),
                    Kind::Sentinel => Err(Failure::Away("is a Sentinel: say serviceName, too")),
                }
            }
            .boxed()
        });
        select_ok(tries).await.map(|(connection, _)| connection)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("place", &self.place).finish_non_exhaustive()
    }
}

/// After a failure the next caller tries again, but not sooner: a server that comes back, or one that
/// takes writes, is found within this time, and one that is away is not showered with tries.
const PAUSE: Duration = Duration::from_millis(200);

/// How often a newer token is asked for while the old one ends.
const RENEWAL: Duration = Duration::from_secs(10);
