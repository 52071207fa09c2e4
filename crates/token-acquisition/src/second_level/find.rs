//! What the store has for a plan: asked in the flight, once for each key, before any credential is.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, Kept, StoreKey, TokenError};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Looked, SecondLevel, TokenRecord,
    lease::{Lease, Turn, wait_for_turn},
    place,
};
use crate::{
    acquirer::TokenAcquirer,
    cache::{Age, Cached, KeyRef, Realm, Reason, Sought, Window, is_over},
    fetch::Purpose,
    plan::Plan,
    telemetry,
};

/// What came of asking the store.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    level: Option<Arc<SecondLevel>>,
    at: Option<StoreKey>,
    /// A token that serves; it is in memory by now.
    pub(crate) token: Option<AccessToken>,
    /// One in its last minute: it serves if no next one can be had.
    last: Option<AccessToken>,
    /// Whether the store said that it has none.
    is_absent: bool,
    lease: Option<Lease>,
}

/// Asks the store, where the plan's token may be there and would do: for a moment, or until this time
/// where another instance has a lease. What was seen before is not looked for again.
pub(crate) async fn find(
    engine: &TokenAcquirer,
    plan: &Plan,
    purpose: Purpose,
    until: Instant,
    seen: Option<Findings>,
    writes: usize,
) -> Findings {
    let mut findings = match seen {
        Some(seen) => seen,
        None => see(engine, plan, until, writes).await,
    };
    if findings.is_absent
        && purpose == Purpose::Fetch
        && !plan.is_write_only()
        && let (Some(level), Some(at)) = (&findings.level, findings.at)
    {
        let key = plan.key.as_ref();
        let look = Look::of(engine, &key, level, at, until, writes).wanted_by(plan);
        let turn = Box::pin(timeout_at(until, wait_for_turn(&look))).await;
        match turn.unwrap_or(Turn::Without) {
            Turn::Token(token) => findings.token = Some(token),
            Turn::Mine(lease) => findings.lease = Some(lease),
            Turn::Without => {}
        }
    }
    findings
}

async fn see(engine: &TokenAcquirer, plan: &Plan, until: Instant, writes: usize) -> Findings {
    let key = plan.key.as_ref();
    let Some(level) = engine.second_level(&key) else { return Findings::default() };
    let at = place(&key);
    // Of a challenge it is not known which token it refused: it may be the one that is kept.
    if plan.force_refresh || (plan.claims.is_some() && plan.replaces.is_none()) {
        return Findings { level: Some(Arc::clone(level)), at: Some(at), ..Findings::default() };
    }
    if level.alone.is_over(&at, Instant::now(), level.patience()).await
        && let (false, Cached::Fresh(token)) = (plan.is_write_only(), engine.cache().get(&key))
    {
        let level = Some(Arc::clone(level));
        return Findings { level, at: Some(at), token: Some(token), ..Findings::default() };
    }
    let look = Look::of(engine, &key, level, at, until, writes).wanted_by(plan);
    let sight = look.once(Instant::now()).await;
    look.found(sight)
}

impl Findings {
    /// Lets the others know what came of the fetch, and makes the best of a failure.
    pub(crate) async fn settle(
        self,
        result: Result<AccessToken, TokenError>,
    ) -> Result<AccessToken, TokenError> {
        let (Some(level), Some(at)) = (self.level, self.at) else { return result };
        match result {
            Ok(token) => {
                if let Some(lease) = self.lease {
                    // Those who wait look for the token first, so it is there before the lease is not.
                    drop(timeout(level.patience(), level.queue.has_written(&at)).await);
                    drop(lease);
                }
                Ok(token)
            }
            Err(error) if is_over(&error) => {
                if !self.is_absent || level.queue.holds(&at) {
                    level.forget(at);
                }
                Err(error)
            }
            Err(error) => self.last.ok_or(error),
        }
    }
}

/// One look, and how to judge what it finds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    engine: &'a TokenAcquirer,
    key: &'a KeyRef<'a>,
    sought: Sought<'a>,
    /// What is wanted instead of the token that is kept; nothing where that would do.
    renews: Option<&'a Plan>,
    pub(super) level: &'a Arc<SecondLevel>,
    pub(super) at: StoreKey,
    /// When the flight's time is over.
    until: Instant,
    /// How many tokens had been put into memory when it was found to have none that does.
    writes: usize,
}

/// What is to be seen of a token.
#[derive(Debug)]
pub(super) enum Sight {
    /// It serves.
    Token(AccessToken),
    /// It is in its last minute.
    Last(AccessToken),
    /// There is one, and it will not do.
    Unfit,
    /// There is none.
    Nothing,
    /// The store did not say.
    Unknown,
}

impl<'a> Look<'a> {
    /// For what is kept, whatever that is.
    pub(super) fn of(
        engine: &'a TokenAcquirer,
        key: &'a KeyRef<'a>,
        level: &'a Arc<SecondLevel>,
        at: StoreKey,
        until: Instant,
        writes: usize,
    ) -> Self {
        Self { engine, key, sought: engine.cache().seek(key), renews: None, level, at, until, writes }
    }

    /// For what a plan wants, which may be another token than the one that is kept.
    fn wanted_by(self, plan: &'a Plan) -> Self {
        Self { renews: plan.is_write_only().then_some(plan), ..self }
    }

    pub(super) fn key(&self) -> &'a KeyRef<'a> {
        self.key
    }

    /// How long the whole flight may take.
    pub(super) fn deadline(&self) -> Duration {
        self.engine.deadline()
    }

    /// Asks the store once. What serves is in memory afterwards.
    pub(super) async fn once(&self, now: Instant) -> Sight {
        let left = self.until.saturating_duration_since(now);
        let kept = self.level.look_at(now, &self.at, left).await;
        self.saw(kept, now)
    }

    fn saw(&self, kept: Result<Kept, Looked>, began: Instant) -> Sight {
        let (looked, sight) = match kept {
            Ok(Kept::Nothing) => (Looked::Miss, Sight::Nothing),
            Ok(Kept::Unreadable(why)) => {
                self.level.is_unreadable(&self.at, &why.to_string());
                (Looked::Unreadable, Sight::Nothing)
            }
            Ok(Kept::Entry(entry)) => {
                let realm = self.engine.cache().realm(&self.sought);
                let known = realm.as_deref().map(Realm::terms);
                match TokenRecord::read(&entry, &self.at, self.key.scheme, known) {
                    Ok(record) => self.judge(record, realm),
                    Err(why) => {
                        self.level.is_unreadable(&self.at, why);
                        (Looked::Unreadable, Sight::Nothing)
                    }
                }
            }
            Err(looked) => (looked, Sight::Unknown),
        };
        self.level.counts.looks.count(looked);
        telemetry::store_was_asked(self.key, looked, began);
        sight
    }

    fn judge(&self, record: TokenRecord, realm: Option<Arc<Realm>>) -> (Looked, Sight) {
        let now = self.engine.now();
        let window = self.engine.window_of(&record);
        let age = window.age(now);
        if age == Age::Ended {
            return (Looked::Unfit, Sight::Nothing);
        }
        let replaces = self.renews.and_then(|plan| Some((plan.replaces?, &plan.claims)));
        let does = match replaces {
            // As in memory: another token that met the same challenge.
            Some((refused, claims)) => record.claims == *claims && record.token.to_hash() != refused,
            None => self.is_better(age),
        };
        match (does, age) {
            (true, _) => (Looked::Hit, Sight::Token(self.remember(record, realm, window))),
            (false, Age::Last) if self.has_none() && replaces.is_none() => {
                (Looked::Unfit, Sight::Last(self.remember(record, realm, window)))
            }
            (false, _) => (Looked::Unfit, Sight::Unfit),
        }
    }

    /// Whether a token of this age spares asking Entra: behind an aging one, only a fresh one does.
    fn is_better(&self, age: Age) -> bool {
        match age {
            Age::Fresh => true,
            Age::Aging => self.memory() != Reason::Aging,
            Age::Last | Age::Ended => false,
        }
    }

    fn has_none(&self) -> bool {
        !matches!(self.memory(), Reason::Fresh | Reason::Aging | Reason::Last)
    }

    fn memory(&self) -> Reason {
        self.engine.cache().reason(self.key)
    }

    fn remember(&self, record: TokenRecord, realm: Option<Arc<Realm>>, window: Window) -> AccessToken {
        let cache = self.engine.cache();
        // A challenge that was met meanwhile left the better token.
        if cache.writes() != self.writes
            && let (None, Cached::Fresh(token)) = (self.renews, cache.get(self.key))
        {
            return token;
        }
        let TokenRecord { token, claims, .. } = record;
        cache.put_sought(self.sought, realm, token, claims, window)
    }

    /// As a flight is told of it.
    #[cold]
    pub(super) fn found(&self, sight: Sight) -> Findings {
        let mut findings =
            Findings { level: Some(Arc::clone(self.level)), at: Some(self.at), ..Findings::default() };
        match sight {
            Sight::Token(token) => findings.token = Some(token),
            Sight::Last(token) => findings.last = Some(token),
            Sight::Unfit | Sight::Unknown => {}
            Sight::Nothing => findings.is_absent = true,
        }
        findings
    }
}

/// Why it is not known what a look would find.
#[derive(Debug)]
pub(crate) enum Unseen {
    NoAnswer,
    /// And why it is.
    Unreadable(String),
}

/// What a look would find, for an explanation: nothing is counted as used, nothing is remembered.
pub(crate) async fn look_once(
    engine: &TokenAcquirer,
    plan: &Plan,
) -> Option<Result<Option<(Reason, SystemTime)>, Unseen>> {
    let key = plan.key.as_ref();
    let level = engine.second_level(&key)?;
    let at = place(&key);
    let Ok(kept) = level.look(&at, engine.deadline()).await else { return Some(Err(Unseen::NoAnswer)) };
    Some(match kept {
        Kept::Nothing => Ok(None),
        Kept::Unreadable(why) => Err(Unseen::Unreadable(why.to_string())),
        Kept::Entry(entry) => match TokenRecord::read(&entry, &at, &plan.scheme, None) {
            Err(why) => Err(Unseen::Unreadable(why.to_owned())),
            Ok(record) => {
                let age = match engine.window_of(&record).age(engine.now()) {
                    Age::Fresh => Reason::Fresh,
                    Age::Aging => Reason::Aging,
                    Age::Last => Reason::Last,
                    Age::Ended => Reason::Ended,
                };
                Ok(Some((age, record.token.expires_at())))
            }
        },
    })
}
