//! What time it is, as a value that can be handed in, so that a test can hold it.

use std::{fmt::Debug, time::SystemTime};

/// Tells the time. Every crate that looks at expiry asks one of these, never the system.
pub trait Clock: Send + Sync + Debug {
    /// The time now. Called on the hot path: it must neither block nor allocate.
    fn now(&self) -> SystemTime;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the system's clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
