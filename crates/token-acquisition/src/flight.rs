//! One fetch for each key, however many ask for it. Whoever waits moves it on, so that nobody need be
//! told by another task; whoever goes away early leaves it to the runtime, so that nothing is
//! cancelled by it. All share its result.

use std::{
    collections::HashMap,
    fmt,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use entra_abstractions::{AccessToken, Claims, Exchange, TokenError, Unavailable};
use foldhash::fast::RandomState;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::{runtime::Handle, sync::Notify};

use crate::cache::Key;

/// What a flight is for. Callers who want the same share one; a challenge's flight is its own,
/// because a token without its claims would not do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) key: Key,
    pub(crate) claims: Option<Claims>,
    pub(crate) renewed: bool,
}

type Outcome = Result<AccessToken, TokenError>;
type Fetch = BoxFuture<'static, Outcome>;

/// The flights that are in the air.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    active: Mutex<HashMap<Destination, Flight, RandomState>>,
    all_landed: Notify,
}

impl Flights {
    /// Joins the flight to this destination, or starts it. It goes on without its passengers.
    pub(crate) fn board<F>(self: &Arc<Self>, to: Destination, fetch: impl FnOnce() -> F) -> Boarded
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let runtime = Handle::current();
        let mut active = lock(&self.active);
        if let Some(boarded) = active.get(&to).and_then(|flight| flight.board(&runtime)) {
            return boarded;
        }
        // As a task would have it: what panics is lost, and nobody who waits for it ends with it.
        let fetch = AssertUnwindSafe(fetch()).catch_unwind();
        let has_task = Arc::<AtomicBool>::default();
        let landing = Landing { flights: Arc::clone(self), to: to.clone(), has_task: Arc::clone(&has_task) };
        // No `async` block: one that is given a future and waits for it makes room for it twice.
        let fetch = fetch.map(move |outcome| {
            // Off the board first: whoever asks from now on finds the token in the cache.
            drop(landing);
            outcome.unwrap_or_else(|_panic| Err(lost()))
        });
        let fetch = fetch.boxed().shared();
        if let Some(weak) = fetch.downgrade() {
            active.insert(to, Flight { fetch: weak, has_task: Arc::clone(&has_task) });
        }
        Boarded { fetch: Some(fetch), has_task, runtime }
    }

    /// Joins the flight to this destination, if one is in the air.
    pub(crate) fn join(&self, to: &Destination) -> Option<Boarded> {
        let runtime = Handle::try_current().ok()?;
        lock(&self.active).get(to)?.board(&runtime)
    }

    /// Whether a flight to this destination is in the air.
    pub(crate) fn is_active(&self, to: &Destination) -> bool {
        lock(&self.active).contains_key(to)
    }

    /// How many are in the air.
    pub(crate) fn count(&self) -> usize {
        lock(&self.active).len()
    }

    /// Waits until nothing is in the air.
    pub(crate) async fn settled(&self) {
        loop {
            let all_landed = self.all_landed.notified();
            if self.count() == 0 {
                return;
            }
            all_landed.await;
        }
    }
}

/// One flight: those on board hold it, the board does not.
#[derive(Debug)]
struct Flight {
    fetch: WeakShared<Fetch>,
    has_task: Arc<AtomicBool>,
}

impl Flight {
    fn board(&self, runtime: &Handle) -> Option<Boarded> {
        let fetch = Some(self.fetch.upgrade()?);
        Some(Boarded { fetch, has_task: Arc::clone(&self.has_task), runtime: runtime.clone() })
    }
}

/// Takes a flight off the board, also where it is dropped in mid-air.
struct Landing {
    flights: Arc<Flights>,
    to: Destination,
    /// By this the flight is known: another may have begun when the last on board had left this one.
    has_task: Arc<AtomicBool>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut active = lock(&self.flights.active);
        if active.get(&self.to).is_some_and(|flight| Arc::ptr_eq(&flight.has_task, &self.has_task)) {
            active.remove(&self.to);
        }
        if active.is_empty() {
            self.flights.all_landed.notify_waiters();
        }
    }
}

/// A place on a flight: a future of its result.
pub(crate) struct Boarded {
    /// Nothing when it has landed.
    fetch: Option<Shared<Fetch>>,
    /// Whether a task of the runtime moves it, whoever else does.
    has_task: Arc<AtomicBool>,
    runtime: Handle,
}

impl Future for Boarded {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        // As all futures that are polled after they were ready.
        let Some(fetch) = &mut self.fetch else { return Poll::Pending };
        let poll = fetch.poll_unpin(context);
        if poll.is_ready() {
            self.fetch = None;
        }
        poll
    }
}

impl Drop for Boarded {
    fn drop(&mut self) {
        let Some(fetch) = self.fetch.take() else { return };
        if fetch.peek().is_none() && !self.has_task.swap(true, Ordering::AcqRel) {
            self.runtime.spawn(fetch.map(drop));
        }
    }
}

impl fmt::Debug for Boarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Boarded").finish_non_exhaustive()
    }
}

/// What those who wait are told where a fetch came to no end.
pub(crate) fn lost() -> TokenError {
    Unavailable::new(Exchange::new("fetch", "this program"), "the runtime stopped").into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
