//! Opens a connection: TCP, TLS, login by password or by a token, and the way that the server of
//! Azure sends on to.

use std::{io::ErrorKind, sync::Arc};

use entra_abstractions::{AcquireToken, RefusedLogins, TokenError};
use futures_util::future::select_ok;
use tiberius::{AuthMethod, Client, Config, error::Error};
use tokio::{
    net::{TcpStream, lookup_host},
    time::Instant,
};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::{
    server::{Login, Server},
    words,
};

/// A connection that is logged in.
pub(crate) type Connection = Client<Compat<TcpStream>>;

/// Why there is none.
#[derive(Debug, Clone)]
pub(crate) enum Unconnected {
    Server(Error),
    Token(TokenError),
}

impl Unconnected {
    pub(crate) fn refuses_login(&self) -> bool {
        matches!(self, Self::Server(error) if words::refuses_login(error))
    }
}

/// Everything that a connection needs to be opened.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) server: Server,
    pub(crate) credential: Option<Arc<dyn AcquireToken>>,
    pub(crate) root_certificates: Option<Vec<u8>>,
    pub(crate) logins: RefusedLogins<Unconnected>,
}

/// To how many addresses in a row a server may send on.
const REDIRECTS: usize = 3;

impl Door {
    pub(crate) async fn connect(&self) -> Result<Connection, Unconnected> {
        let now = || Instant::now().into_std();
        self.logins.log_in(now, self.connect_now(), Unconnected::refuses_login).await
    }

    async fn connect_now(&self) -> Result<Connection, Unconnected> {
        let login = self.login().await?;
        let (mut host, mut port) = (self.server.host.clone(), self.server.port);
        let mut sent_on = None;
        for _ in 0..=REDIRECTS {
            let stream = dial(&host, port).await.map_err(Unconnected::Server)?;
            let config = self.config(&host, port, login.clone());
            match Box::pin(Client::connect(config, stream.compat_write())).await {
                Err(Error::Routing { host: to, port: at }) => {
                    sent_on = Some(Error::Routing { host: to.clone(), port: at });
                    (host, port) = (to, at);
                }
                other => return other.map_err(Unconnected::Server),
            }
        }
        Err(Unconnected::Server(sent_on.unwrap_or(Error::Protocol("no way".into()))))
    }

    async fn login(&self) -> Result<AuthMethod, Unconnected> {
        match (&self.server.login, &self.credential) {
            (Login::Password { user, password }, _) => Ok(AuthMethod::sql_server(user, password.expose())),
            (Login::Entra(request), Some(tokens)) => {
                let token = tokens.acquire(request).await.map_err(Unconnected::Token)?;
                Ok(AuthMethod::aad_token(token.secret().expose()))
            }
            // The builder has refused this.
            (Login::Entra(_), None) => Ok(AuthMethod::None),
        }
    }

    fn config(&self, host: &str, port: u16, login: AuthMethod) -> Config {
        let server = &self.server;
        let mut config = Config::new();
        config.host(host);
        config.port(port);
        config.database(&server.database);
        config.application_name(&server.application);
        config.encryption(server.encryption);
        config.authentication(login);
        // The store bounds each request as a whole.
        config.handshake_timeout(None);
        config.command_timeout(None);
        if server.is_any_certificate_trusted {
            config.trust_cert();
        } else if let Some(pem) = &self.root_certificates {
            config.trust_cert_ca_bundle(pem.clone());
        }
        if let Some(host) = &server.certificate_host {
            config.hostname_in_certificate(host);
        }
        config
    }
}

/// The first address of the host's that answers. All are asked at once: of an availability group's
/// listener, which has one in each subnet, one answers and the others never do.
async fn dial(host: &str, port: u16) -> Result<TcpStream, Error> {
    let io = |error: std::io::Error| Error::from(error);
    let addresses: Vec<_> = lookup_host((host, port)).await.map_err(io)?.collect();
    if addresses.is_empty() {
        return Err(io(ErrorKind::NotFound.into()));
    }
    let (stream, _) =
        select_ok(addresses.into_iter().map(|it| Box::pin(TcpStream::connect(it)))).await.map_err(io)?;
    stream.set_nodelay(true).map_err(io)?;
    Ok(stream)
}
