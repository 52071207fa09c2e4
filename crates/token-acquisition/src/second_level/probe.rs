//! Looks for a store that is away, so that no caller has to: one task, while somebody asks.

use std::{sync::Arc, time::Duration};

use entra_abstractions::SharedStore;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::SecondLevel;

/// How often. A store that is back is found within this time and that of an answer.
const EVERY: Duration = Duration::from_millis(250);

/// How long one try may take: opening a connection takes longer than a look may, and would else
/// never come to its end. The next tries begin beside it, since it may never be answered.
const PATIENCE: Duration = Duration::from_secs(1);

impl SecondLevel {
    pub(super) fn look_for_it(self: &Arc<Self>) {
        let looking = Looking(Arc::clone(self));
        // Whoever asks does so on a runtime.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(looking.go_on());
        }
    }
}

/// Whoever looks; when it ends for whatever reason, the next caller begins anew.
struct Looking(Arc<SecondLevel>);

impl Looking {
    async fn go_on(self) {
        let level = &self.0;
        let mut tries = JoinSet::new();
        loop {
            let next = Instant::now() + EVERY;
            tries.spawn(check(level.store.clone(), true));
            while let Ok(Some(tried)) = timeout_at(next, tries.join_next()).await {
                // An answer for which no caller would wait is none. But it may have been late for the
                // connection that was opened for it, which the next one finds open.
                match tried {
                    Ok(Some((took, _))) if took <= level.patience() => {
                        level.has_answered();
                        return;
                    }
                    Ok(Some((_, is_first))) if is_first => {
                        tries.spawn(check(level.store.clone(), false));
                    }
                    _ => {}
                }
            }
            sleep_until(next).await;
            if !level.breaker.is_wanted(Instant::now()) {
                return;
            }
        }
    }
}

/// How long it took, where there was an answer; and whether it was the first of two tries.
async fn check(store: SharedStore, is_first: bool) -> Option<(Duration, bool)> {
    let began = Instant::now();
    let answer = timeout(PATIENCE, store.check()).await;
    matches!(answer, Ok(Ok(()))).then(|| (began.elapsed(), is_first))
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.breaker.is_left_alone();
    }
}
