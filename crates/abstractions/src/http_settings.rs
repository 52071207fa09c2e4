//! How HTTP clients reach the network, as a value: each crate that speaks HTTP builds its own
//! client from it, and a test points it elsewhere.

use std::{net::SocketAddr, time::Duration};

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
#[derive(Debug, Clone)]
pub struct HttpSettings {
    resolve: Vec<(String, SocketAddr)>,
    trust: Vec<String>,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            resolve: Vec::new(),
            trust: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
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

    /// The hosts that are reached at an address of their own.
    pub fn resolved(&self) -> &[(String, SocketAddr)] {
        &self.resolve
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
}
