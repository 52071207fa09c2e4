//! The one place that waits for time to pass.

use std::time::Duration;

/// Waits.
#[expect(clippy::disallowed_methods, reason = "whoever waits says for how long, and for what")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
