//! How HTTP clients reach the network, as a value: each crate that speaks HTTP builds its own
//! client from it, and a test points it elsewhere.

use std::{net::SocketAddr, time::Duration};

use url::Url;

use crate::authority::is_this_machine;

/// What may differ between networks. The defaults are right for production.
///
/// ```
/// use entra_abstractions::HttpSettings;
///
/// let http = HttpSettings::default()
///     .resolve("login.microsoftonline.com", "127.0.0.1:8443".parse()?)
///     .trust_pem("-----BEGIN CERTIFICATE-----\n..");
/// # let _ = http;
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[doc(alias = "IHttpClientFactory")]
#[derive(Debug, Clone)]
pub struct HttpSettings {
    resolve: Vec<(String, SocketAddr)>,
    trust: Vec<String>,
    connect_timeout: Duration,
    timeout: Duration,
    deadline: Option<Duration>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            resolve: Vec::new(),
            trust: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            deadline: None,
        }
    }
}

impl HttpSettings {
    /// Reaches a host at this address instead of asking the name service.
    #[must_use]
    pub fn resolve(mut self, host: impl Into<String>, address: SocketAddr) -> Self {
        self.resolve.push((host.into(), address));
        self
    }

    /// Trusts the certificate authority in this PEM text, beside those of the system.
    #[must_use]
    pub fn trust_pem(mut self, pem: impl Into<String>) -> Self {
        self.trust.push(pem.into());
        self
    }

    /// Gives up connecting after this time; 10 s where nothing is said.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Gives up one request after this time; 30 s where nothing is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives up getting one token after this time, whatever it takes: credentials, a second try, the
    /// legs of an agent; eight times that of one request where nothing is said.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The hosts that are reached at an address of their own.
    pub fn resolved(&self) -> &[(String, SocketAddr)] {
        &self.resolve
    }

    /// Whether a client that calls this URL must pass by the proxy that the environment names
    /// (`HTTP_PROXY`): what is meant for this machine itself may be plain `http`, and leaves it for
    /// nobody else to read; and a proxy would not heed addresses that are given here.
    pub fn goes_directly(&self, url: &Url) -> bool {
        !self.resolve.is_empty() || is_this_machine(url)
    }

    /// The certificate authorities that are trusted beside the system's, as PEM.
    pub fn trusted(&self) -> &[String] {
        &self.trust
    }

    /// The time for connecting.
    pub fn connecting_for(&self) -> Duration {
        self.connect_timeout
    }

    /// The time for one request.
    pub fn waiting_for(&self) -> Duration {
        self.timeout
    }

    /// The time for all that one token takes.
    pub fn giving_up_after(&self) -> Duration {
        // Two tries for each of the three legs that a token can take, and a provider before them.
        self.deadline.unwrap_or(self.timeout * 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_this_machine_goes_through_no_proxy() {
        let directly = |settings: &HttpSettings, url: &str| settings.goes_directly(&Url::parse(url).unwrap());
        let settings = HttpSettings::default();
        for url in ["http://localhost:1/x", "https://LOCALHOST", "http://127.8.0.1", "http://[::1]:8080"] {
            assert!(directly(&settings, url), "{url}");
        }
        for url in
            ["https://login.microsoftonline.com", "http://127.0.0.1.evil.example", "http://localhost.evil"]
        {
            assert!(!directly(&settings, url), "{url}");
        }
        let settings = settings.resolve("api.example", "127.0.0.1:8443".parse().unwrap());
        assert!(directly(&settings, "https://api.example"));
    }
}
