//! A few connections, opened when they are needed and used again.
//!
//! sqlx has a pool of its own. This one differs in four ways that matter here: who opens a
//! connection or asks a question and then goes away (the engine gives a look 100 ms) takes nothing
//! with them, because both go on in a task; a connection on which something did not end is closed,
//! never pinged; where writes are refused, reads keep their connections while a write now and then
//! looks whether a new one leads to a server that takes them; and no task runs while nothing is
//! asked.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use entra_abstractions::RefusedLogins;
use sqlx::Error;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::{
    dialect::{Asking, Dialect, is_dotnets, is_ours},
    error::{Failure, Kind},
};

/// The connections of one store.
#[derive(Debug)]
pub(crate) struct Pool<D: Dialect> {
    dialect: D,
    create_if_not_exists: bool,
    patience: Duration,
    idle: std::sync::Mutex<Vec<Idle<D>>>,
    slots: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    /// Whether the table has been looked at and is ours.
    is_fit: AtomicBool,
    looking: Mutex<()>,
    logins: RefusedLogins<Failure>,
    /// When a write last went past a server that takes none.
    went_past: std::sync::Mutex<Option<Instant>>,
}

struct Idle<D: Dialect> {
    connection: D::Connection,
    opened_at: Instant,
    since: Instant,
}

impl<D: Dialect> std::fmt::Debug for Idle<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Idle")
    }
}

/// What is asked on a connection. It may be asked again, on another one.
pub(crate) trait Question<D: Dialect>: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// Whether it changes anything.
    const WRITES: bool;

    fn ask<'a>(&'a self, dialect: &'a D, on: &'a mut D::Connection) -> Asking<'a, Self::Answer>;
}

/// Firewalls and load balancers forget a silent connection after four minutes.
const MAX_IDLE: Duration = Duration::from_mins(2);

/// A connection is not used longer than this, so that instances find back to a server that was away.
const MAX_AGE: Duration = Duration::from_mins(30);

/// After a fail-over a new connection leads to the server that takes writes, where there is one. A
/// database that refuses for hours (a replica, a disk that is full) is not connected to for each of
/// the writes that it refuses: a connection costs it more than a thousand reads.
const PAST: Duration = Duration::from_millis(500);

/// How often a statement that the database undid is asked again.
const CONFLICTS: u32 = 4;

impl<D: Dialect> Pool<D> {
    pub(crate) fn new(dialect: D, size: usize, patience: Duration, create_if_not_exists: bool) -> Arc<Self> {
        // Somebody waits for a read, and nobody for most of the writes, which come in crowds where
        // they were refused for a while: half of the connections are left to reads.
        let writers = if D::ONE_WRITER { 1 } else { (size / 2).max(1) };
        Arc::new(Self {
            dialect,
            create_if_not_exists,
            patience,
            idle: std::sync::Mutex::default(),
            slots: Arc::new(Semaphore::new(size)),
            writers: Arc::new(Semaphore::new(writers)),
            is_fit: AtomicBool::new(false),
            looking: Mutex::default(),
            logins: RefusedLogins::default(),
            went_past: std::sync::Mutex::default(),
        })
    }

    pub(crate) fn dialect(&self) -> &D {
        &self.dialect
    }

    /// Asks, on a connection that is there or on a new one, and answers or fails in time.
    pub(crate) async fn ask<Q: Question<D>>(self: &Arc<Self>, question: Q) -> Result<Q::Answer, Failure> {
        // Whoever still waits for a connection may go away; whoever has one goes on.
        let end = Instant::now() + self.patience;
        let slots = timeout_at(end, self.slots::<Q>()).await;
        let slots = slots.map_err(|_elapsed| Failure::new(Kind::Busy, "all connections are in use"))?;
        let pool = Arc::clone(self);
        let asking = tokio::spawn(async move {
            let _slots = slots;
            let answer = timeout_at(end, pool.ask_until_answered(&question)).await;
            answer.unwrap_or_else(|_elapsed| Err(Failure::new(Kind::Slow, "")))
        });
        asking.await.unwrap_or_else(|_ended| Err(Failure::new(Kind::Other, "the runtime shuts down")))
    }

    async fn slots<Q: Question<D>>(&self) -> [Option<OwnedSemaphorePermit>; 2] {
        let writer = if Q::WRITES { Arc::clone(&self.writers).acquire_owned().await.ok() } else { None };
        [writer, Arc::clone(&self.slots).acquire_owned().await.ok()]
    }

    /// A connection that lay idle may have been closed from the other side; that is nobody's
    /// failure, so it is told apart from one that breaks when it is new.
    async fn ask_until_answered<Q: Question<D>>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        if let Some(idle) = self.take_idle() {
            match self.ask_on(question, idle).await {
                Err(failure) if failure.kind() == Kind::ReadOnly => {
                    return self.ask_past(question, failure).await;
                }
                // What broke one broke most likely all that are as old.
                Err(failure) if failure.ends_connection() => self.lock_idle().clear(),
                answer => return answer,
            }
        }
        match self.ask_on(question, self.open().await?).await {
            // It was there before; looking for it again makes it, or tells how.
            Err(failure) if failure.kind() == Kind::Missing => {
                self.ask_on(question, self.open().await?).await
            }
            answer => answer,
        }
    }

    /// Asks on a new connection what was refused because the server takes no writes, unless another
    /// write did so just now. Reads go on meanwhile with what there is.
    async fn ask_past<Q: Question<D>>(&self, question: &Q, refused: Failure) -> Result<Q::Answer, Failure> {
        if !self.goes_past() {
            return Err(refused);
        }
        let mut on = self.open().await?;
        let answer = question.ask(&self.dialect, &mut on.connection).await;
        let answer = answer.map_err(|error| self.dialect.failure(&error))?;
        // All that were opened before lead to the server that takes no writes.
        self.lock_idle().retain(|one| one.opened_at >= on.opened_at);
        self.put_back(on);
        Ok(answer)
    }

    fn goes_past(&self) -> bool {
        let mut went_past = self.went_past.lock().unwrap_or_else(PoisonError::into_inner);
        let goes = went_past.is_none_or(|at| at.elapsed() >= PAST);
        if goes {
            *went_past = Some(Instant::now());
        }
        goes
    }

    async fn ask_on<Q: Question<D>>(&self, question: &Q, mut on: Idle<D>) -> Result<Q::Answer, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            match question.ask(&self.dialect, &mut on.connection).await {
                Ok(answer) => {
                    self.put_back(on);
                    return Ok(answer);
                }
                Err(error) => {
                    let failure = self.dialect.failure(&error);
                    if failure.kind() == Kind::Conflict && tries < CONFLICTS {
                        continue;
                    }
                    if failure.kind() == Kind::Missing {
                        self.is_fit.store(false, Ordering::Relaxed);
                    }
                    if !failure.ends_connection() {
                        self.put_back(on);
                    }
                    return Err(failure);
                }
            }
        }
    }

    async fn open(&self) -> Result<Idle<D>, Failure> {
        let now = || Instant::now().into_std();
        let mut connection = self.logins.log_in(now, self.dialect.connect(), Failure::refuses_login).await?;
        if !self.is_fit.load(Ordering::Relaxed) {
            let _one_at_a_time = self.looking.lock().await;
            if !self.is_fit.load(Ordering::Relaxed) {
                self.look_at_table(&mut connection).await?;
                self.is_fit.store(true, Ordering::Relaxed);
            }
        }
        let now = Instant::now();
        Ok(Idle { connection, opened_at: now, since: now })
    }

    /// A table that is there is looked at and left as it is; one that is not is made, where that
    /// was asked for.
    async fn look_at_table(&self, on: &mut D::Connection) -> Result<(), Failure> {
        let failure = |error: Error| self.dialect.failure(&error);
        let mut columns = self.dialect.columns(on).await.map_err(failure)?;
        if columns.is_empty() {
            let by_hand = |why: &str| {
                let create = self.dialect.statements().create.trim();
                Failure::new(Kind::Missing, format!("{why}, or let somebody run: {create}"))
            };
            if !self.create_if_not_exists {
                return Err(by_hand("set CreateIfNotExists to true"));
            }
            self.dialect.create(on).await.map_err(|error| match failure(error) {
                failure if failure.kind() == Kind::Permission => by_hand("permit the user to make it"),
                failure => failure,
            })?;
            columns = self.dialect.columns(on).await.map_err(failure)?;
        }
        if is_ours(&columns, self.dialect.statements().types) {
            return Ok(());
        }
        let whose = if is_dotnets(&columns) {
            "it is a distributed cache of .NET, which is left as it is"
        } else {
            "it is not one of this library, and is left as it is"
        };
        Err(Failure::new(Kind::Foreign, format!("{whose}; choose another TableName")))
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle<D>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Idle<D>> {
        let now = Instant::now();
        let mut all = self.lock_idle();
        all.retain(|one| now - one.since < MAX_IDLE && now - one.opened_at < MAX_AGE);
        all.pop()
    }

    fn put_back(&self, mut connection: Idle<D>) {
        connection.since = Instant::now();
        self.lock_idle().push(connection);
    }
}
