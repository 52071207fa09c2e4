//! The load: several hundred acquisitions per second, of keys that are new, of keys that another
//! instance has, and of one that is hot.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval},
};

use super::instance::Instance;

/// Five acquisitions each.
const EVERY: Duration = Duration::from_millis(16);

/// More callers than that do not come before some have gone: what is measured is the store, not how
/// this machine bears a crowd.
const MOST: usize = 32;

/// How far the second instance is behind the first.
const BEHIND: usize = 20;

/// Who is under load.
#[derive(Debug)]
pub(super) struct Crew {
    /// Asks for what nobody has.
    pub(super) first: Instance,
    /// Asks for what the first one had fetched.
    pub(super) second: Instance,
    /// Asks for what the first one asks for, and has no store.
    pub(super) alone: Instance,
}

#[derive(Debug)]
pub(super) struct Load {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    count: AtomicUsize,
    seen: Mutex<Seen>,
}

/// What callers saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) fresh: Vec<Sample>,
    pub(super) failures: Vec<String>,
}

/// A key that was new to everybody, asked for with a store and without one, in one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) sharing: Duration,
    pub(super) alone: Duration,
}

impl Load {
    /// Begins; the names of keys begin with this.
    pub(super) fn begin(crew: &Arc<Crew>, name: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(go_on(Arc::clone(&shared), Arc::clone(crew), name.to_owned()));
        Self { shared, task }
    }

    /// Ends, when the last caller has their answer.
    pub(super) async fn end(self) -> anyhow::Result<(usize, Seen)> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.task.await?;
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((self.shared.count.load(Ordering::Relaxed), std::mem::take(&mut seen)))
    }
}

async fn go_on(shared: Arc<Shared>, crew: Arc<Crew>, name: String) {
    let mut ticks = interval(EVERY);
    // A busy machine is not made busier by what it has missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut callers = JoinSet::new();
    for number in 0_usize.. {
        ticks.tick().await;
        if shared.is_over.load(Ordering::Relaxed) {
            break;
        }
        while callers.try_join_next().is_some() {}
        if callers.len() >= MOST {
            callers.join_next().await;
        }
        let (shared, crew, name) = (Arc::clone(&shared), Arc::clone(&crew), name.clone());
        callers.spawn(async move { shared.call(&crew, &name, number).await });
    }
    while callers.join_next().await.is_some() {}
}

impl Shared {
    async fn call(&self, crew: &Crew, name: &str, number: usize) {
        let fresh = format!("{name} {number}");
        let at = Instant::now();
        // By turns, so that what the first one warms up serves both alike.
        let (sharing, alone) = if number.is_multiple_of(2) {
            let sharing = self.time(&crew.first, &fresh).await;
            (sharing, self.time(&crew.alone, &fresh).await)
        } else {
            let alone = self.time(&crew.alone, &fresh).await;
            (self.time(&crew.first, &fresh).await, alone)
        };
        self.seen().fresh.push(Sample { at, sharing, alone });
        let hot = format!("{name} hot");
        self.time(&crew.first, &hot).await;
        self.time(&crew.second, &hot).await;
        if let Some(before) = number.checked_sub(BEHIND) {
            self.time(&crew.second, &format!("{name} {before}")).await;
        }
    }

    async fn time(&self, instance: &Instance, name: &str) -> Duration {
        let began = Instant::now();
        let result = instance.ask(name).await;
        let took = began.elapsed();
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = result {
            self.seen().failures.push(error.in_short().to_string());
        }
        took
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What callers waited for a key that nobody had, over some time: 99 of 100 of them at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    pub(super) calls: usize,
    pub(super) sharing: Duration,
    pub(super) alone: Duration,
    /// How far two halves of those without a store are apart: what this machine adds by itself.
    pub(super) noise: Duration,
    /// What the store added for one caller of two, in the middle of all pairs; below zero where it
    /// was the quicker one.
    pub(super) typical: f64,
}

impl Seen {
    /// The calls of some time.
    pub(super) fn during(&self, from: Instant, to: Instant) -> Vec<Sample> {
        self.fresh.iter().filter(|sample| (from..to).contains(&sample.at)).copied().collect()
    }
}

impl Waits {
    pub(super) fn of(samples: &[Sample]) -> Option<Self> {
        let half = |remainder| {
            let half = samples.iter().enumerate().filter(move |(at, _)| at % 2 == remainder);
            p99(half.map(|(_, sample)| sample.alone).collect())
        };
        let mut added: Vec<f64> = samples.iter().map(|one| millis(one.sharing) - millis(one.alone)).collect();
        added.sort_by(f64::total_cmp);
        Some(Self {
            calls: samples.len(),
            sharing: p99(samples.iter().map(|sample| sample.sharing).collect())?,
            alone: p99(samples.iter().map(|sample| sample.alone).collect())?,
            noise: half(0)?.abs_diff(half(1)?),
            typical: added.get(added.len() / 2).copied()?,
        })
    }

    pub(super) fn added(&self) -> f64 {
        millis(self.sharing) - millis(self.alone)
    }
}

fn p99(mut all: Vec<Duration>) -> Option<Duration> {
    all.sort_unstable();
    all.get((all.len() * 99 / 100).min(all.len().saturating_sub(1))).copied()
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_does_not_count() {
        let at = Instant::now();
        let fresh = (1..=200)
            .map(|number| {
                let alone = Duration::from_millis(if number > 198 { 900 } else { 10 });
                Sample { at, sharing: alone + Duration::from_millis(2), alone }
            })
            .collect();
        let seen = Seen { fresh, failures: Vec::new() };
        let waits = Waits::of(&seen.during(at, at + EVERY)).unwrap();
        assert_eq!((waits.alone, waits.sharing), (Duration::from_millis(900), Duration::from_millis(902)));
        assert_eq!((waits.noise, waits.typical.round(), waits.added().round()), (Duration::ZERO, 2.0, 2.0));
        assert!(Waits::of(&seen.during(at + EVERY, at + EVERY * 2)).is_none());
    }
}
