//! Everything that can be chosen before the emulator starts.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::Emulator;
use crate::directory::Directory;
use crate::realm::Realm;
use crate::server::{self, Server};
use crate::tls::Tls;
use crate::traffic::{Entry, Log, Observer};

/// Builds an [`Emulator`].
///
/// ```
/// use entra_emulator::{Directory, Emulator};
///
/// let mut directory = Directory::default();
/// directory.lifetimes.refresh_in = Some(1800);
/// let emulator = Emulator::builder().directory(directory).https(true).start_blocking()?;
/// assert!(emulator.base_url().starts_with("https://localhost:"));
/// assert!(emulator.ca_pem().is_some());
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Default)]
pub struct EmulatorBuilder {
    directory: Option<Directory>,
    https: bool,
    port: u16,
    host: Option<String>,
    page: bool,
    strict: bool,
    clock: Option<SystemTime>,
    observer: Option<Observer>,
}

/// The emulator could not start. The machine must act: the port is taken, or there is no thread to be had.
#[derive(Debug)]
pub struct StartError {
    what: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the emulator could not start: {}", self.what)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl EmulatorBuilder {
    /// Another directory than the ready-made one.
    #[must_use]
    pub fn directory(self, directory: Directory) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// HTTPS instead of HTTP, with a certificate of [`Emulator::ca_pem`].
    #[must_use]
    pub fn https(self, https: bool) -> Self {
        Self { https, ..self }
    }

    /// A fixed port; 0, the default, takes a free one.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Another name than `localhost` in [`Emulator::base_url`]; it must lead to loopback.
    #[must_use]
    pub fn host(self, host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..self }
    }

    /// `/authorize` shows a page to choose a user and to accept. Without it the login hint's user (or the first person
    /// of the tenant) is signed in at once and accepts everything.
    #[must_use]
    pub fn sign_in_page(self) -> Self {
        Self { page: true, ..self }
    }

    /// Dropping the emulator panics when a request came to a path that it does not serve.
    #[must_use]
    pub fn strict_traffic(self) -> Self {
        Self { strict: true, ..self }
    }

    /// What time it is at the start.
    #[must_use]
    pub fn clock(self, at: SystemTime) -> Self {
        Self { clock: Some(at), ..self }
    }

    /// Is told of every request when it has been answered.
    #[must_use]
    pub fn on_request(self, observer: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`StartError`] when the port is taken or the machine has no thread to give.
    #[expect(
        clippy::unused_async,
        reason = "starting may come to wait for something; callers are ready for it"
    )]
    pub async fn start(self) -> Result<Emulator, StartError> {
        self.start_blocking()
    }

    /// The same outside of async code; it does not wait for anything.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> Result<Emulator, StartError> {
        let tls = if self.https {
            Some(Tls::mint().map_err(|source| failed("no certificate", source))?)
        } else {
            None
        };
        let realm =
            Arc::new(Realm::new(self.directory.unwrap_or_default(), Log::new(self.observer), self.page));
        if let Some(at) = self.clock {
            realm.clock.set(at);
        }
        let host = self.host.unwrap_or_else(|| "localhost".to_owned());
        let config = tls.as_ref().map(|tls| Arc::clone(&tls.server));
        let server = Server::start(self.port, &host, config, Arc::clone(&realm)).map_err(|source| {
            failed(&format!("cannot listen on {}", server::address(self.port)), source.into())
        })?;
        let scheme = if self.https { "https" } else { "http" };
        let standard = server.port() == if self.https { 443 } else { 80 };
        let port = if standard { String::new() } else { format!(":{}", server.port()) };
        Ok(Emulator {
            realm,
            base_url: format!("{scheme}://{host}{port}"),
            server: Some(server),
            thumbprint: tls.as_ref().map(|tls| tls.thumbprint.clone()),
            ca_pem: tls.map(|tls| tls.ca_pem),
            strict: self.strict,
        })
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("https", &self.https)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn failed(what: &str, source: Box<dyn std::error::Error + Send + Sync>) -> StartError {
    StartError { what: what.to_owned(), source }
}
