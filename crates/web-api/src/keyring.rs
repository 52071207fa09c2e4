//! Keeps the authority's metadata: fetched when first needed, looked at again now and then, and
//! fetched at once, but rarely, when a token names a key that is not known.
//!
//! There is no task while nothing is fetched. A fetch is a task of its own, so that a caller who
//! goes away cancels nothing, and everybody who needs it waits for the same one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::{ArcSwapOption, Guard};
use entra_abstractions::{Clock, Exchange, Unavailable};
use tokio::sync::watch;

use crate::{
    metadata::{Metadata, Source},
    telemetry,
};

/// Keys this old are looked at again, behind the callers. Microsoft's middleware takes 12 h too.
const REFRESH_EVERY: Duration = Duration::from_secs(12 * 3600);

/// A stranger can write any `kid`: the first unknown one is looked up at once, then one in this
/// time.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(5 * 60);

/// After a fetch that failed: without any keys, with keys but not the one that is asked for, and
/// with keys that are only old.
const AGAIN_WITHOUT_KEYS: Duration = Duration::from_secs(1);
const AGAIN_FOR_A_KEY: Duration = Duration::from_secs(30);
const AGAIN_FOR_OLD_KEYS: Duration = Duration::from_secs(5 * 60);

/// The longest that an authority's `Retry-After` is heeded while there are no keys at all.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Keyring {
    source: Source,
    clock: Arc<dyn Clock>,
    current: ArcSwapOption<Metadata>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    flight: Option<watch::Receiver<Option<Fetched>>>,
    looked_for_key_at: Option<SystemTime>,
    failed: Option<(SystemTime, Unavailable)>,
}

impl State {
    /// The fetch that is under way. One whose runtime was shut down will never land.
    fn in_air(&self) -> Option<watch::Receiver<Option<Fetched>>> {
        self.flight.as_ref().filter(|flight| flight.has_changed().is_ok()).cloned()
    }
}

type Fetched = Result<Arc<Metadata>, Unavailable>;

impl Keyring {
    pub(crate) fn new(source: Source, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, current: ArcSwapOption::empty(), state: Mutex::default() }
    }

    pub(crate) fn current(&self) -> Guard<Option<Arc<Metadata>>> {
        self.current.load()
    }

    /// Starts a look at keys that have grown old; nobody waits for it. Without a runtime to run it
    /// on, the next caller who has one starts it.
    pub(crate) fn renew_if_old(self: &Arc<Self>, metadata: &Metadata, now: SystemTime) {
        if elapsed(metadata.fetched_at, now) < REFRESH_EVERY || tokio::runtime::Handle::try_current().is_err()
        {
            return;
        }
        let mut state = self.state();
        let waits =
            state.failed.as_ref().is_some_and(|(failed_at, _)| elapsed(*failed_at, now) < AGAIN_FOR_OLD_KEYS);
        if state.in_air().is_none() && !waits {
            self.start(&mut state);
        }
    }

    /// Metadata with this key in it, as far as the authority has it: fetched, unless that was
    /// tried a moment ago.
    pub(crate) async fn with_key(self: &Arc<Self>, kid: &str, now: SystemTime) -> Fetched {
        let flight = {
            let mut state = self.state();
            // Under the lock, so that a fetch which has just come home is seen.
            let current = self.current.load_full();
            if let Some(metadata) = current.as_ref().filter(|metadata| metadata.keys.knows(kid)) {
                return Ok(Arc::clone(metadata));
            }
            if let Some(flight) = state.in_air() {
                flight
            } else {
                let pause = if current.is_some() { AGAIN_FOR_A_KEY } else { AGAIN_WITHOUT_KEYS };
                if let Some((failed_at, outage)) = &state.failed {
                    let heeded = outage.retry_after().unwrap_or_default().min(LONGEST_WAIT).max(pause);
                    let remains = heeded.saturating_sub(elapsed(*failed_at, now));
                    if !remains.is_zero() {
                        return Err(outage.clone().with_retry_after(Some(remains)));
                    }
                }
                if let Some(metadata) = current {
                    let looked = state.looked_for_key_at;
                    if looked.is_some_and(|at| elapsed(at, now) < UNKNOWN_KEY_EVERY) {
                        return Ok(metadata);
                    }
                    state.looked_for_key_at = Some(now);
                }
                self.start(&mut state)
            }
        };
        land(flight).await
    }

    fn start(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Fetched>> {
        let (sender, receiver) = watch::channel(None);
        state.flight = Some(receiver.clone());
        let keyring = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = keyring.source.fetch(keyring.clock.now()).await.map(Arc::new);
            let mut state = keyring.state();
            match &fetched {
                Ok(metadata) => {
                    keyring.current.store(Some(Arc::clone(metadata)));
                    state.failed = None;
                }
                Err(outage) => {
                    let keeps_old_keys = keyring.current.load().is_some();
                    telemetry::keys_unfetched(keyring.source.authority.host(), outage, keeps_old_keys);
                    // It did not answer, so it was not asked: the next one may.
                    state.looked_for_key_at = None;
                    state.failed = Some((keyring.clock.now(), outage.clone()));
                }
            }
            state.flight = None;
            drop(state);
            sender.send_replace(Some(fetched));
        });
        receiver
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn land(mut flight: watch::Receiver<Option<Fetched>>) -> Fetched {
    let landed = flight.wait_for(Option::is_some).await.map(|fetched| fetched.clone());
    match landed {
        Ok(Some(fetched)) => fetched,
        // The runtime that carried it is gone.
        Ok(None) | Err(_) => Err(Unavailable::new(Exchange::new("metadata", ""), "the fetch was abandoned")),
    }
}

/// After a clock was put back nobody knows how long it was; then it was long enough.
fn elapsed(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or(Duration::MAX)
}
