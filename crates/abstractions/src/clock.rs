//! What time it is, as a value that can be handed in, so that a test can hold it.

use std::{fmt::Debug, time::SystemTime};

#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};

/// Tells the time. Every crate that looks at expiry asks one of these, never the system.
#[doc(alias = "TimeProvider")]
pub trait Clock: Send + Sync + Debug {
    /// The time now. Called on the hot path: it must neither block nor allocate.
    fn now(&self) -> SystemTime;
}

/// The machine's own clock, to a few milliseconds.
///
/// Nothing here depends on less than a second, and the clock is read for every token that is
/// served; so it is the time of the system's last tick, where the system tells that, which costs a
/// quarter of the exact one.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    fn now(&self) -> SystemTime {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        // A machine that believes to live before 1970 gets no token anyway.
        let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
        SystemTime::UNIX_EPOCH
            + std::time::Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the system's clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the clock under test is held against the exact one")]
    fn it_tells_the_time() {
        let apart = SystemTime::now().duration_since(SystemClock.now()).unwrap_or_default();
        assert!(apart < std::time::Duration::from_secs(1), "{apart:?}");
        assert!(SystemClock.now() <= SystemTime::now());
    }
}
