//! The one place of this crate that builds an HTTP client, and reads a body with a bound.

use entra_abstractions::{Authority, HttpSettings, Misconfigured};
use entra_mtls_pop::BoundClients;
use http::HeaderValue;
use reqwest::{Certificate, Client, ClientBuilder, Response, redirect};
use rustls::ClientConfig;
use url::{Host, Url};

/// A client for token endpoints.
pub(crate) fn build(settings: &HttpSettings, authority: &Authority) -> Result<Client, Misconfigured> {
    let builder = begin(settings)?;
    built(if settings.goes_directly(authority.instance()) { builder.no_proxy() } else { builder })
}

/// Clients for token endpoints that take certificates.
pub(crate) fn bound(settings: &HttpSettings) -> BoundClients {
    BoundClients::new(settings, |builder| builder.redirect(redirect::Policy::none()).user_agent(USER_AGENT))
}

/// A client for what is on this host or beside it: no proxy could reach that, or should see it.
/// Where its certificate is no public matter, the configuration of TLS says which one it is.
pub(crate) fn build_local(
    settings: &HttpSettings,
    tls: Option<ClientConfig>,
) -> Result<Client, Misconfigured> {
    let builder = begin(settings)?.no_proxy();
    built(match tls {
        Some(tls) => builder.tls_backend_preconfigured(tls),
        None => builder,
    })
}

/// Where a URL is reached that names its host by address: for such a host nobody is asked, so what
/// the settings say is not heard of otherwise. With the host that it is asked in the name of.
pub(crate) fn reached(settings: &HttpSettings, url: &Url) -> (Url, Option<HeaderValue>) {
    let mut url = url.clone();
    let (Some(Host::Ipv4(_) | Host::Ipv6(_)), Some(name)) = (url.host(), url.host_str()) else {
        return (url, None);
    };
    let Some((_, address)) = settings.resolved().iter().find(|(host, _)| host == name) else {
        return (url, None);
    };
    let named = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    let moved = url.set_ip_host(address.ip()).is_ok() && url.set_port(Some(address.port())).is_ok();
    (url, HeaderValue::from_str(&named).ok().filter(|_| moved))
}

const USER_AGENT: &str = concat!("entra-rs/", env!("CARGO_PKG_VERSION"));

/// Whatever a client is for, it follows no redirect (a form with a secret goes nowhere else), and
/// gives up in time.
#[expect(clippy::disallowed_methods, reason = "this is the crate's one door to HTTP clients")]
fn begin(settings: &HttpSettings) -> Result<ClientBuilder, Misconfigured> {
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.connecting_for())
        .timeout(settings.waiting_for())
        .user_agent(USER_AGENT);
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
    Ok(builder)
}

fn built(builder: ClientBuilder) -> Result<Client, Misconfigured> {
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
