//! A master with a replica that takes its place, and the sentinel that decides when.

use std::time::Duration;

use super::{Access, Redis};
use crate::{Failure, Server, folder::Folder, package::REDIS_SERVER, pause::pause, server::Recipe};

/// What the sentinel calls the master.
const MASTER: &str = "mymaster";

/// A master, a replica and a sentinel of this test's own. The sentinel takes a master for lost that
/// did not answer for 800 ms.
#[derive(Debug)]
pub struct RedisSentinel {
    sentinel: Server,
    first: Redis,
    second: Redis,
}

impl RedisSentinel {
    /// Starts all three and waits until the sentinel knows the replica.
    ///
    /// # Errors
    /// If Redis is not installed, or with the end of a log if it does not come up.
    pub fn start() -> Result<Self, Failure> {
        let quick = ["--repl-diskless-sync-delay", "0"];
        let first = Redis::with(Folder::new("redis-master")?, Access::default(), &quick)?;
        let master = first.port().to_string();
        let replica = [quick, ["--repl-ping-replica-period", "1"]].concat();
        let replica = [&replica[..], &["--replicaof", "127.0.0.1", &master]].concat();
        let second = Redis::with(Folder::new("redis-replica")?, Access::default(), &replica)?;
        wait(|| Ok(second.command(&["INFO", "replication"])?.contains("master_link_status:up")))?;
        let folder = Folder::new("redis-sentinel")?;
        // A sentinel writes into its configuration.
        folder.write("sentinel.conf", &configuration(&folder, first.port()))?;
        let recipe = Recipe {
            program: REDIS_SERVER,
            arguments: Box::new(|folder, port| {
                let file = folder.join("sentinel.conf").display().to_string();
                vec![file, "--sentinel".to_owned(), "--port".to_owned(), port.to_string()]
            }),
            ask: Box::new(|folder, port| Access::default().ask(folder, port, &["INFO", "server"])),
        };
        let sentinel = Self { sentinel: Server::start(folder, recipe)?, first, second };
        wait(|| Ok(sentinel.ask(&["SENTINEL", "replicas", MASTER])?.contains("master-link-status\nok")))?;
        Ok(sentinel)
    }

    /// The sentinel's process.
    pub fn sentinel(&self) -> &Server {
        &self.sentinel
    }

    /// Where the sentinel is.
    pub fn sentinel_url(&self) -> String {
        crate::url::of_redis(None, false, self.sentinel.port())
    }

    /// What the sentinel calls the master.
    pub fn master_name(&self) -> &'static str {
        MASTER
    }

    /// The server that the sentinel says is the master now.
    ///
    /// # Errors
    /// If the sentinel does not answer.
    pub fn master(&self) -> Result<&Redis, Failure> {
        let said = self.ask(&["SENTINEL", "get-master-addr-by-name", MASTER])?;
        let is_second = said.lines().any(|line| line == self.second.port().to_string());
        Ok(if is_second { &self.second } else { &self.first })
    }

    /// The other one.
    ///
    /// # Errors
    /// If the sentinel does not answer.
    pub fn replica(&self) -> Result<&Redis, Failure> {
        let master = self.master()?.port();
        Ok(if master == self.first.port() { &self.second } else { &self.first })
    }

    fn ask(&self, words: &[&str]) -> Result<String, Failure> {
        Access::default().ask(self.sentinel.folder(), self.sentinel.port(), words)
    }
}

fn configuration(folder: &Folder, master: u16) -> String {
    format!(
        "bind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds {MASTER} 800\nsentinel failover-timeout {MASTER} 3000\n",
        folder.path().display()
    )
}

fn wait(is_so: impl Fn() -> Result<bool, Failure>) -> Result<(), Failure> {
    for _ in 0..1_500 {
        if is_so()? {
            return Ok(());
        }
        pause(Duration::from_millis(20));
    }
    Err(Failure::new("the replica did not follow its master in 30 s"))
}
