//! The one place of this crate that builds an HTTP client, and reads an answer with a cap.

use std::time::Duration;

use entra_abstractions::{Authority, Exchange, HttpSettings, Misconfigured, Unavailable};
use reqwest::{Certificate, Client, Response, header::RETRY_AFTER, redirect::Policy};
use serde::de::DeserializeOwned;
use url::Url;

/// Entra's key sets are 20 to 40 KB.
const LARGEST: usize = 1024 * 1024;

#[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP")]
pub(crate) fn client(settings: &HttpSettings, authority: &Authority) -> Result<Client, Misconfigured> {
    let mut builder = Client::builder()
        .user_agent(concat!("entra-rs-web-api/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(settings.connecting_for())
        .timeout(settings.waiting_for());
    if settings.goes_directly(authority.instance()) {
        builder = builder.no_proxy();
    }
    for (host, address) in settings.resolved() {
        builder = builder.resolve(host, *address);
    }
    for pem in settings.trusted() {
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| {
            Misconfigured::new("a trusted certificate authority is not PEM").with_source(error.without_url())
        })?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| {
        Misconfigured::new("no HTTP client can be built here")
            .hint("install the system's CA certificates (ca-certificates)")
            .with_source(error.without_url())
    })
}

/// A document that may not be there.
pub(crate) async fn get_json<T: DeserializeOwned>(
    client: &Client,
    url: &Url,
) -> Result<Option<T>, Unavailable> {
    let exchange = Exchange::new("metadata", url.host_str().unwrap_or_default());
    let unreachable = |error: reqwest::Error| {
        Unavailable::new(exchange.clone(), "the authority cannot be reached").with_source(error.without_url())
    };
    let mut response = client.get(url.clone()).send().await.map_err(unreachable)?;
    let status = response.status();
    if !status.is_success() {
        if status.as_u16() == 404 {
            return Ok(None);
        }
        return Err(Unavailable::new(exchange.with_status(status.as_u16()), "the authority does not answer")
            .with_retry_after(retry_after(&response)));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Unavailable::new(exchange, "the authority's document is longer than 1 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map(Some).map_err(|error| {
        Unavailable::new(exchange.with_status(status.as_u16()), "the authority's document cannot be read")
            .with_source(error)
    })
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
