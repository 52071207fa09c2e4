//! The stores and what is done to them: each on a server of its own, behind a proxy.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use entra_abstractions::StoreTokens;
use entra_cache_redis::RedisStore;
use entra_cache_sql::SqlStore;
use entra_services::{Direction, MariaDb, PostgreSql, Proxy, Redis, RedisSentinel};
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;
use tokio::{
    sync::Mutex,
    task::block_in_place,
    time::{Instant, interval},
};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Redis,
    Sentinel,
    Postgresql,
    Mariadb,
    Sqlite,
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Fault {
    /// The server is killed (SIGKILL), and started again.
    Kill,
    /// The server is stopped (SIGSTOP): connections stay open, nothing is answered.
    Freeze,
    /// The master is killed, and its replica takes its place.
    FailOver,
    /// Reads are answered, writes are refused: full, or read-only.
    RefuseWrites,
    /// Another process holds the lock of the file.
    Lock,
    /// Each answer takes half a second longer.
    Slow,
    /// All connections are cut, once.
    Cut,
}

const SLOW: Duration = Duration::from_millis(500);

/// A server, and the way to it.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) kind: Kind,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Redis(Redis, Proxy),
    Sentinel(Box<RedisSentinel>),
    PostgreSql(PostgreSql, Proxy),
    MariaDb(MariaDb, Proxy),
    Sqlite(TempDir, Mutex<Option<SqliteConnection>>),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Sentinel => "Redis, Sentinel",
            Self::Postgresql => "PostgreSQL",
            Self::Mariadb => "MariaDB",
            Self::Sqlite => "SQLite",
        }
    }

    /// Whether this can happen to it.
    pub(super) fn suffers(self, fault: Fault) -> bool {
        match self {
            Self::Sentinel => fault == Fault::FailOver,
            Self::Sqlite => matches!(fault, Fault::RefuseWrites | Fault::Lock),
            Self::Redis | Self::Postgresql | Self::Mariadb => !matches!(fault, Fault::FailOver | Fault::Lock),
        }
    }

    /// Whether its records are read after instances were killed.
    pub(super) fn survives_a_crash(self) -> bool {
        self != Self::Sentinel
    }
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::Freeze => "frozen",
            Self::FailOver => "failed over",
            Self::RefuseWrites => "refuses writes",
            Self::Lock => "locked",
            Self::Slow => "slow by 500 ms",
            Self::Cut => "cut",
        }
    }

    /// Whether reads are answered meanwhile, so that nobody takes the store for away.
    pub(super) fn leaves_reads(self) -> bool {
        matches!(self, Self::RefuseWrites | Self::Lock | Self::Cut)
    }

    /// Whether it lasts until it is mended, long enough to be noticed.
    pub(super) fn lasts(self) -> bool {
        !self.leaves_reads() && self != Self::FailOver
    }
}

impl Stand {
    pub(super) fn start(kind: Kind) -> Result<Self> {
        let server = match kind {
            Kind::Redis => {
                let redis = Redis::start()?;
                let proxy = Proxy::before(redis.port())?;
                Server::Redis(redis, proxy)
            }
            Kind::Sentinel => Server::Sentinel(Box::new(RedisSentinel::start()?)),
            Kind::Postgresql => {
                let server = PostgreSql::start()?;
                let proxy = Proxy::before(server.port())?;
                Server::PostgreSql(server, proxy)
            }
            Kind::Mariadb => {
                let server = MariaDb::start()?;
                let proxy = Proxy::before(server.port())?;
                Server::MariaDb(server, proxy)
            }
            Kind::Sqlite => Server::Sqlite(tempfile::tempdir()?, Mutex::default()),
        };
        Ok(Self { kind, server })
    }

    /// A store there, with connections of its own.
    pub(super) fn store(&self) -> Result<Arc<dyn StoreTokens>> {
        open(self.kind, &self.address())
    }

    /// Where it is, through the proxy.
    pub(super) fn address(&self) -> String {
        match &self.server {
            Server::Redis(_, proxy) => format!("redis://127.0.0.1:{}", proxy.port()),
            Server::Sentinel(redis) => {
                format!("127.0.0.1:{},serviceName={}", redis.sentinel().port(), redis.master_name())
            }
            Server::PostgreSql(server, proxy) => through(&server.url(), server.port(), proxy),
            Server::MariaDb(server, proxy) => through(&server.url(), server.port(), proxy),
            Server::Sqlite(folder, _) => folder.path().join("tokens.db").display().to_string(),
        }
    }

    /// Breaks it.
    pub(super) async fn break_by(&self, fault: Fault) -> Result<()> {
        match (&self.server, fault) {
            (Server::Redis(server, _), Fault::Kill) => block_in_place(|| server.kill()),
            (Server::PostgreSql(server, _), Fault::Kill) => block_in_place(|| server.kill()),
            (Server::MariaDb(server, _), Fault::Kill) => block_in_place(|| server.kill()),
            (Server::Redis(server, _), Fault::Freeze) => server.freeze(),
            (Server::PostgreSql(server, _), Fault::Freeze) => server.freeze(),
            (Server::MariaDb(server, _), Fault::Freeze) => server.freeze(),
            (Server::Redis(server, _), Fault::RefuseWrites) => block_in_place(|| server.refuse_writes())?,
            (Server::PostgreSql(server, _), Fault::RefuseWrites) => {
                block_in_place(|| server.refuse_writes())?;
            }
            (Server::MariaDb(server, _), Fault::RefuseWrites) => block_in_place(|| server.refuse_writes())?,
            (Server::Sentinel(redis), _) => block_in_place(|| redis.master().map(|master| master.kill()))?,
            (Server::Sqlite(folder, held), _) => {
                let mut other = SqliteConnection::connect(&url(folder)).await?;
                other.execute(if fault == Fault::Lock { "BEGIN IMMEDIATE" } else { FULL }).await?;
                *held.lock().await = Some(other);
            }
            _ => {
                let proxy = self.proxy().context("there is no proxy before it")?;
                if fault == Fault::Slow {
                    proxy.delay(Direction::Answer, SLOW);
                } else {
                    proxy.cut();
                }
            }
        }
        Ok(())
    }

    /// Mends it, and says since when it is whole again.
    pub(super) async fn mend(&self, fault: Fault) -> Result<Instant> {
        match (&self.server, fault) {
            (Server::Redis(server, _), Fault::Kill) => block_in_place(|| server.restart())?,
            (Server::PostgreSql(server, _), Fault::Kill) => block_in_place(|| {
                server.restart()?;
                // The first connection to a database after a crash makes what all others need.
                server.sql("SELECT 1").map(drop)
            })?,
            (Server::MariaDb(server, _), Fault::Kill) => block_in_place(|| server.restart())?,
            (Server::Redis(server, _), Fault::Freeze) => server.thaw(),
            (Server::PostgreSql(server, _), Fault::Freeze) => server.thaw(),
            (Server::MariaDb(server, _), Fault::Freeze) => server.thaw(),
            (Server::Redis(server, _), Fault::RefuseWrites) => block_in_place(|| server.accept_writes())?,
            (Server::PostgreSql(server, _), Fault::RefuseWrites) => {
                block_in_place(|| server.accept_writes())?;
            }
            (Server::MariaDb(server, _), Fault::RefuseWrites) => block_in_place(|| server.accept_writes())?,
            (Server::Sentinel(redis), _) => return fail_over(redis).await,
            (Server::Sqlite(_, held), _) => {
                if let Some(mut other) = held.lock().await.take() {
                    other.execute(if fault == Fault::Lock { "COMMIT" } else { NOT_FULL }).await?;
                    other.close().await?;
                }
            }
            _ => self.proxy().context("there is no proxy before it")?.pass(),
        }
        Ok(Instant::now())
    }

    fn proxy(&self) -> Option<&Proxy> {
        match &self.server {
            Server::Redis(_, proxy) | Server::PostgreSql(_, proxy) | Server::MariaDb(_, proxy) => Some(proxy),
            Server::Sentinel(_) | Server::Sqlite(..) => None,
        }
    }
}

/// A store of this kind, at this address.
pub(super) fn open(kind: Kind, address: &str) -> Result<Arc<dyn StoreTokens>> {
    Ok(match kind {
        Kind::Redis | Kind::Sentinel => {
            Arc::new(RedisStore::builder(address).instance_name("drill:").build()?)
        }
        Kind::Postgresql => Arc::new(SqlStore::postgres(address)?.create_if_not_exists(true).build()?),
        Kind::Mariadb => Arc::new(SqlStore::mysql(address)?.create_if_not_exists(true).build()?),
        Kind::Sqlite => Arc::new(SqlStore::sqlite(address)?.build()?),
    })
}

/// Nobody mends the master: the sentinel decides, and its word is the end of the outage.
async fn fail_over(redis: &RedisSentinel) -> Result<Instant> {
    let mut looks = interval(Duration::from_millis(20));
    loop {
        looks.tick().await;
        if redis.master()?.command(&["ROLE"]).is_ok_and(|role| role.starts_with("master")) {
            return Ok(Instant::now());
        }
    }
}

fn through(url: &str, port: u16, proxy: &Proxy) -> String {
    url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()))
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("tokens.db").display())
}

/// What SQLite says when there is no room, for each row that is new or changed.
const FULL: &str = "\
    CREATE TRIGGER full_1 BEFORE INSERT ON token_cache BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END;
    CREATE TRIGGER full_2 BEFORE UPDATE ON token_cache BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END;";
const NOT_FULL: &str = "DROP TRIGGER full_1; DROP TRIGGER full_2;";
