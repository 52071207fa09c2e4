//! The syntax of StackExchange.Redis: `host:port,host2,password=..,ssl=True`.
//! <https://stackexchange.github.io/StackExchange.Redis/Configuration>

use std::{str::FromStr, time::Duration};

use entra_abstractions::{Faults, Misconfigured, Secret};

use super::{Config, Endpoint, KEEP_ALIVE, TIMEOUT, Tls, TlsVersions};

pub(super) fn parse(text: &str) -> Result<Config, Misconfigured> {
    let mut faults = Faults::default();
    let mut written = Written::default();
    let mut after_password = false;
    let parts = text.split(',').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty());
    for (index, part) in parts {
        let place = index + 1;
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if !key.is_empty() => {
                let key = key.to_ascii_lowercase();
                if let Err(Unread(what)) = written.set(&key, value) {
                    // What comes after a password may be its rest, so it is not repeated.
                    let named = if after_password { format!("part {place}") } else { key.clone() };
                    faults.add(Misconfigured::new(format!("{named} of the connection string {what}")));
                }
                after_password = key == "password";
            }
            None if !after_password && Endpoint::parse(part, 1).is_some() => {
                written.endpoints.push(part.to_owned());
            }
            // It may be the rest of a password, so it is told by its place.
            _ => faults.add(
                Misconfigured::new(format!(
                    "part {place} of the connection string is neither host:port nor key=value"
                ))
                .hint("servers come first; a password with a comma in it can stand in a rediss:// URL"),
            ),
        }
    }
    if written.endpoints.is_empty() {
        faults.add(
            Misconfigured::new("the connection string names no server")
                .hint("such as cache.contoso.example:6380,password=..,ssl=True"),
        );
    }
    faults.into_result(written.into_config())
}

#[derive(Default)]
struct Written {
    endpoints: Vec<String>,
    user: Option<Secret>,
    password: Option<Secret>,
    database: i32,
    client_name: Option<String>,
    ssl: Option<bool>,
    ssl_host: Option<String>,
    versions: TlsVersions,
    service: Option<String>,
    connect_timeout: Option<Duration>,
    keep_alive: i32,
    sync_timeout: Option<Duration>,
    async_timeout: Option<Duration>,
}

/// What is wrong with a part, without its value.
struct Unread(&'static str);

impl Written {
    fn set(&mut self, key: &str, value: &str) -> Result<(), Unread> {
        let text = || (!value.is_empty()).then(|| value.to_owned());
        match key {
            "user" => self.user = text().map(Secret::new),
            "password" => self.password = text().map(Secret::new),
            "defaultdatabase" => self.database = number(value)?,
            "name" => self.client_name = text(),
            "ssl" => self.ssl = Some(flag(value)?),
            "sslhost" => self.ssl_host = text(),
            "sslprotocols" => self.versions = versions(value)?,
            "servicename" => self.service = text(),
            "connecttimeout" => self.connect_timeout = Some(milliseconds(value)?),
            "keepalive" => self.keep_alive = number(value)?,
            "synctimeout" => self.sync_timeout = Some(milliseconds(value)?),
            "asynctimeout" => self.async_timeout = Some(milliseconds(value)?),
            "checkcertificaterevocation" if flag(value)? => {
                return Err(Unread(
                    "asks for certificates that were revoked, which nobody here looks for; say False, or remove it",
                ));
            }
            "tunnel" if !value.is_empty() => {
                return Err(Unread("asks for a proxy, which is not supported here"));
            }
            _ if MEANINGLESS.contains(&key) => {}
            _ => match key.strip_prefix('$') {
                Some(command) if OURS.contains(&command) => {
                    return Err(Unread("renames a command that is needed as it is"));
                }
                Some(_) => {}
                None => return Err(Unread("is not known; remove it")),
            },
        }
        Ok(())
    }

    fn into_config(self) -> Config {
        let ssl = self.ssl.unwrap_or_else(|| self.endpoints.iter().any(|text| is_azure_tls(text)));
        let port = match (&self.service, ssl) {
            (Some(_), _) => 26379,
            (None, true) => 6380,
            (None, false) => 6379,
        };
        let mut endpoints = Vec::new();
        for endpoint in self.endpoints.iter().filter_map(|text| Endpoint::parse(text, port)) {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        Config {
            endpoints,
            user: self.user,
            password: self.password,
            // -1 is .NET's word for the one that a connection starts with.
            database: u32::try_from(self.database).unwrap_or(0),
            client_name: self.client_name,
            tls: ssl.then_some(Tls { host: self.ssl_host, versions: self.versions }),
            service: self.service,
            connect_timeout: self.connect_timeout.unwrap_or(TIMEOUT),
            keep_alive: match u32::try_from(self.keep_alive) {
                Ok(seconds) if seconds > 0 => Duration::from_secs(seconds.into()),
                _ => KEEP_ALIVE,
            },
            timeout: self.async_timeout.or(self.sync_timeout).unwrap_or(TIMEOUT),
        }
    }
}

/// Azure's caches speak TLS at these ports, and .NET knows it.
fn is_azure_tls(text: &str) -> bool {
    Endpoint::parse(text, 6379).is_some_and(|endpoint| endpoint.is_azures_by_tls())
}

fn flag(value: &str) -> Result<bool, Unread> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "on" => Ok(true),
        "false" | "no" | "0" | "off" => Ok(false),
        _ => Err(Unread("must be true or false")),
    }
}

fn number<N: FromStr>(value: &str) -> Result<N, Unread> {
    value.parse().ok().ok_or(Unread("must be a number"))
}

fn milliseconds(value: &str) -> Result<Duration, Unread> {
    let milliseconds: u32 = number(value)?;
    if milliseconds == 0 {
        return Err(Unread("must be a number of milliseconds, at least 1"));
    }
    Ok(Duration::from_millis(milliseconds.into()))
}

fn versions(value: &str) -> Result<TlsVersions, Unread> {
    let (mut older, mut tls12, mut tls13) = (false, false, false);
    for version in value.split('|').map(|version| version.trim().to_ascii_lowercase()) {
        match version.as_str() {
            "" | "none" | "default" | "0" => return Ok(TlsVersions::Both),
            "tls12" | "3072" => tls12 = true,
            "tls13" | "12288" => tls13 = true,
            "15360" => (tls12, tls13) = (true, true),
            "ssl2" | "ssl3" | "tls" | "tls11" => older = true,
            _ => return Err(Unread("must be tls12, tls13 or both with | between")),
        }
    }
    match (tls12, tls13) {
        (true, false) => Ok(TlsVersions::Only12),
        (false, true) => Ok(TlsVersions::Only13),
        (false, false) if older => Err(Unread("allows only versions before TLS 1.2, which are not spoken")),
        (true, true) | (false, false) => Ok(TlsVersions::Both),
    }
}

/// What .NET's client understands and what means nothing here: connecting never gives up, there is
/// nothing that needs an administrator's rights, channels or its own kind of threads, and the protocol
/// is the one that every server speaks.
const MEANINGLESS: &[&str] = &[
    "abortconnect",
    "allowadmin",
    "channelprefix",
    "checkcertificaterevocation",
    "configchannel",
    "configcheckseconds",
    "connectretry",
    "highintegrity",
    "highprioritythreads",
    "preserveasyncorder",
    "protocol",
    "proxy",
    "resolvedns",
    "responsetimeout",
    "setlib",
    "tiebreaker",
    "tunnel",
    "version",
    "writebuffer",
];

/// The commands that are sent.
const OURS: &[&str] =
    &["asking", "auth", "client", "cluster", "del", "exists", "getrange", "hello", "ping", "select", "set"];
