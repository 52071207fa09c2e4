//! The second level of the cache: a store that instances share. Everything in it can be fetched
//! again, so it is never why a call fails: it is asked for a moment only, left alone while it is
//! away, and written to behind the calls.
//!
//! What goes there: the tokens of applications, of users who called or signed in, of agents and of
//! their users, each in a record of its own under the digest of its key. What never does: the
//! tokens of managed identities, because every host has a system-assigned one and all of them have
//! the same key; and those of long-running sessions, because a session that was ended here must not
//! be served there. Of a session only its own record is shared, which is another room.

mod alone;
mod breaker;
mod counts;
mod find;
mod lease;
mod probe;
mod queue;
mod record;
mod writer;

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use entra_abstractions::{Clock, Kept, Scheme, SharedStore, StoreError, StoreKey, StoredEntry};
use futures_util::FutureExt;
use tokio::{
    sync::Notify,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use crate::{
    cache::{KeyDigest, KeyRef, OwnerRef},
    telemetry,
};

use alone::Alone;
pub(crate) use alone::LoneLook;
use breaker::{Breaker, Passage};
pub(crate) use counts::{Counts, Leased, Looked, Side, Word, Wrote};
pub(crate) use find::{Findings, Unseen, find, look_once};
use queue::{Queue, Rank, Write};
pub(crate) use record::TokenRecord;

/// A store that is shared, and what this process knows of it.
#[derive(Debug)]
pub(crate) struct SecondLevel {
    store: SharedStore,
    clock: Arc<dyn Clock>,
    breaker: Breaker,
    /// For an explanation.
    last_failure: Mutex<Option<StoreError>>,
    queue: Queue,
    writes_fail: AtomicBool,
    /// Tells the writer that the store answers again.
    is_back: Notify,
    alone: Alone,
    has_told_unreadable: AtomicBool,
    has_told_dropped: AtomicBool,
    counts: Counts,
}

/// How long the store is waited for where nobody else can answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same, while it is taken for away: slow is better than nothing, but not for long.
const PATIENCE_WHILE_AWAY: Duration = Duration::from_secs(1);

/// The least that it is waited for where instances share a lease. That is for what is expensive to
/// fetch, and instances that start at once open their connections and ask for the same at once: a
/// store that is busy with them is not away.
const PATIENCE_WITH_A_LEASE: Duration = Duration::from_secs(1);

/// How long it is waited for before a process ends.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// No token lives longer than that, so nothing would be left to remove.
const LONGEST_LIFE: Duration = Duration::from_secs(2 * 24 * 3_600);

impl SecondLevel {
    pub(crate) fn new(store: SharedStore, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            breaker: Breaker::default(),
            last_failure: Mutex::default(),
            queue: Queue::default(),
            writes_fail: AtomicBool::new(false),
            is_back: Notify::new(),
            alone: Alone::new(Instant::now()),
            has_told_unreadable: AtomicBool::new(false),
            has_told_dropped: AtomicBool::new(false),
            counts: Counts::default(),
        })
    }

    pub(crate) fn store(&self) -> &SharedStore {
        &self.store
    }

    #[cfg(any(test, feature = "opentelemetry"))]
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether the store is taken for away, so that it is not waited for.
    pub(crate) fn is_away(&self) -> bool {
        self.breaker.is_away()
    }

    /// Why it could not be read when it could not last.
    pub(crate) fn last_failure(&self) -> Option<StoreError> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many writes wait, and how many bytes they take.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.queue.len(), self.queue.bytes())
    }

    /// Looks where Entra can answer as well: for a moment only, and not while the store is away.
    /// That moment is never longer than what is left to the caller.
    pub(crate) async fn look(self: &Arc<Self>, at: &StoreKey, left: Duration) -> Result<Kept, Looked> {
        self.look_at(Instant::now(), at, left).await
    }

    /// The same, for whoever knows the time.
    pub(crate) async fn look_at(
        self: &Arc<Self>,
        now: Instant,
        at: &StoreKey,
        left: Duration,
    ) -> Result<Kept, Looked> {
        if let Passage::Shut { look_for_it } = self.breaker.passage(now) {
            if look_for_it {
                self.look_for_it();
            }
            return Err(Looked::Away);
        }
        let patience = self.patience().min(left);
        // Not even a store that panics is why a call fails.
        let looking = AssertUnwindSafe(self.store.get(at)).catch_unwind();
        let answered = timeout_at(now + patience, looking).await;
        self.looked(answered, patience)
    }

    fn looked(
        &self,
        answered: Result<thread::Result<Result<Kept, StoreError>>, Elapsed>,
        patience: Duration,
    ) -> Result<Kept, Looked> {
        match answered.map(|it| it.unwrap_or_else(|_panic| Err(panicked()))) {
            Ok(Ok(kept)) => {
                self.has_answered();
                Ok(kept)
            }
            Ok(Err(error)) => {
                self.has_failed(&error);
                Err(Looked::Failed)
            }
            Err(_elapsed) => {
                self.has_failed(&no_answer("shared", patience));
                Err(Looked::Late)
            }
        }
    }

    /// Asks where nobody else can answer: even a store that is taken for away.
    pub(crate) async fn ask<T>(
        &self,
        of: &'static str,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = self.ask_to_write(of, answer).await;
        match &result {
            // A late answer is one, but none for those who would not have waited.
            Ok(_) if began.elapsed() <= self.patience() => self.has_answered(),
            Ok(_) => {}
            Err(error) => self.has_failed(error),
        }
        result
    }

    /// The same for what is written. Whether it is says nothing of reads: a store that is full is read.
    pub(crate) async fn ask_to_write<T>(
        &self,
        of: &'static str,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let patience = if self.is_away() { PATIENCE_WHILE_AWAY } else { PATIENCE };
        timeout(patience, answer).await.unwrap_or_else(|_elapsed| Err(no_answer(of, patience)))
    }

    /// Keeps a token that was fetched, behind the call.
    pub(crate) fn keep(self: &Arc<Self>, key: &KeyRef<'_>, record: &TokenRecord) {
        let at = place(key);
        self.write(at, Write::Put(record.to_entry(&at)), Rank::Fetchable);
    }

    /// Keeps what cannot be fetched again, behind the call.
    pub(crate) fn keep_safe(self: &Arc<Self>, at: StoreKey, entry: StoredEntry) {
        self.write(at, Write::Put(entry), Rank::Kept);
    }

    /// Lets go of what is under a key, behind the call.
    pub(crate) fn forget(self: &Arc<Self>, at: StoreKey) {
        self.write(at, Write::Remove { until: self.clock.now() + LONGEST_LIFE }, Rank::Kept);
    }

    /// Waits until all is written; where the store is away, for some seconds.
    pub(crate) async fn settled(self: &Arc<Self>) {
        self.write_on();
        drop(timeout(LAST_PATIENCE, self.queue.is_drained()).await);
    }

    /// How long the store is waited for where Entra can answer as well.
    fn patience(&self) -> Duration {
        let patience = self.store.given_up_after();
        if self.store.leased_for().is_some() { patience.max(PATIENCE_WITH_A_LEASE) } else { patience }
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn has_answered(&self) {
        if self.breaker.answered() {
            self.counts.back.count(Side::Reads);
            self.is_back.notify_waiters();
            telemetry::store_is_back(Side::Reads);
        }
    }

    fn has_failed(&self, error: &StoreError) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        if self.breaker.failed() {
            self.counts.away.count(Side::Reads);
            telemetry::store_is_away(Side::Reads, error);
        }
    }

    /// A refresh token's record that cannot be read counts as a token's does.
    pub(crate) fn count_unreadable(&self) {
        self.counts.looks.count(Looked::Unreadable);
    }

    /// Something that should be readable is not: told once.
    pub(crate) fn is_unreadable(&self, at: &StoreKey, why: &str) {
        if !self.has_told_unreadable.swap(true, Ordering::Relaxed) {
            telemetry::store_is_unreadable(at, why);
        }
    }
}

#[cold]
fn panicked() -> StoreError {
    StoreError::new("shared", "it panicked")
}

fn no_answer(of: &str, patience: Duration) -> StoreError {
    let what = match patience.as_secs() {
        0 => format!("no answer in {} ms", patience.as_millis()),
        seconds => format!("no answer in {seconds} s"),
    };
    StoreError::new(of, what)
}

/// Under which a token is kept: the digest that logs tell the beginning of.
pub(crate) fn place(key: &KeyRef<'_>) -> StoreKey {
    of_digest(&key.digest())
}

fn of_digest(digest: &KeyDigest) -> StoreKey {
    StoreKey::from_bytes(*digest.as_bytes())
}

/// Whether a token may leave the process, for the instances that share the store. A new kind of owner does not compile before that is decided.
pub(crate) fn is_shared(key: &KeyRef<'_>) -> bool {
    if *key.scheme == Scheme::MtlsPop {
        // It serves with the certificate alone to which it is bound, and that one's key stays here.
        return false;
    }
    match key.owner {
        // Where there is no application, the host is whose token it is.
        OwnerRef::App => key.identity.host.is_none(),
        OwnerRef::Assertion(_) | OwnerRef::Account(_) | OwnerRef::AgentUser(_) => true,
        OwnerRef::Keeping { .. } | OwnerRef::Session(_) | OwnerRef::ManagedIdentity(_) => false,
    }
}

#[cfg(test)]
mod tests;
