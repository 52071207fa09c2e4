//! Somebody looks into the store without a flight. Where they go away before it answers, a flight goes on.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::TokenAcquirer;
use crate::{fetch::Purpose, plan::Plan};

/// Else callers who wait for less than a store that hangs may take would never have a token, and nobody
/// would learn that it hangs.
pub(super) struct LoneLook<'a> {
    engine: &'a TokenAcquirer,
    plan: &'a Arc<Plan>,
    is_through: bool,
}

impl<'a> LoneLook<'a> {
    pub(super) fn begin(engine: &'a TokenAcquirer, plan: &'a Arc<Plan>) -> Self {
        Self { engine, plan, is_through: false }
    }

    /// The store has answered, or nobody waits for it any more; this is what came of it.
    pub(super) fn end<T>(mut self, seen: T) -> T {
        self.is_through = true;
        seen
    }
}

impl Drop for LoneLook<'_> {
    fn drop(&mut self) {
        // Without a runtime, as when it ends, there is nothing to go on.
        if !self.is_through && Handle::try_current().is_ok() {
            drop(self.engine.board(Arc::clone(self.plan), Purpose::Fetch, None));
        }
    }
}
