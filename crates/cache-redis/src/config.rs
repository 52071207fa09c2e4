//! Where the servers are and how they are spoken to, as a connection string says it.
//!
//! In: the string, in the syntax of StackExchange.Redis or as a URL. Out: values that can be used.
//! Never connects, never prints a value.

mod dotnet;
mod endpoint;
mod redis_url;

use std::time::Duration;

use entra_abstractions::{Misconfigured, Secret};

pub(crate) use endpoint::Endpoint;

/// What a connection string says.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) user: Option<Secret>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: u32,
    pub(crate) client_name: Option<String>,
    pub(crate) tls: Option<Tls>,
    /// The endpoints are Sentinels, and this is the name by which they know the primary.
    pub(crate) service: Option<String>,
    pub(crate) connect_timeout: Duration,
    /// After so much silence the network is asked whether the other end is there.
    pub(crate) keep_alive: Duration,
    pub(crate) timeout: Duration,
}

/// How TLS is spoken, where it is.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    /// Whom the certificate must name, where that is not the host that is connected to.
    pub(crate) host: Option<String>,
    pub(crate) versions: TlsVersions,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsVersions {
    #[default]
    Both,
    Only12,
    Only13,
}

impl Config {
    /// Reads a connection string of either syntax.
    pub(crate) fn parse(text: &str) -> Result<Self, Misconfigured> {
        let text = text.trim();
        let is_url = text.split(',').next().is_some_and(|first| first.contains("://"));
        if is_url { redis_url::parse(text) } else { dotnet::parse(text) }
    }

    /// What errors call the store: where it is, and nothing that must not be told.
    pub(crate) fn name(&self) -> String {
        let endpoints: Vec<String> = self.endpoints.iter().map(ToString::to_string).collect();
        let service = self.service.iter().map(|service| format!(" for {service}"));
        let kind = if self.service.is_some() { "redis sentinel" } else { "redis" };
        format!("{kind} {}{}", endpoints.join(","), service.collect::<String>())
    }

    /// The one host that all endpoints have, if they do: the servers of a cluster that are known by
    /// their address only show its certificate.
    pub(crate) fn only_host(&self) -> Option<&str> {
        let (first, others) = self.endpoints.split_first()?;
        others.iter().all(|other| other.host == first.host).then_some(&first.host)
    }
}

/// As StackExchange.Redis has it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Firewalls, and Azure's load balancers among them, forget connections that are silent for minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
