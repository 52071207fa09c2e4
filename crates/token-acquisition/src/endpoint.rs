//! Where the token endpoint is: known by heart for Entra, discovered for another authorization
//! server, where the builder said so.

use entra_abstractions::{Exchange, TenantId, TokenError, Unavailable, is_safe};
use http::header;
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use crate::{application::Application, http::read_capped};

/// The token endpoint of a discovered authority, once it is known.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    discovered: OnceCell<Url>,
}

/// The metadata of an authorization server (RFC 8414), as far as it is used.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
}

const LARGEST_DOCUMENT: usize = 256 * 1024;

impl Endpoint {
    pub(crate) async fn of(
        &self,
        application: &Application,
        tenant: &TenantId,
        client: &reqwest::Client,
    ) -> Result<Url, TokenError> {
        match application.discovered_authority() {
            None => Ok(application.authority().token_endpoint(tenant)),
            // A failure is not kept: the next call asks again.
            Some(authority) => self.discovered.get_or_try_init(|| discover(authority, client)).await.cloned(),
        }
    }
}

async fn discover(authority: &Url, client: &reqwest::Client) -> Result<Url, TokenError> {
    let exchange = || Exchange::new("discovery", authority.host_str().unwrap_or_default());
    let mut url = authority.clone();
    url.set_path(&format!("{}/.well-known/openid-configuration", authority.path().trim_end_matches('/')));
    let failed = |what: &str| TokenError::from(Unavailable::new(exchange(), what));
    let broken = |error: reqwest::Error| {
        TokenError::from(Unavailable::new(exchange(), "no connection").with_source(error.without_url()))
    };
    let response = client.get(url).header(header::ACCEPT, "application/json").send().await.map_err(broken)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(Unavailable::new(exchange().with_status(status), "no metadata").into());
    }
    let body = read_capped(response, LARGEST_DOCUMENT).await.map_err(broken)?;
    let metadata: Metadata = body
        .and_then(|body| serde_json::from_slice(&body).ok())
        .ok_or_else(|| failed("metadata that cannot be read"))?;
    // RFC 8414 section 3.3: metadata that speaks for another issuer is nobody's.
    if metadata.issuer.trim_end_matches('/') != authority.as_str().trim_end_matches('/') {
        return Err(failed("metadata of another issuer"));
    }
    match Url::parse(&metadata.token_endpoint) {
        Ok(endpoint) if is_safe(&endpoint) => Ok(endpoint),
        _ => Err(failed("a token endpoint that is not an https URL")),
    }
}
