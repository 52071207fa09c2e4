//! One client for each certificate and way to a host, while somebody holds the certificate.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use entra_abstractions::{Binding, HttpSettings, Misconfigured, WeakBinding};
use reqwest::{Client, ClientBuilder};
use rustls_platform_verifier::Verifier;
use url::Url;

use crate::{
    BoundClient,
    client::First,
    tls::{client_config, verifier},
};

/// The HTTP clients of the certificates that are in use.
///
/// A certificate has its client, and so its connections, as long as somebody holds it: the credential that
/// shows it, or a token that is bound to it. When it was renewed, and its last token and request are gone,
/// the next call lets go of its client, which closes its connections. At most sixteen are kept.
#[doc(alias = "IMsalMtlsHttpClientFactory")]
pub struct BoundClients {
    settings: HttpSettings,
    finish: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// One for all: reading the system's authorities takes longer than a handshake.
    verifier: Option<Arc<Verifier>>,
    /// The latest last.
    clients: Vec<Bound>,
}

struct Bound {
    binding: WeakBinding,
    /// Past the proxy, or by it: which one a URL takes is a matter of its client.
    goes_directly: bool,
    client: Client,
    hosts: Vec<(Box<str>, Option<u16>, First)>,
}

const MOST: usize = 16;

/// Of more hosts the first calls are not told apart from others.
const MOST_HOSTS: usize = 64;

impl BoundClients {
    /// Clients that reach their hosts by these settings. `finish` says what else there is to say of each,
    /// such as which redirects it follows.
    pub fn new(
        settings: &HttpSettings,
        finish: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        Self { settings: settings.clone(), finish: Box::new(finish), known: Mutex::default() }
    }

    /// The client that shows this certificate to the host of a URL. It need not be kept, and should not
    /// be for longer than the certificate: the next call gives a clone of the same.
    ///
    /// # Errors
    /// [`Misconfigured`] where the key cannot sign a handshake, or no client can be built.
    pub fn of(&self, binding: &Binding, url: &Url) -> Result<BoundClient, Misconfigured> {
        let goes_directly = self.settings.goes_directly(url);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { verifier, clients } = &mut *known;
        clients.retain(|one| !one.binding.is_gone());
        let at = clients.iter().position(|one| one.is_of(binding) && one.goes_directly == goes_directly);
        let mut bound = match at {
            // The order of use is that of the list.
            Some(at) => clients.remove(at),
            None => self.build(binding, goes_directly, verifier)?,
        };
        let client = BoundClient::new(bound.client.clone(), bound.first(url));
        // It may have been read twice: whoever holds it last counts.
        bound.binding = binding.downgrade();
        if clients.len() >= MOST {
            clients.remove(0);
        }
        clients.push(bound);
        Ok(client)
    }

    /// How many clients are kept: more than one while a certificate is renewed, or where several are in
    /// use.
    pub fn count(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clients.len()
    }

    fn build(
        &self,
        binding: &Binding,
        goes_directly: bool,
        known: &mut Option<Arc<Verifier>>,
    ) -> Result<Bound, Misconfigured> {
        let verifier = match known {
            Some(verifier) => Arc::clone(verifier),
            None => Arc::clone(known.insert(verifier(self.settings.trusted())?)),
        };
        #[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP clients")]
        let builder = Client::builder();
        let mut builder = builder
            .connect_timeout(self.settings.connecting_for())
            .timeout(self.settings.waiting_for())
            .tls_backend_preconfigured(client_config(binding, verifier)?);
        for (host, address) in self.settings.resolved() {
            builder = builder.resolve(host, *address);
        }
        if goes_directly {
            builder = builder.no_proxy();
        }
        let client = (self.finish)(builder).build().map_err(|error| {
            Misconfigured::new("no HTTP client can be built here").with_source(error.without_url())
        })?;
        Ok(Bound { binding: binding.downgrade(), goes_directly, client, hosts: Vec::new() })
    }
}

impl Bound {
    fn is_of(&self, binding: &Binding) -> bool {
        self.binding.upgrade().is_some_and(|known| known == *binding)
    }

    fn first(&mut self, url: &Url) -> First {
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
        let known = self.hosts.iter().find(|(name, at, _)| **name == *host && *at == port);
        if let Some((_, _, first)) = known {
            return first.clone();
        }
        if self.hosts.len() >= MOST_HOSTS {
            self.hosts.clear();
        }
        let first = First::new();
        self.hosts.push((host.into(), port, first.clone()));
        first
    }
}

impl fmt::Debug for BoundClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundClients").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
