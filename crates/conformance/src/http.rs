//! The one place of this crate that builds HTTP clients: for the judges that call as a user's own
//! program does, and for foreign clients that trust no private authority by themselves.

use std::time::Duration;

use anyhow::{Context, Result};
use entra_abstractions::HttpSettings;
use reqwest::{Certificate, Client, Response, redirect};

/// A client that reaches and trusts what the settings say.
#[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP clients")]
pub(crate) fn client(settings: &HttpSettings) -> Result<Client> {
    let mut builder =
        Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(settings.waiting_for());
    for (host, address) in settings.resolved() {
        builder = builder.resolve(host, *address);
    }
    let mut certificates = Vec::new();
    for pem in settings.trusted() {
        certificates.extend(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    if !certificates.is_empty() {
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().context("no HTTP client can be built here")
}

/// A client for plain loopback.
pub(crate) fn plain() -> Result<Client> {
    client(&HttpSettings::default().timeout(Duration::from_secs(30)))
}

/// The body of an answer, up to 1 MiB.
pub(crate) async fn read(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        anyhow::ensure!(body.len() + chunk.len() <= 1024 * 1024, "an answer larger than 1 MiB");
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
