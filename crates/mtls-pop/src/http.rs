//! One client for each certificate and way to a host.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use entra_abstractions::{Binding, HttpSettings, Misconfigured};
use reqwest::{Client, ClientBuilder};
use url::Url;

use crate::tls::client_config;

/// The HTTP clients of the certificates that are in use.
///
/// A certificate keeps its client, and so its connections, while it is among the last sixteen that were
/// asked for. The client of one that is let go closes its connections when its last request is done.
pub struct BoundClients {
    settings: HttpSettings,
    finish: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    /// The latest last.
    clients: Mutex<Vec<Bound>>,
}

struct Bound {
    binding: Binding,
    /// Past the proxy, or by it: which one a URL takes is a matter of its client.
    goes_directly: bool,
    client: Client,
}

const MOST: usize = 16;

impl BoundClients {
    /// Clients that reach their hosts by these settings. `finish` says what else there is to say of each,
    /// such as which redirects it follows.
    pub fn new(
        settings: &HttpSettings,
        finish: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        Self { settings: settings.clone(), finish: Box::new(finish), clients: Mutex::default() }
    }

    /// The client that shows this certificate to the host of a URL. It need not be kept: the next call
    /// gives a clone of the same.
    ///
    /// # Errors
    /// [`Misconfigured`] where the key cannot sign a handshake, or no client can be built.
    pub fn of(&self, binding: &Binding, url: &Url) -> Result<Client, Misconfigured> {
        let goes_directly = self.settings.goes_directly(url);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            clients.iter().position(|one| one.binding == *binding && one.goes_directly == goes_directly);
        let bound = if let Some(at) = known {
            clients.remove(at)
        } else {
            let client = self.build(binding, goes_directly)?;
            Bound { binding: binding.clone(), goes_directly, client }
        };
        let client = bound.client.clone();
        if clients.len() >= MOST {
            clients.remove(0);
        }
        clients.push(bound);
        Ok(client)
    }

    fn build(&self, binding: &Binding, goes_directly: bool) -> Result<Client, Misconfigured> {
        #[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP clients")]
        let builder = Client::builder();
        let mut builder = builder
            .connect_timeout(self.settings.connecting_for())
            .timeout(self.settings.waiting_for())
            .tls_backend_preconfigured(client_config(binding, self.settings.trusted())?);
        for (host, address) in self.settings.resolved() {
            builder = builder.resolve(host, *address);
        }
        if goes_directly {
            builder = builder.no_proxy();
        }
        (self.finish)(builder).build().map_err(|error| {
            Misconfigured::new("no HTTP client can be built here").with_source(error.without_url())
        })
    }
}

impl fmt::Debug for BoundClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundClients").finish_non_exhaustive()
    }
}
