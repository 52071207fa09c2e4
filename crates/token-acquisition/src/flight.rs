//! One fetch for each key, however many ask for it. Whoever waits moves it on, so that nobody need be
//! told by another task; whoever goes away early leaves it to the runtime, so that nothing is
//! cancelled by it. All share its result.

use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Wake, Waker},
};

use entra_abstractions::{AccessToken, Claims, Exchange, TokenError, Unavailable};
use foldhash::fast::RandomState;
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
type Fetch = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The flights that are in the air.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    active: Mutex<HashMap<Destination, Weak<Flight>, RandomState>>,
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
        if let Some(flight) = active.get(&to).and_then(Weak::upgrade) {
            return Boarded { flight: Some(flight), seat: None, runtime };
        }
        let flight = Arc::new(Flight::default());
        active.insert(to.clone(), Arc::downgrade(&flight));
        drop(active);

        let landing = Landing { flights: Arc::clone(self), to, flight: Arc::downgrade(&flight) };
        flight.lay_down(
            None,
            match caught(fetch) {
                Some(fetch) => Then::Goes(Box::pin(async move {
                    let outcome = fetch.await;
                    // Off the board first: whoever asks from now on finds the token in the cache.
                    drop(landing);
                    outcome
                })),
                None => Then::Landed(Err(lost())),
            },
        );
        Boarded { flight: Some(flight), seat: None, runtime }
    }

    /// Joins the flight to this destination, if one is in the air.
    pub(crate) fn join(&self, to: &Destination) -> Option<Boarded> {
        let runtime = Handle::try_current().ok()?;
        let flight = lock(&self.active).get(to).and_then(Weak::upgrade)?;
        Some(Boarded { flight: Some(flight), seat: None, runtime })
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

/// Takes a flight off the board, also where it is dropped in mid-air.
struct Landing {
    flights: Arc<Flights>,
    to: Destination,
    flight: Weak<Flight>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut active = lock(&self.flights.active);
        if active.get(&self.to).is_some_and(|flight| flight.ptr_eq(&self.flight)) {
            active.remove(&self.to);
        }
        if active.is_empty() {
            self.flights.all_landed.notify_waiters();
        }
    }
}

/// One flight.
#[derive(Default)]
struct Flight {
    state: Mutex<State>,
    /// Apart, because what a fetch waits for holds its waker: it must not hold the fetch.
    seats: Arc<Seats>,
}

#[derive(Default)]
struct State {
    /// Nothing while somebody has it in hand, and when it has landed.
    fetch: Option<Fetch>,
    outcome: Option<Outcome>,
    /// Somebody wanted to move it while another had it in hand.
    is_wanted: bool,
    /// A task moves it, whoever else does.
    has_task: bool,
}

impl Flight {
    /// Moves the fetch on, unless somebody else does just now.
    fn poll(&self, seat: &mut Option<usize>, context: &mut Context<'_>) -> Poll<Outcome> {
        let seat = self.seats.take(seat, context.waker());
        let mut state = lock(&self.state);
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        let Some(mut fetch) = state.fetch.take() else {
            state.is_wanted = true;
            return Poll::Pending;
        };
        drop(state);
        let waker = Waker::from(Arc::clone(&self.seats));
        let poll = caught(|| fetch.as_mut().poll(&mut Context::from_waker(&waker)));
        let poll = poll.unwrap_or_else(|| Poll::Ready(Err(lost())));
        self.lay_down(
            Some(seat),
            match &poll {
                Poll::Ready(outcome) => Then::Landed(outcome.clone()),
                Poll::Pending => Then::Goes(fetch),
            },
        );
        poll
    }

    /// After a turn of whoever has this seat.
    fn lay_down(&self, seat: Option<usize>, then: Then) {
        let mut state = lock(&self.state);
        let others_wait = match then {
            Then::Goes(fetch) => {
                state.fetch = Some(fetch);
                mem::take(&mut state.is_wanted)
            }
            Then::Landed(outcome) => {
                state.outcome = Some(outcome);
                true
            }
        };
        drop(state);
        if others_wait {
            self.seats.wake_but(seat);
        }
    }
}

/// What becomes of a fetch that somebody had in hand.
enum Then {
    Goes(Fetch),
    Landed(Outcome),
}

/// As a task would have it: what panics is lost, and nobody who waits for it ends with it.
fn caught<T>(act: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(act)).ok()
}

/// Who waits.
#[derive(Default)]
struct Seats(Mutex<Vec<Option<Waker>>>);

impl Seats {
    /// Has this one woken when there is something to do; says which seat is theirs.
    fn take(&self, seat: &mut Option<usize>, waker: &Waker) -> usize {
        let mut seats = lock(&self.0);
        let seat = *seat.get_or_insert_with(|| {
            seats.push(None);
            seats.len() - 1
        });
        if let Some(place) = seats.get_mut(seat)
            && !place.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *place = Some(waker.clone());
        }
        seat
    }

    /// Wakes all but whoever is awake already.
    fn wake_but(&self, awake: Option<usize>) {
        let mut seats = lock(&self.0);
        let others = seats.iter_mut().enumerate().filter(|(seat, _)| Some(*seat) != awake);
        let wakers: Vec<_> = others.filter_map(|(_, waker)| waker.take()).collect();
        // A waker is anybody's code, and may come back here.
        drop(seats);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Seats {
    fn wake(self: Arc<Self>) {
        self.wake_but(None);
    }
}

/// A place on a flight: a future of its result.
pub(crate) struct Boarded {
    /// Nothing when it has landed.
    flight: Option<Arc<Flight>>,
    seat: Option<usize>,
    runtime: Handle,
}

impl Future for Boarded {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Self { flight, seat, .. } = &mut *self;
        // As all futures that are polled after they were ready.
        let Some(on_board) = flight else { return Poll::Pending };
        let poll = on_board.poll(seat, context);
        if poll.is_ready() {
            *flight = None;
        }
        poll
    }
}

impl Drop for Boarded {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        let mut state = lock(&flight.state);
        if state.outcome.is_some() || state.has_task {
            return;
        }
        state.has_task = true;
        drop(state);
        self.runtime.spawn(async move {
            let mut seat = None;
            drop(poll_fn(|context| flight.poll(&mut seat, context)).await);
        });
    }
}

impl fmt::Debug for Boarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Boarded").finish_non_exhaustive()
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
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
