//! The one place that waits: servers and proxies live beside the runtime of a test, not in it.

use std::{thread, time::Duration};

/// Blocks this thread.
#[expect(clippy::disallowed_methods, reason = "threads of a test's surroundings, which serve no requests")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
