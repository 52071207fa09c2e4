//! The emulator's own time, which a test can move, set or hold.
//!
//! Token times, the `Date` header and every check of a lifetime read this clock and no other.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;

use crate::guarded::Guarded;

/// The emulator's time: runs with the machine's clock until it is moved.
///
/// ```
/// # use std::time::Duration;
/// # use entra_emulator::Emulator;
/// let emulator = Emulator::start_blocking()?;
/// let before = emulator.clock().now();
/// emulator.clock().advance(Duration::from_secs(7200));
/// assert!(emulator.clock().now() >= before + Duration::from_secs(7200));
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Debug)]
pub struct VirtualClock {
    mode: Guarded<Mode>,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Running { ahead: Duration, behind: Duration },
    Held(SystemTime),
}

impl VirtualClock {
    pub(crate) fn new() -> Self {
        Self { mode: Guarded::new(Mode::Running { ahead: Duration::ZERO, behind: Duration::ZERO }) }
    }

    /// What time it is for the emulator.
    pub fn now(&self) -> SystemTime {
        let mode = *self.mode.lock();
        match mode {
            Mode::Running { ahead, behind } => machine_time() + ahead - behind,
            Mode::Held(at) => at,
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        match &mut *self.mode.lock() {
            Mode::Running { ahead, .. } => *ahead += by,
            Mode::Held(at) => *at += by,
        }
    }

    /// Moves the clock back.
    pub fn rewind(&self, by: Duration) {
        match &mut *self.mode.lock() {
            Mode::Running { behind, .. } => *behind += by,
            Mode::Held(at) => *at -= by,
        }
    }

    /// Sets the clock; it runs on from there.
    pub fn set(&self, to: SystemTime) {
        let machine = machine_time();
        *self.mode.lock() = Mode::Running {
            ahead: to.duration_since(machine).unwrap_or_default(),
            behind: machine.duration_since(to).unwrap_or_default(),
        };
    }

    /// Sets the clock and stops it: it stands still until it is moved again.
    pub fn hold(&self, at: SystemTime) {
        *self.mode.lock() = Mode::Held(at);
    }

    /// Follows the machine's clock again.
    pub fn reset(&self) {
        *self.mode.lock() = Mode::Running { ahead: Duration::ZERO, behind: Duration::ZERO };
    }
}

/// Seconds since 1970, as tokens carry them.
pub(crate) fn unix(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// `Sat, 21 Nov 2026 08:00:00 GMT`, as the `Date` header wants it.
pub(crate) fn http_date(at: SystemTime) -> String {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::from(at).format(form).unwrap_or_default()
}

/// `2026-11-21 08:00:00Z`, as Entra writes the time of an error.
pub(crate) fn stamp(at: SystemTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    OffsetDateTime::from(at).format(form).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock: the one place that reads the machine's time"
)]
fn machine_time() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_clock_moves_only_when_moved() {
        let clock = VirtualClock::new();
        let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        clock.hold(at);
        clock.advance(Duration::from_secs(30));
        clock.rewind(Duration::from_secs(10));
        assert_eq!(clock.now(), at + Duration::from_secs(20));
    }

    #[test]
    fn dates_have_the_forms_of_http_and_of_entra() {
        let at = UNIX_EPOCH + Duration::from_secs(1_795_248_000);
        assert_eq!(http_date(at), "Sat, 21 Nov 2026 08:00:00 GMT");
        assert_eq!(stamp(at), "2026-11-21 08:00:00Z");
    }
}
