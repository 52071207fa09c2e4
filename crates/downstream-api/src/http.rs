//! The one place of this crate that builds an HTTP client.

use entra_abstractions::{HttpSettings, Misconfigured};
use entra_mtls_pop::BoundClients;
use reqwest::{Certificate, Client, redirect};
use url::Url;

/// A client that follows redirects only within the origin it was sent to: a token, and what a
/// caller put into headers, must not reach a host that the API names.
pub(crate) fn client(settings: &HttpSettings, base: &Url) -> Result<Client, Misconfigured> {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP clients")]
    let builder = Client::builder();
    let mut builder = builder
        .connect_timeout(settings.connecting_for())
        .timeout(settings.waiting_for())
        .redirect(within_origin())
        .user_agent(USER_AGENT);
    if settings.goes_directly(base) {
        builder = builder.no_proxy();
    }
    for (host, address) in settings.resolved() {
        builder = builder.resolve(host, *address);
    }
    let mut certificates = Vec::new();
    for pem in settings.trusted() {
        certificates.extend(Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| {
            Misconfigured::new("a trusted certificate is not PEM").with_source(error.without_url())
        })?);
    }
    if !certificates.is_empty() {
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| {
        Misconfigured::new("the HTTP client cannot be built")
            .hint("does this machine have its certificate authorities installed?")
            .with_source(error.without_url())
    })
}

/// The same, over connections with the certificate to which a token is bound.
pub(crate) fn bound(settings: &HttpSettings) -> BoundClients {
    BoundClients::new(settings, |builder| builder.redirect(within_origin()).user_agent(USER_AGENT))
}

const USER_AGENT: &str = concat!("entra-rs/", env!("CARGO_PKG_VERSION"));

fn within_origin() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let same = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
        // Stopping hands the redirect itself to the caller, as a status like any other.
        if same && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

const MOST_REDIRECTS: usize = 5;
