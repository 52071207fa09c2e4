//! When to log in again to a server that refused it: less and less often. Many a server locks an
//! account after a few refusals, for every program that has it.

use std::{
    fmt::{self, Debug},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What a store's connections know of logins that were refused. Whoever implements a
/// [`StoreTokens`](crate::StoreTokens) logs in by it.
///
/// A server that is merely away is tried again at once. One that refuses a user, a password or a
/// token is tried half a second later, and then after twice as long each time, up to half a minute;
/// until then, and while one tries, everybody else is told what it said last.
///
/// ```
/// use std::time::Instant;
/// use entra_abstractions::RefusedLogins;
///
/// # async fn connect() -> Result<(), &'static str> { Err("wrong password") }
/// # async fn run(now: fn() -> Instant) {
/// let logins = RefusedLogins::default();
/// let refuses = |error: &&str| *error == "wrong password";
/// assert!(logins.log_in(now, connect(), refuses).await.is_err());
/// // The server is not asked a second time.
/// let never = async { Ok(()) };
/// assert_eq!(logins.log_in(now, never, refuses).await, Err("wrong password"));
/// # }
/// ```
pub struct RefusedLogins<F>(Mutex<Option<Refusal<F>>>);

struct Refusal<F> {
    why: F,
    pause: Duration,
    again_at: Instant,
    /// Somebody tries, or tried and heard nothing of a refusal.
    is_tried: bool,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl<F: Clone> RefusedLogins<F> {
    /// Logs in, unless that was refused a short while ago. `refuses` tells a refusal, which is the
    /// same each time, from a server that is away.
    ///
    /// # Errors
    /// What the login fails with, or what the server said when it refused it last.
    pub async fn log_in<T>(
        &self,
        now: impl Fn() -> Instant,
        login: impl Future<Output = Result<T, F>>,
        refuses: impl FnOnce(&F) -> bool,
    ) -> Result<T, F> {
        self.begin(now())?;
        let result = login.await;
        match &result {
            Ok(_) => self.with(|last| *last = None),
            Err(why) if refuses(why) => self.refused(why, now()),
            Err(_) => {}
        }
        result
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Refusal<F>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begin(&self, now: Instant) -> Result<(), F> {
        self.with(|last| match last {
            None => Ok(()),
            Some(refusal) if now < refusal.again_at => Err(refusal.why.clone()),
            Some(refusal) => {
                // It may never come to its end: then another one tries later.
                refusal.again_at = now + refusal.pause;
                refusal.is_tried = true;
                Ok(())
            }
        })
    }

    fn refused(&self, why: &F, now: Instant) {
        self.with(|last| {
            let pause = match last {
                None => FIRST_PAUSE,
                Some(refusal) if refusal.is_tried => (refusal.pause * 2).min(LONGEST_PAUSE),
                // Of those who tried at once before anybody was refused.
                Some(_) => return,
            };
            *last = Some(Refusal { why: why.clone(), pause, again_at: now + pause, is_tried: false });
        });
    }
}

impl<F> Default for RefusedLogins<F> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<F> Debug for RefusedLogins<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedLogins").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Failure {
        Refused,
        Away,
    }

    /// How often a server was asked that answers in this way for so long, by somebody who wants in
    /// four times a second.
    struct Asker {
        logins: RefusedLogins<Failure>,
        now: Cell<Instant>,
        asked: Cell<u32>,
    }

    #[expect(clippy::disallowed_methods, reason = "any time will do: it is held from here on")]
    fn asker() -> Asker {
        Asker { logins: RefusedLogins::default(), now: Cell::new(Instant::now()), asked: Cell::new(0) }
    }

    impl Asker {
        fn ask(&self, answer: Result<(), Failure>) -> Result<(), Failure> {
            let login = async {
                self.asked.set(self.asked.get() + 1);
                answer
            };
            let refuses = |failure: &Failure| *failure == Failure::Refused;
            let login = pin!(self.logins.log_in(|| self.now.get(), login, refuses));
            match login.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => panic!("it waits"),
            }
        }

        fn ask_for(&self, seconds: u32, answer: Result<(), Failure>) -> u32 {
            self.asked.set(0);
            for _ in 0..seconds * 4 {
                assert!(self.ask(answer).is_err());
                self.now.set(self.now.get() + Duration::from_millis(250));
            }
            self.asked.get()
        }
    }

    #[test]
    fn a_refused_login_is_tried_less_and_less_often() {
        let asker = asker();
        assert_eq!(asker.ask_for(4, Err(Failure::Refused)), 4, "at once, after 0.5 s, 1.5 s, 3.5 s");
        assert_eq!(asker.ask_for(56, Err(Failure::Refused)), 3, "after 7.5 s, 15.5 s, 31.5 s");
        assert_eq!(asker.ask_for(600, Err(Failure::Refused)), 20);
        assert_eq!(asker.ask(Ok(())), Err(Failure::Refused), "whoever asks meanwhile is told");
        asker.now.set(asker.now.get() + LONGEST_PAUSE);
        assert_eq!(asker.ask(Ok(())), Ok(()));
        assert_eq!(asker.ask_for(1, Err(Failure::Refused)), 2, "it begins anew");
    }

    #[test]
    fn a_server_that_is_away_is_tried_at_once() {
        let asker = asker();
        assert_eq!(asker.ask_for(10, Err(Failure::Away)), 40);
        assert_eq!(asker.ask(Ok(())), Ok(()));
    }

    #[test]
    fn who_tried_at_once_is_one_refusal_and_one_of_them_tries_again() {
        let asker = asker();
        let now = asker.now.get();
        for _ in 0..8 {
            asker.logins.refused(&Failure::Refused, now);
        }
        let at = |milliseconds| asker.logins.begin(now + Duration::from_millis(milliseconds));
        assert_eq!((at(499), at(500), at(500)), (Err(Failure::Refused), Ok(()), Err(Failure::Refused)));
        assert_eq!((at(999), at(1_000)), (Err(Failure::Refused), Ok(())), "the first one heard nothing");
    }
}
