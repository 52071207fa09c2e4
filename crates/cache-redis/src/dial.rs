//! Opens a connection: TCP, TLS, who we are, and what kind of server it is.

use std::{io::ErrorKind, sync::Arc};

use entra_abstractions::{Clock, Secret};
use futures_util::future::join4;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, Value, aio::MultiplexedConnection, cmd};
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    config::{Config, Endpoint},
    connection::{Connection, Driver, Kind, PATIENCE},
    error::{CLOSED, Failure, answer, away},
    login::{Login, Proof},
};

/// All that is needed to open a connection to any of the servers.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) login: Login,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Dialer {
    /// Opens a connection to a server that keeps entries.
    pub(crate) async fn dial(&self, to: &Endpoint) -> Result<Connection, Failure> {
        let open = async {
            let proof = self.login.proof(&*self.clock).await?;
            let (multiplexed, driver) = self.connect(to).await?;
            let kind = match timeout(PATIENCE, self.greet(&multiplexed, proof.as_ref())).await {
                Ok(Err(Failure::Lost)) => Err(Failure::Away(CLOSED)),
                greeted => greeted.unwrap_or(Err(SLOW)),
            }?;
            let life = proof.and_then(|proof| proof.life);
            Ok(Connection::new(multiplexed, driver, to.clone(), kind, life))
        };
        timeout(self.config.connect_timeout, open).await.unwrap_or(Err(SLOW))
    }

    /// Asks a Sentinel where the primary of this name is.
    pub(crate) async fn ask_sentinel(&self, sentinel: &Endpoint, name: &str) -> Result<Endpoint, Failure> {
        let ask = async {
            let (mut multiplexed, _driver) = self.connect(sentinel).await?;
            if let Login::Password { user, password } = &self.login {
                // It may have a password of its own, this one, or none at all; if this one does not
                // fit and one is needed, the question itself is refused.
                let _ = multiplexed.send_packed_command(&auth(user.as_ref(), password)).await;
            }
            let question = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name).take();
            match answer(multiplexed.send_packed_command(&question).await)? {
                Value::Nil => Err(Failure::UnknownService(name.to_owned())),
                value => address(&value).ok_or(Failure::Gibberish),
            }
        };
        timeout(self.config.connect_timeout.min(PATIENCE * 2), ask).await.unwrap_or(Err(SLOW))
    }

    async fn connect(&self, to: &Endpoint) -> Result<(MultiplexedConnection, Driver), Failure> {
        let tcp = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(|error| away(&error))?;
        let keep_alive = TcpKeepalive::new().with_time(self.config.keep_alive);
        let set = tcp.set_nodelay(true).and_then(|()| SockRef::from(&tcp).set_tcp_keepalive(&keep_alive));
        set.map_err(|error| away(&error))?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => {
                let Ok(name) = ServerName::try_from(self.certificate_name(to).to_owned()) else {
                    return Err(Failure::Away("has a name that no certificate can have (sslHost)"));
                };
                // Twice, because so often it has to answer.
                let tls = timeout(PATIENCE * 2, TlsConnector::from(Arc::clone(tls)).connect(name, tcp)).await;
                Box::new(tls.unwrap_or(Err(ErrorKind::TimedOut.into())).map_err(|error| away(&error))?)
            }
            None => Box::new(tcp),
        };
        let config = AsyncConnectionConfig::new()
            // Time is kept where the request is made, and by what is left behind there.
            .set_response_timeout(None)
            .set_connection_timeout(None)
            .set_concurrency_limit(IN_FLIGHT);
        let nobody = RedisConnectionInfo::default().set_skip_set_lib_name();
        let opened = MultiplexedConnection::new_with_config(&nobody, stream, config).await;
        let Ok((multiplexed, driver)) = opened else { return Err(Failure::Lost) };
        Ok((multiplexed, Driver::start(driver)))
    }

    /// A server of a cluster that is known by its address shows the certificate of the host that is
    /// configured; so do Azure's.
    fn certificate_name<'a>(&'a self, to: &'a Endpoint) -> &'a str {
        let said = self.config.tls.as_ref().and_then(|tls| tls.host.as_deref());
        let configured = || self.config.only_host().filter(|_| to.is_address());
        said.or_else(configured).unwrap_or(&to.host)
    }

    /// All of it in one round trip: the commands are sent together and answered in their order.
    async fn greet(
        &self,
        connection: &MultiplexedConnection,
        proof: Option<&Proof>,
    ) -> Result<Kind, Failure> {
        let send = async |command: Option<Cmd>| match command {
            Some(command) => answer(connection.clone().send_packed_command(&command).await).map(Some),
            None => Ok(None),
        };
        let login = proof.map(|proof| auth(proof.user.as_ref(), &proof.password));
        let database = (self.config.database != 0).then(|| cmd("SELECT").arg(self.config.database).take());
        let name = self.config.client_name.as_deref().unwrap_or("entra-cache-redis");
        let name = cmd("CLIENT").arg("SETNAME").arg(name).take();
        let (login, database, _, hello) =
            join4(send(login), send(database), send(Some(name)), send(Some(cmd("HELLO")))).await;
        match login {
            // .NET's client goes on here, too: a password more than needed opens nothing.
            Err(Failure::Refused { code, detail })
                if code == "ERR" && detail.contains("without any password") => {}
            other => drop(other?),
        }
        database?;
        match hello {
            Ok(said) => Ok(Kind::told(said.as_ref())),
            // Whoever has not logged in gets this answer to everything.
            Err(refused @ Failure::Refused { .. }) if refused.is("NOAUTH") => Err(refused),
            Err(refused @ Failure::Refused { .. }) if refused.is("LOADING") => Err(refused),
            // Older than version 6, a proxy, or not allowed: then the first request shows.
            Err(Failure::Refused { .. }) => Ok(Kind::Unknown),
            Err(other) => Err(other),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

fn auth(user: Option<&Secret>, password: &Secret) -> Cmd {
    let mut command = cmd("AUTH");
    command.arg(user.map(Secret::expose)).arg(password.expose());
    command
}

fn address(value: &Value) -> Option<Endpoint> {
    let Value::Array(parts) = value else { return None };
    let [Value::BulkString(host), Value::BulkString(port)] = parts.as_slice() else { return None };
    Some(Endpoint {
        host: String::from_utf8(host.clone()).ok()?,
        port: std::str::from_utf8(port).ok()?.parse().ok()?,
    })
}

const SLOW: Failure = Failure::Away("cannot be connected to in time");

/// How many requests one connection carries at a time; the others wait before it.
const IN_FLIGHT: usize = 1_024;
