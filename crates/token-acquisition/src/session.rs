//! Long-running sessions: the refresh token of a user who called once, kept under a key of the
//! caller's, so that work goes on when the user and their token are gone.
//!
//! The store is the only source, so its failure is the caller's to know. It never sees the key,
//! only a digest. What is read from it is looked at again before anything is written over it: a
//! session that was ended meanwhile stays ended, and one user's is never written over another's.

mod memory;
mod record;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use entra_abstractions::{
    AccessToken, Clock, Exchange, InteractionRequired, Kept, LostSession, Misconfigured, Rejected,
    SharedStore, StoreError, StoreKey, TokenError, Unavailable, Unreadable, UserAssertion,
};
use tokio::sync::Mutex;

use crate::{
    acquirer::TokenAcquirer,
    cache::{Cached, Identity, Key},
    fetch::{self, is_dead, is_refused},
    grant::{OnBehalfOf, RefreshToken},
    plan::Plan,
    second_level::SecondLevel,
    telemetry,
    wire::Granted,
};
use memory::Memory;
use record::SessionRecord;

/// The sessions of an application and its agents.
#[derive(Debug)]
pub(crate) struct Sessions {
    store: SharedStore,
    /// What is known of the store, where it is shared with other instances.
    level: Option<Arc<SecondLevel>>,
    has_warned: AtomicBool,
    /// Held while a record is looked at and written, never while Entra is asked.
    lanes: [Mutex<()>; 16],
}

/// What is kept of a session.
enum Known {
    Record(SessionRecord),
    /// Something that is of no use here, and why.
    Unreadable(&'static str),
    Nothing,
}

impl Sessions {
    pub(crate) fn in_memory(clock: Arc<dyn Clock>) -> Self {
        // Nobody else reads this process's memory.
        Self::of(SharedStore::unencrypted(Arc::new(Memory::new(clock))), None)
    }

    pub(crate) fn shared(level: &Arc<SecondLevel>) -> Self {
        Self::of(level.store().clone(), Some(Arc::clone(level)))
    }

    fn of(store: SharedStore, level: Option<Arc<SecondLevel>>) -> Self {
        Self { store, level, has_warned: AtomicBool::new(false), lanes: Default::default() }
    }

    fn warn_once_if_alone(&self) {
        if self.level.is_none() && !self.has_warned.swap(true, Ordering::Relaxed) {
            telemetry::session_is_alone();
        }
    }

    /// The store is the only source, so it is waited for.
    async fn ask<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match &self.level {
            Some(level) => level.ask("sessions", answer).await,
            None => answer.await,
        }
    }

    async fn ask_to_write<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match &self.level {
            Some(level) => level.ask_to_write("sessions", answer).await,
            None => answer.await,
        }
    }

    async fn read(&self, at: &StoreKey) -> Result<Known, StoreError> {
        let (why, what) = match self.ask(self.store.get(at)).await? {
            Kept::Nothing => return Ok(Known::Nothing),
            Kept::Entry(entry) => match SessionRecord::read(&entry, at) {
                Ok(record) => return Ok(Known::Record(record)),
                Err(what) => (UNREADABLE, what.to_owned()),
            },
            Kept::Unreadable(why) if why == Unreadable::UnknownKey => (UNKNOWN_KEY, why.to_string()),
            Kept::Unreadable(why) => (UNREADABLE, why.to_string()),
        };
        if let Some(level) = &self.level {
            level.count_unreadable();
        }
        telemetry::session_is_unreadable(at, &what);
        Ok(Known::Unreadable(why))
    }

    async fn write(&self, at: &StoreKey, record: &SessionRecord, now: SystemTime) -> Result<(), StoreError> {
        self.ask_to_write(self.store.put(at, &record.to_entry(at, now))).await
    }

    fn lane(&self, at: &StoreKey) -> &Mutex<()> {
        let [first, ..] = at.as_bytes();
        let [lane, ..] = &self.lanes;
        self.lanes.get(usize::from(*first) % self.lanes.len()).unwrap_or(lane)
    }
}

/// Under which a session's record is kept: an agent's sessions are not its blueprint's.
fn place(identity: &Identity, session: &[u8; 32]) -> StoreKey {
    StoreKey::digest([
        "session".as_bytes(),
        identity.instance.as_bytes(),
        identity.client.as_str().as_bytes(),
        session,
    ])
}

/// Begins a session with the token of a user who is here; where they have one of this key, it goes
/// on from their latest call.
pub(crate) async fn begin(
    engine: &TokenAcquirer,
    plan: &Plan,
    assertion: &UserAssertion,
    session: &[u8; 32],
) -> Result<AccessToken, TokenError> {
    let sessions = engine.sessions();
    sessions.warn_once_if_alone();
    let at = place(engine.identity(), session);
    let key = plan.key.of_session(session);
    // Before anything is asked for that could not be kept.
    let known = sessions.read(&at).await.map_err(|error| away(engine, plan, error))?;
    if let Known::Record(known) = known
        && known.is_of(assertion.sha256())
        && let Some(token) = at_hand(engine, plan, &key)
        && token.account().as_ref() == known.account()
    {
        return Ok(token);
    }
    let mut granted = fetch::on_behalf_of(engine, plan, assertion).await?;
    let Some(refresh_token) = granted.refresh_token.take() else {
        let exchange = exchange(engine, plan, OnBehalfOf::NAME).with_explanation(Some(
            "the session cannot be kept: no refresh token came with the user's token",
        ));
        return Err(Rejected::new(exchange).into());
    };
    let mut record =
        SessionRecord::begin(refresh_token, granted.account.clone(), *assertion.sha256(), granted.came_at);
    let _lane = sessions.lane(&at).lock().await;
    let away = |error| away(engine, plan, error);
    let now = engine.now();
    let mut before = sessions.read(&at).await.map_err(away)?;
    if matches!(before, Known::Nothing) {
        // Of two who begin at once, on two instances, one is first; the other one sees that.
        let kept = sessions.ask_to_write(sessions.store.put_new(&at, &record.to_entry(&at, now))).await;
        if kept.map_err(away)? {
            return fetch::keep_token(engine, plan, &key, granted);
        }
        before = sessions.read(&at).await.map_err(away)?;
    }
    if let Known::Record(before) = before {
        // Unlike .NET, which hands the session over to whoever comes last.
        if !before.is_same_user(&record) {
            return Err(Misconfigured::new("this session key belongs to another user")
                .hint("give each user's work a key of its own, such as SessionKey::allocate()")
                .into());
        }
        record = record.continuing(&before);
    }
    sessions.write(&at, &record, now).await.map_err(away)?;
    fetch::keep_token(engine, plan, &key, granted)
}

/// The session's token, where it answers a call of its user's.
fn at_hand(engine: &TokenAcquirer, plan: &Plan, key: &Key) -> Option<AccessToken> {
    let cache = engine.cache();
    if let Some(refused) = plan.replaces.filter(|_| !plan.force_refresh) {
        return cache.instead_of(&key.as_ref(), refused, plan.claims.as_ref());
    }
    match cache.get(&key.as_ref()) {
        Cached::Fresh(token) | Cached::Aging(token, _) if !plan.is_write_only() => Some(token),
        _ => None,
    }
}

/// The next token of a session, by the refresh token that is kept for it.
pub(crate) async fn renew(
    engine: &TokenAcquirer,
    plan: &Plan,
    session: &[u8; 32],
) -> Result<AccessToken, TokenError> {
    let sessions = engine.sessions();
    let at = place(engine.identity(), session);
    let known = sessions.read(&at).await.map_err(|error| away(engine, plan, error))?;
    let mut record = match known {
        Known::Record(record) => record,
        Known::Unreadable(why) => return Err(lost(engine, plan, why)),
        Known::Nothing => return Err(not_kept(engine, plan)),
    };
    let mut answer = fetch::renew(engine, plan, record.token(), record.account()).await;
    // Another flight, or another instance, may have renewed it meanwhile, and ended this token by it.
    if is_refused(&answer)
        && let Ok(Known::Record(newer)) = sessions.read(&at).await
        && newer.token() != record.token()
    {
        record = newer;
        answer = fetch::renew(engine, plan, record.token(), record.account()).await;
    }
    if is_refused(&answer)
        && let Err(error) = &answer
    {
        forget_dead(sessions, &at, &record, error).await;
        answer = answer.map_err(over);
    }
    land(engine, plan, &at, &record, answer?).await
}

/// Keeps what a session's refresh token brought, unless the session ended while it was redeemed.
async fn land(
    engine: &TokenAcquirer,
    plan: &Plan,
    at: &StoreKey,
    used: &SessionRecord,
    mut granted: Granted,
) -> Result<AccessToken, TokenError> {
    let sessions = engine.sessions();
    let refresh_token = granted.refresh_token.take();
    let _lane = sessions.lane(at).lock().await;
    let written = match sessions.read(at).await {
        // Of two that were redeemed at once the newer stays.
        Ok(Known::Record(now)) if now.is_same_session(used) && now.came_at() > granted.came_at => Ok(()),
        Ok(Known::Record(now)) if now.is_same_session(used) => {
            // Where no next one came, the one at hand is used on: its 90 days begin anew, and it is sealed
            // by the key that seals now.
            let token = refresh_token.unwrap_or_else(|| now.token().clone());
            let record = now.renewed(token, granted.came_at);
            sessions.write(at, &record, engine.now()).await
        }
        Ok(Known::Unreadable(why)) => return Err(lost(engine, plan, why)),
        Ok(_) => return Err(not_kept(engine, plan)),
        Err(error) => Err(error),
    };
    // The token is good, and so is the refresh token that is kept: nothing is lost so far.
    if let Err(error) = written {
        telemetry::session_is_not_kept(&error, plan.correlation_id);
    }
    // A challenge that was met meanwhile left the better token.
    if let (false, Cached::Fresh(token)) = (plan.is_write_only(), engine.cache().get(&plan.key.as_ref())) {
        return Ok(token);
    }
    fetch::keep_token(engine, plan, &plan.key, granted)
}

/// Ends a session: what is kept of it, and its tokens.
pub(crate) async fn end(engine: &TokenAcquirer, session: &[u8; 32]) -> Result<bool, TokenError> {
    let sessions = engine.sessions();
    let at = place(engine.identity(), session);
    let _lane = sessions.lane(&at).lock().await;
    let had_tokens = engine.cache().end_session(engine.identity(), session);
    match sessions.ask_to_write(sessions.store.remove(&at)).await {
        Ok(was_kept) => Ok(was_kept || had_tokens),
        Err(error) => {
            let exchange =
                Exchange::new("end_session", error.store()).with_client(engine.identity().client.clone());
            Err(Unavailable::new(exchange, "the session may not have ended").with_source(error).into())
        }
    }
}

/// Where the dead token is still the one that is kept, it goes.
async fn forget_dead(sessions: &Sessions, at: &StoreKey, dead: &SessionRecord, error: &TokenError) {
    // Of other refusals the administrator may think better, and the session would go on.
    if !is_dead(error) {
        return;
    }
    let _lane = sessions.lane(at).lock().await;
    if let Ok(Known::Record(now)) = sessions.read(at).await
        && now.token() == dead.token()
    {
        drop(sessions.ask_to_write(sessions.store.remove(at)).await);
    }
}

fn away(engine: &TokenAcquirer, plan: &Plan, error: StoreError) -> TokenError {
    let exchange = Exchange::new(plan.grant.name(), error.store())
        .with_client(engine.identity().client.clone())
        .with_correlation_id(plan.correlation_id);
    Unavailable::new(exchange, "the store of sessions is away").with_source(error).into()
}

fn over(error: TokenError) -> TokenError {
    match error {
        TokenError::InteractionRequired(error) => error.with_lost_session(LostSession::Refused).into(),
        error => error,
    }
}

const UNREADABLE: &str = "what the store keeps under this session key cannot be read";

const UNKNOWN_KEY: &str = "what the store keeps under this session key was sealed with a key that is not among \
     TokenCache:EncryptionKeys";

fn not_kept(engine: &TokenAcquirer, plan: &Plan) -> TokenError {
    let explanation = if engine.sessions().level.is_some() {
        "nothing is kept under this session key: no session began by it, or it was ended, refused, or not used for 90 days"
    } else {
        "nothing is kept under this session key: no session began by it in this process, whose memory is all there is \
         without a shared store, or it was ended or refused"
    };
    lost(engine, plan, explanation)
}

fn lost(engine: &TokenAcquirer, plan: &Plan, explanation: &'static str) -> TokenError {
    let exchange = exchange(engine, plan, RefreshToken::NAME).with_explanation(Some(explanation));
    InteractionRequired::new(exchange, plan.scopes.clone(), plan.claims.clone())
        .with_lost_session(LostSession::NotKept)
        .into()
}

fn exchange(engine: &TokenAcquirer, plan: &Plan, grant: &'static str) -> Exchange {
    Exchange::new(grant, engine.application().authority_host())
        .with_client(engine.identity().client.clone())
        .with_correlation_id(plan.correlation_id)
}
