//! Takes the time of contestants by turns, in rounds so short that most are not disturbed.

use std::{
    hint::{black_box, spin_loop},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// An operation, made to run many times without a call between.
pub(super) type Op = Arc<dyn Fn(u32) + Send + Sync>;

/// Makes an operation that can be timed.
pub(super) fn op<T>(once: impl Fn() -> T + Send + Sync + 'static) -> Op {
    Arc::new(move |times| {
        for _ in 0..times {
            // By reference: moving what came would be measured, too.
            black_box(&once());
        }
    })
}

/// Long beside the cost of reading a clock, short beside the slices of a scheduler.
const ROUND: Duration = Duration::from_micros(100);

/// Rounds of two threads count where they ran together for most of the time.
const TOGETHER: f64 = 0.6;

/// So many times the rounds of two threads are run, until half as many as wanted count.
const PATIENCE: usize = 20;

/// Nanoseconds for one operation, of each contestant in each round.
pub(super) fn alone(contestants: &[&Op], rounds: usize) -> Vec<Vec<f64>> {
    let times: Vec<u32> = contestants.iter().map(|op| calibrate(op)).collect();
    let mut samples = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for ((op, times), samples) in contestants.iter().zip(&times).zip(&mut samples) {
            let begin = now();
            op(*times);
            samples.push(per_operation(now() - begin, *times));
        }
    }
    samples
}

/// The same with two threads that do the same at the same time: the mean of both.
pub(super) fn by_two(contestants: &[&Op], rounds: usize) -> Vec<Vec<f64>> {
    let times: Vec<u32> = contestants.iter().map(|op| calibrate(op)).collect();
    let ready = AtomicUsize::new(0);
    let run = |core| {
        stay_on(core);
        let mut windows = Vec::with_capacity(rounds * contestants.len());
        for _ in 0..rounds {
            for (op, times) in contestants.iter().zip(&times) {
                meet(&ready, 2 * (windows.len() + 1));
                let begin = now();
                op(*times);
                windows.push((begin, now()));
            }
        }
        windows
    };
    let mut samples = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..PATIENCE {
        ready.store(0, Ordering::Release);
        let (one, other) = thread::scope(|scope| {
            let (one, other) = (scope.spawn(move || run(0)), scope.spawn(move || run(1)));
            (one.join().unwrap_or_default(), other.join().unwrap_or_default())
        });
        for (at, (one, other)) in one.into_iter().zip(other).enumerate() {
            let which = at % contestants.len();
            if let (Some(samples), Some(times)) = (samples.get_mut(which), times.get(which))
                && let Some(took) = together(one, other)
            {
                samples.push(per_operation(took, *times));
            }
        }
        if samples.iter().all(|samples| samples.len() >= rounds / 2) {
            break;
        }
    }
    samples
}

/// The mean length of two windows, if they overlap enough.
fn together(one: (Instant, Instant), other: (Instant, Instant)) -> Option<Duration> {
    let (length, other_length) = (one.1 - one.0, other.1 - other.0);
    let overlap = one.1.min(other.1).saturating_duration_since(one.0.max(other.0));
    let enough = length.max(other_length).mul_f64(TOGETHER);
    (overlap >= enough).then(|| (length + other_length) / 2)
}

/// Waits until both threads are here.
fn meet(ready: &AtomicUsize, all: usize) {
    ready.fetch_add(1, Ordering::AcqRel);
    let mut spins = 0_u32;
    while ready.load(Ordering::Acquire) < all {
        spins += 1;
        // The other one may wait for this very core.
        if spins.is_multiple_of(10_000) { thread::yield_now() } else { spin_loop() }
    }
}

/// Two threads that wait for each other end up on one core of a busy machine, and never run
/// together. Where threads cannot be bound, that is what may happen.
fn stay_on(core: usize) {
    #[cfg(target_os = "linux")]
    {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        // A machine without this core measures what it can.
        let _bound = rustix::thread::sched_setaffinity(None, &cores);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// How many operations fill a round.
fn calibrate(op: &Op) -> u32 {
    let mut times = 1;
    loop {
        let best = (0..5).map(|_| {
            let begin = now();
            op(times);
            now() - begin
        });
        if best.min().unwrap_or_default() >= ROUND || times > u32::MAX / 2 {
            return times;
        }
        times *= 2;
    }
}

fn per_operation(took: Duration, times: u32) -> f64 {
    took.as_secs_f64() * 1e9 / f64::from(times)
}

#[expect(clippy::disallowed_methods, reason = "this is what a stopwatch is")]
fn now() -> Instant {
    Instant::now()
}
