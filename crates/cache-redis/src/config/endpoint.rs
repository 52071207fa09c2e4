//! Where one server listens.

use std::{fmt, net::IpAddr};

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// `host`, `host:port`, `[v6]` or `[v6]:port`; `None` where it is none of these.
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            // An address of version 6 without brackets cannot have a port.
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_host) {
            return None;
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None => default_port,
        };
        Some(Self { host: host.to_owned(), port })
    }

    /// What a cluster says in a redirection: `host:port`, where the host may be missing because it
    /// is the one that was asked, and an address of version 6 has no brackets.
    pub(crate) fn redirected(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { &asked.host } else { host.trim_matches(['[', ']']) };
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }

    /// Whether what is sent there stays on this machine.
    pub(crate) fn is_this_machine(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        address.map_or_else(|_| self.host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
    }

    /// Whether it is one of Azure's, in any of its clouds.
    pub(crate) fn is_azures(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        AZURE.iter().chain(AZURE_MANAGED).any(|domain| host.ends_with(domain))
    }

    /// Whether it is one of Azure's that speaks TLS at this port.
    pub(crate) fn is_azures_by_tls(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        let is_managed = AZURE_MANAGED.iter().any(|domain| host.ends_with(domain));
        match self.port {
            6380 => self.is_azures(),
            10_000 => is_managed,
            _ => false,
        }
    }

    /// Whether its host is an address, which says nothing of who answers there.
    pub(crate) fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }
}

const AZURE: &[&str] = &[
    ".redis.cache.windows.net",
    ".redis.cache.chinacloudapi.cn",
    ".redis.cache.usgovcloudapi.net",
    ".redisenterprise.cache.azure.net",
];

const AZURE_MANAGED: &[&str] = &[".redis.azure.net", ".redis.chinacloudapi.cn", ".redis.usgovcloudapi.net"];

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
