//! One fetch for each key, however many ask for it. A flight belongs to the engine, not to whoever
//! asked first: a caller who goes away cancels nothing, and those who wait share its result.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use entra_abstractions::{AccessToken, Claims, Exchange, TokenError, Unavailable};
use foldhash::fast::RandomState;
use tokio::sync::watch;

use crate::cache::Key;

/// What a flight is for. Callers who want the same share one; a challenge's flight is its own,
/// because a token without its claims would not do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) key: Key,
    pub(crate) claims: Option<Claims>,
    pub(crate) renewed: bool,
}

type Outcome = Option<Result<AccessToken, TokenError>>;

/// The flights that are in the air.
#[derive(Debug)]
pub(crate) struct Flights {
    active: Mutex<HashMap<Destination, watch::Receiver<Outcome>, RandomState>>,
    count: watch::Sender<usize>,
}

impl Default for Flights {
    fn default() -> Self {
        Self { active: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Flights {
    /// Joins the flight to this destination, or starts it. It goes on without its passengers.
    pub(crate) fn board<F>(self: &Arc<Self>, to: Destination, fetch: impl FnOnce() -> F) -> Boarded
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = active.get(&to) {
            return Boarded(flight.clone());
        }
        let (sender, receiver) = watch::channel(None);
        active.insert(to.clone(), receiver.clone());
        self.count.send_replace(active.len());
        drop(active);

        let landing = Landing { flights: Arc::clone(self), to };
        let fetch = fetch();
        tokio::spawn(async move {
            let outcome = fetch.await;
            // Off the board first: whoever asks from now on finds the token in the cache.
            drop(landing);
            sender.send_replace(Some(outcome));
        });
        Boarded(receiver)
    }

    /// Joins the flight to this destination, if one is in the air.
    pub(crate) fn join(&self, to: &Destination) -> Option<Boarded> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).get(to).cloned().map(Boarded)
    }

    /// How many are in the air.
    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until nothing is in the air.
    pub(crate) async fn settled(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as `self`, so the wait cannot fail.
        drop(count.wait_for(|count| *count == 0).await);
    }
}

/// Takes a flight off the board, also where its task is dropped in mid-air.
struct Landing {
    flights: Arc<Flights>,
    to: Destination,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut active = self.flights.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.remove(&self.to);
        self.flights.count.send_replace(active.len());
    }
}

/// A place on a flight.
#[derive(Debug)]
pub(crate) struct Boarded(watch::Receiver<Outcome>);

impl Boarded {
    /// Waits for the flight's result.
    pub(crate) async fn arrive(mut self) -> Result<AccessToken, TokenError> {
        let lost =
            || Err(Unavailable::new(Exchange::new("fetch", "this program"), "the runtime stopped").into());
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(lost),
            Err(_) => lost(),
        }
    }
}
