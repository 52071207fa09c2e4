//! Redis: a single server, a cluster, a master with a replica and a sentinel.

mod cluster;
mod sentinel;

use std::{ops::Deref, path::Path};

pub use self::{cluster::RedisCluster, sentinel::RedisSentinel};
use crate::{
    Failure, Server, Shared,
    folder::Folder,
    package::{REDIS_CLI, REDIS_SERVER},
    server::Recipe,
    url,
};

/// A Redis server of this test's own; what is done to its process is [`Server`]'s.
///
/// It appends each write to a file before it answers, so that a kill loses nothing.
///
/// ```no_run
/// let redis = entra_services::Redis::start()?;
/// println!("{}", redis.url());
/// redis.kill();
/// redis.restart()?;
/// # Ok::<(), entra_services::Failure>(())
/// ```
#[derive(Debug)]
pub struct Redis {
    server: Server,
    access: Access,
}

/// How its clients get in.
#[derive(Debug, Clone, Default)]
struct Access {
    password: Option<&'static str>,
    ca: Option<std::path::PathBuf>,
}

impl Redis {
    /// The variable by which the gate tells where the one is that all tests share.
    pub const SHARED: &str = "ENTRA_TEST_REDIS";

    /// A server without a password.
    ///
    /// # Errors
    /// If Redis is not installed, or with the end of its log if it does not come up.
    pub fn start() -> Result<Self, Failure> {
        Self::with(Folder::new("redis")?, Access::default(), &[])
    }

    /// A server that speaks TLS only, by a CA of its own, and wants a password.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[cfg(feature = "tls")]
    pub fn tls() -> Result<Self, Failure> {
        let folder = Folder::new("redis")?;
        let crate::tls::Files { ca, certificate, key } = crate::tls::write(&folder, crate::tls::HERE)?;
        let file = |path: &Path| path.display().to_string();
        let options = [
            ["--tls-ca-cert-file", &file(&ca)],
            ["--tls-cert-file", &file(&certificate)],
            ["--tls-key-file", &file(&key)],
            ["--tls-auth-clients", "no"],
            ["--requirepass", url::PASSWORD],
        ];
        let access = Access { password: Some(url::PASSWORD), ca: Some(ca) };
        Self::with(folder, access, options.as_flattened())
    }

    /// The one that `cargo xtask test` started for all tests, or one of this test's own where it did
    /// not. Others use it, too: take a prefix of your own, and leave it as it is.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn shared() -> Result<Shared<Self>, Failure> {
        Shared::find(Self::SHARED, Self::start, Self::url)
    }

    /// Where it is, password and all.
    pub fn url(&self) -> String {
        url::of_redis(self.access.password, self.access.ca.is_some(), self.port())
    }

    /// The password that it wants.
    pub fn password(&self) -> Option<&'static str> {
        self.access.password
    }

    /// The CA that signed its certificate, if it speaks TLS.
    pub fn ca(&self) -> Option<&Path> {
        self.access.ca.as_deref()
    }

    /// As if its memory were full: reads are answered, writes are refused with `OOM`.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn refuse_writes(&self) -> Result<(), Failure> {
        self.command(&["CONFIG", "SET", "maxmemory", "1"]).map(drop)
    }

    /// Takes writes again.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn accept_writes(&self) -> Result<(), Failure> {
        self.command(&["CONFIG", "SET", "maxmemory", "0"]).map(drop)
    }

    /// Sends it one command by `redis-cli` and returns the answer as that prints it.
    ///
    /// # Errors
    /// If it does not answer, or with an error.
    pub fn command(&self, words: &[&str]) -> Result<String, Failure> {
        self.access.ask(self.server.folder(), self.port(), words)
    }

    fn with(folder: Folder, access: Access, more: &[&str]) -> Result<Self, Failure> {
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        let asked = access.clone();
        let port_option = if access.ca.is_some() { "--tls-port" } else { "--port" };
        let arguments = move |folder: &Folder, port: u16| {
            let (folder, port) = (folder.path().display().to_string(), port.to_string());
            let mut words: Vec<&str> = ["--bind", "127.0.0.1", "--dir", &folder, "--save", ""].to_vec();
            words.extend(["--appendonly", "yes", "--appendfsync", "no", "--maxmemory-policy", "noeviction"]);
            words.extend(if port_option == "--port" { &[][..] } else { &["--port", "0"] });
            words.extend([port_option, &port]);
            words.extend(more.iter().map(String::as_str));
            words.into_iter().map(str::to_owned).collect()
        };
        let recipe = Recipe {
            program: REDIS_SERVER,
            arguments: Box::new(arguments),
            ask: Box::new(move |folder, port| asked.ask(folder, port, &["CONFIG", "GET", "dir"])),
        };
        Ok(Self { server: Server::start(folder, recipe)?, access })
    }
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Access {
    fn ask(&self, folder: &Folder, port: u16, words: &[&str]) -> Result<String, Failure> {
        let port = port.to_string();
        let mut arguments = vec!["-e", "-h", "127.0.0.1", "-p", &port];
        let ca = self.ca.as_ref().map(|ca| ca.display().to_string());
        if let Some(ca) = &ca {
            arguments.extend(["--tls", "--cacert", ca]);
        }
        arguments.extend(words);
        let variables = self.password.map(|password| ("REDISCLI_AUTH", password));
        folder.run(&REDIS_CLI, variables.as_slice(), &arguments)
    }
}
