//! Whether the store is asked at all: after a few failures in a row it is taken for away, and nobody
//! waits for it before it was seen to answer again. Pure: it is told the time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    is_away: bool,
    is_looked_for: bool,
    asked_at: Option<Instant>,
}

/// One failure is a connection that was lost. Three in a row are a store that is away.
const FAILURES: u32 = 3;

/// For how long after somebody asked the store is looked for.
const WANTED_FOR: Duration = Duration::from_secs(2);

/// Whether to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Free,
    /// Not now; and whether it is up to this caller to begin looking for the store.
    Shut {
        look_for_it: bool,
    },
}

impl Breaker {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn passage(&self, now: Instant) -> Passage {
        self.with(|state| {
            if !state.is_away {
                return Passage::Free;
            }
            state.asked_at = Some(now);
            let look_for_it = !state.is_looked_for;
            state.is_looked_for = true;
            Passage::Shut { look_for_it }
        })
    }

    pub(super) fn is_away(&self) -> bool {
        self.with(|state| state.is_away)
    }

    /// The store answered. Says whether it had been away.
    pub(super) fn answered(&self) -> bool {
        self.with(|state| {
            state.failures = 0;
            std::mem::take(&mut state.is_away)
        })
    }

    /// The store failed. Says whether it is taken for away from now on.
    pub(super) fn failed(&self) -> bool {
        self.with(|state| {
            state.failures = state.failures.saturating_add(1);
            let goes = !state.is_away && state.failures >= FAILURES;
            state.is_away |= goes;
            goes
        })
    }

    /// Whether the one who looks for the store goes on: it is away, and somebody asked of late.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        self.with(|state| {
            let of_late = state.asked_at.is_some_and(|at| now.duration_since(at) < WANTED_FOR);
            state.is_looked_for = state.is_away && of_late;
            state.is_looked_for
        })
    }

    /// Nobody looks for the store any more, for whatever reason.
    pub(super) fn is_left_alone(&self) {
        self.with(|state| state.is_looked_for = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_failures_in_a_row_and_one_answer() {
        let breaker = Breaker::default();
        let now = Instant::now();
        assert!(!breaker.failed() && !breaker.failed());
        assert!(!breaker.answered(), "it was not away");
        assert!(!breaker.failed() && !breaker.failed());
        assert_eq!(breaker.passage(now), Passage::Free);
        assert!(breaker.failed(), "from now on");
        assert!(!breaker.failed(), "it is told once");
        assert_eq!(breaker.passage(now), Passage::Shut { look_for_it: true });
        assert_eq!(breaker.passage(now), Passage::Shut { look_for_it: false });
        assert!(breaker.answered() && !breaker.is_away());
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_for_while_somebody_asks() {
        let breaker = Breaker::default();
        assert_eq!((0..3).filter(|_| breaker.failed()).count(), 1);
        let now = Instant::now();
        breaker.passage(now);
        assert!(breaker.is_wanted(now + Duration::from_secs(1)));
        assert!(!breaker.is_wanted(now + Duration::from_secs(2)));
        assert_eq!(breaker.passage(now), Passage::Shut { look_for_it: true }, "whoever comes next");
        breaker.is_left_alone();
        assert_eq!(breaker.passage(now), Passage::Shut { look_for_it: true });
    }
}
