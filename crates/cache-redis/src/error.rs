//! What a server that is away or refuses is told as: words of whoever runs it.

use std::{io, time::Duration};

use entra_abstractions::{StoreError, TokenError};
use redis::{RedisError, ServerError, Value};

use crate::config::Endpoint;

/// Why a request came to nothing.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// No connection can be had.
    Away(&'static str),
    /// The connection was lost before the answer came.
    Lost,
    /// It took longer than this.
    Slow(Duration),
    /// The server said no, with a word of its protocol and what follows it.
    Refused { code: String, detail: String },
    /// The server said something that cannot be understood.
    Gibberish,
    /// None of the servers is the one that takes writes.
    NoPrimary,
    /// The Sentinels know no primary of this name.
    UnknownService(String),
    /// No server of the cluster keeps this key.
    Unserved,
    /// Entra gave no token to log in with.
    NoToken(TokenError),
    /// The token names nobody as whom to log in.
    Nameless,
    /// An entry is larger than is ever read back.
    TooLarge,
}

impl Failure {
    pub(crate) fn refused(error: &ServerError) -> Self {
        Self::Refused {
            code: error.code().to_owned(),
            detail: error.details().unwrap_or_default().to_owned(),
        }
    }

    /// Whether the server refused with this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == word)
    }

    /// Whether the server knows the user not, or another password.
    pub(crate) fn refuses_login(&self) -> bool {
        self.is("WRONGPASS") || self.is("NOAUTH")
    }

    /// Where a server of a cluster sends the request: it says so by `MOVED slot host:port`, or by
    /// `ASK` when the key is on its way.
    pub(crate) fn redirection(&self, asked: &Endpoint) -> Option<Redirection> {
        let Self::Refused { code, detail } = self else { return None };
        let to = || Endpoint::redirected(detail.split(' ').nth(1)?, asked);
        match code.as_str() {
            "MOVED" => Some(Redirection::Moved(to()?)),
            "ASK" => Some(Redirection::Ask(to()?)),
            _ => None,
        }
    }

    /// As it is told outside.
    pub(crate) fn at(self, store: &str) -> StoreError {
        let error = StoreError::new(store, self.words());
        match self {
            Self::NoToken(cause) => error.with_source(cause),
            _ => error,
        }
    }

    /// What is wrong, in words that hold nothing a server wrote.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Away(what) => (*what).to_owned(),
            Self::Lost => "lost the connection before it answered".to_owned(),
            Self::Slow(time) => format!("did not answer within {} ms", time.as_millis()),
            Self::Refused { code, detail } => refusal(code, detail),
            Self::Gibberish => "answered something that is not of its protocol".to_owned(),
            Self::NoPrimary => {
                "has only replicas: no server takes writes, a fail-over may be under way".to_owned()
            }
            Self::UnknownService(name) => format!("knows no primary that is called {name} (serviceName)"),
            Self::Unserved => "has no server for this key: the cluster lost some of its slots".to_owned(),
            Self::NoToken(_) => "cannot be logged in to: there is no token for it".to_owned(),
            Self::Nameless => {
                "cannot be logged in to: the token names no object id (oid); say user=<object id of the identity> in \
                 the connection string"
                    .to_owned()
            }
            Self::TooLarge => format!("was given an entry of more than {MAX_VALUE} bytes"),
        }
    }
}

pub(crate) enum Redirection {
    Moved(Endpoint),
    Ask(Endpoint),
}

/// The words are ours: what a server writes may hold the name of a user.
fn refusal(code: &str, detail: &str) -> String {
    let words = match code {
        "WRONGPASS" | "NOAUTH" => {
            "refuses the user or password: check them in the connection string, or the access policy of the identity"
        }
        "NOPERM" => {
            "forbids it to this user: its ACL must allow getrange, set, del and exists on these keys, and cluster slots in a cluster"
        }
        "READONLY" => "takes no writes: it is a replica, a fail-over may be under way",
        "OOM" => "is full: raise its maxmemory, or let it evict (maxmemory-policy volatile-ttl)",
        "MISCONF" => "takes no writes while it cannot save to its disk: see its log",
        "LOADING" => "is starting: it still reads its data",
        "BUSY" => "is busy with a script",
        "CLUSTERDOWN" => "is a cluster that is down: some of its servers are missing",
        "MASTERDOWN" | "NOREPLICAS" => "takes no requests while its replication is broken",
        "MOVED" | "ASK" | "TRYAGAIN" => "is a cluster that is moving this key",
        "ERR" if detail.contains("DB index") => "has no such database (defaultDatabase)",
        "ERR" if detail.contains("SELECT is not allowed") => {
            "is a cluster, which has one database only: leave defaultDatabase out"
        }
        _ => return format!("refused with {}", if is_word(code) { code } else { "an unknown word" }),
    };
    words.to_owned()
}

fn is_word(code: &str) -> bool {
    (1..=32).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What a command was answered: a refusal is an error here, whichever way it came.
pub(crate) fn answer(result: Result<Value, RedisError>) -> Result<Value, Failure> {
    match result {
        Ok(Value::ServerError(error)) => Err(Failure::refused(&error)),
        Ok(value) => Ok(value),
        Err(error) => Err(match error.into_server_errors().as_deref() {
            Some([(_, refused), ..]) => Failure::refused(refused),
            _ => Failure::Lost,
        }),
    }
}

/// Why no connection came about.
pub(crate) fn away(error: &io::Error) -> Failure {
    let tls = error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>());
    Failure::Away(match tls {
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName
            | rustls::CertificateError::NotValidForNameContext { .. },
        )) => "has a certificate for another name (sslHost)",
        Some(rustls::Error::InvalidCertificate(_)) => {
            "has a certificate that is not trusted: name its authority in CertificateAuthority"
        }
        Some(_) => "does not speak TLS as it should",
        None => match error.kind() {
            io::ErrorKind::ConnectionRefused => "cannot be reached: nothing listens there",
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => CLOSED,
            io::ErrorKind::TimedOut => "cannot be connected to in time",
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                "cannot be reached: no route leads to it"
            }
            _ => "cannot be reached, or its name cannot be resolved",
        },
    })
}

/// What a server does that has too many clients, or is spoken to in the wrong way.
pub(crate) const CLOSED: &str =
    "closed the connection at once: it wants TLS, or none, or has too many clients";

/// What is read back at most: a token and all that is kept beside it is some kilobytes.
pub(crate) const MAX_VALUE: usize = 1 << 20;
