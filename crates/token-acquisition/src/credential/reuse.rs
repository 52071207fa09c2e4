//! Assertions that were signed a moment ago, so that one signature serves the requests of some
//! minutes. A signature costs a millisecond of computing, or a request to a vault.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use entra_abstractions::{Secret, TokenError};
use tokio::sync;

/// What an assertion says, apart from its times and its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Statement {
    pub(super) thumbprint: String,
    pub(super) client: String,
    pub(super) audience: String,
    /// What is said beside.
    pub(super) further: Option<String>,
}

/// One slot for each statement; whoever comes while it is being filled waits for that signature.
#[derive(Default)]
pub(super) struct Reuse(Mutex<HashMap<Statement, Arc<Slot>>>);

type Slot = sync::Mutex<Option<Kept>>;

struct Kept {
    assertion: Secret,
    signed_at: SystemTime,
}

impl Kept {
    /// A clock that was set back does not make an assertion live longer.
    fn serves(&self, now: SystemTime) -> bool {
        now.duration_since(self.signed_at).is_ok_and(|age| age < SERVES_FOR)
    }
}

/// Half of an assertion's life: the rest is for clocks that disagree.
const SERVES_FOR: Duration = Duration::from_secs(300);

/// So many tenants are served by one certificate before old assertions are looked for.
const MOST: usize = 1_024;

impl Reuse {
    /// The assertion that is kept, or a new one.
    pub(super) async fn or_sign(
        &self,
        statement: Statement,
        now: SystemTime,
        sign: impl Future<Output = Result<Secret, TokenError>>,
    ) -> Result<Secret, TokenError> {
        let slot = self.slot(statement, now);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.serves(now)) {
            return Ok(kept.assertion.clone());
        }
        let assertion = sign.await?;
        *kept = Some(Kept { assertion: assertion.clone(), signed_at: now });
        Ok(assertion)
    }

    /// Forgets what was said: it has been refused.
    pub(super) fn forget(&self, client: &str, audience: &str) {
        self.slots().retain(|statement, _| statement.client != client || statement.audience != audience);
    }

    fn slot(&self, statement: Statement, now: SystemTime) -> Arc<Slot> {
        let mut slots = self.slots();
        if slots.len() >= MOST && !slots.contains_key(&statement) {
            // One that is locked is in use.
            slots.retain(|_, slot| {
                slot.try_lock().map_or(true, |kept| kept.as_ref().is_some_and(|kept| kept.serves(now)))
            });
            if slots.len() >= MOST {
                slots.clear();
            }
        }
        Arc::clone(slots.entry(statement).or_default())
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Statement, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    fn said(audience: &str) -> Statement {
        Statement { thumbprint: "t".into(), client: "c".into(), audience: audience.into(), further: None }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    async fn ask(reuse: &Reuse, audience: &str, seconds: u64, signed: &AtomicUsize) -> String {
        let sign = async {
            tokio::task::yield_now().await;
            Ok(Secret::new(signed.fetch_add(1, Ordering::Relaxed).to_string()))
        };
        reuse.or_sign(said(audience), at(seconds), sign).await.unwrap().expose().to_owned()
    }

    #[tokio::test]
    async fn one_signature_serves_five_minutes_for_each_audience() {
        let (reuse, signed) = (Reuse::default(), AtomicUsize::new(0));
        for (audience, seconds, expected) in
            [("a", 1_000, "0"), ("a", 1_299, "0"), ("b", 1_299, "1"), ("a", 1_300, "2"), ("a", 900, "3")]
        {
            assert_eq!(ask(&reuse, audience, seconds, &signed).await, expected, "{audience} at {seconds}");
        }
        reuse.forget("c", "a");
        assert_eq!(ask(&reuse, "a", 900, &signed).await, "4");
        assert_eq!(ask(&reuse, "b", 1_300, &signed).await, "1");
    }

    #[tokio::test]
    async fn those_who_come_together_share_one_signature() {
        let (reuse, signed) = (Reuse::default(), AtomicUsize::new(0));
        let all = join_all((0..50).map(|_| ask(&reuse, "a", 1_000, &signed))).await;
        assert!(all.iter().all(|assertion| assertion == "0"));
        assert_eq!(signed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failed_signature_is_not_kept() {
        let (reuse, signed) = (Reuse::default(), AtomicUsize::new(0));
        let fails = async { Err(entra_abstractions::Misconfigured::new("no key").into()) };
        assert!(reuse.or_sign(said("a"), at(1_000), fails).await.is_err());
        assert_eq!(ask(&reuse, "a", 1_000, &signed).await, "0");
    }

    #[tokio::test]
    async fn it_stays_bounded() {
        let (reuse, signed) = (Reuse::default(), AtomicUsize::new(0));
        for tenant in 0..MOST + 10 {
            ask(&reuse, &tenant.to_string(), 1_000, &signed).await;
        }
        assert!(reuse.slots().len() <= MOST);
    }
}
