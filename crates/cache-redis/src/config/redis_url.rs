//! The URLs that the rest of the world writes: `rediss://user:password@host:port/database`.

use entra_abstractions::{Faults, Misconfigured, Secret};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{Config, Endpoint, KEEP_ALIVE, TIMEOUT, Tls};

pub(super) fn parse(text: &str) -> Result<Config, Misconfigured> {
    // The parser's error is not told: it says nothing that the hint does not, and never will.
    let Some(url) = Url::parse(text).ok().filter(Url::has_host) else {
        return Err(Misconfigured::new("the URL of the connection string cannot be read").hint(SHAPE));
    };
    let mut faults = Faults::default();
    let is_tls = match url.scheme() {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => {
            faults.add(Misconfigured::new("the scheme of the URL is not one of Redis").hint(SHAPE));
            false
        }
    };
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded);
    let password = url.password().map(decoded);
    if user == Some(None) || password == Some(None) {
        faults.add(Misconfigured::new("the user or the password of the URL is not UTF-8").hint(SHAPE));
    }
    let database = match url.path().trim_start_matches('/') {
        "" => Some(0),
        database => database.parse().ok(),
    };
    if database.is_none() {
        faults.add(Misconfigured::new("the path of the URL must be the number of a database").hint(SHAPE));
    }
    for (key, _) in url.query_pairs().filter(|(key, _)| key != "protocol") {
        faults.add(Misconfigured::new(format!("{key} of the URL is not known; remove it")));
    }
    if url.fragment().is_some() {
        faults.add(
            Misconfigured::new("the URL must end before its #")
                .hint("certificates are always checked; encode a # that is part of the password as %23"),
        );
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    faults.into_result(Config {
        endpoints: vec![Endpoint { host, port: url.port().unwrap_or(6379) }],
        user: user.flatten().map(Secret::new),
        password: password.flatten().map(Secret::new),
        database: database.unwrap_or(0),
        client_name: None,
        tls: is_tls.then(Tls::default),
        service: None,
        connect_timeout: TIMEOUT,
        keep_alive: KEEP_ALIVE,
        timeout: TIMEOUT,
    })
}

const SHAPE: &str = "rediss://user:password@host:port/database, with what is special in it percent-encoded";
