//! The one place of this crate that builds an HTTP client, and reads a body with a bound.

use entra_abstractions::{Authority, HttpSettings, Misconfigured};
use reqwest::{Certificate, Client, Response, redirect};

/// A client for token endpoints: it follows no redirect (a form with a secret goes nowhere else),
/// and gives up in time.
#[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP clients")]
pub(crate) fn build(settings: &HttpSettings, authority: &Authority) -> Result<Client, Misconfigured> {
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.connecting_for())
        .timeout(settings.waiting_for())
        .user_agent(concat!("entra-rs/", env!("CARGO_PKG_VERSION")));
    if settings.goes_directly(authority.instance()) {
        builder = builder.no_proxy();
    }
    for (host, address) in settings.resolved() {
        builder = builder.resolve(host, *address);
    }
    let mut trusted = Vec::new();
    for pem in settings.trusted() {
        let roots = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| {
            Misconfigured::new("a trusted certificate authority is not PEM").with_source(error.without_url())
        })?;
        trusted.extend(roots);
    }
    if !trusted.is_empty() {
        builder = builder.tls_certs_merge(trusted);
    }
    builder.build().map_err(|error| {
        Misconfigured::new("no HTTP client can be built here")
            .hint("is a store of trusted certificates installed?")
            .with_source(error.without_url())
    })
}

/// The body, or nothing where it is larger than the bound.
pub(crate) async fn read_capped(
    mut response: Response,
    most: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
