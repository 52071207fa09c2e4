//! Asks an OpenID provider for its token endpoint (OpenID Connect Discovery 1.0, RFC 8414).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entra_abstractions::{Exchange, TokenError, Unavailable, is_safe, is_this_machine};
use http::header;
use serde::Deserialize;
use tokio::{sync::OnceCell, time::timeout};
use url::Url;

use super::issuer::speaks_for;
use crate::http::read_capped;

/// What providers said, by the address of their metadata. A failure is not kept: the next call asks
/// again.
#[derive(Debug, Default)]
pub(super) struct Provider {
    /// Callers who come together for a document ask once, and share what comes of it; another
    /// document is another matter.
    asked: Mutex<HashMap<Url, Arc<Asked>>>,
}

type Asked = OnceCell<Result<Named, TokenError>>;

/// The metadata of an authorization server, as far as they are used.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
    /// RFC 8705 section 5.
    #[serde(default)]
    mtls_endpoint_aliases: Aliases,
}

/// The endpoints of those who show a certificate.
#[derive(Default, Deserialize)]
struct Aliases {
    token_endpoint: Option<String>,
}

/// The token endpoints that a provider names.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) token: Url,
    /// Where clients show a certificate; the same, unless the provider says otherwise.
    pub(super) mtls: Url,
}

const LARGEST_DOCUMENT: usize = 256 * 1024;

/// One for each tenant that requests name; more are somebody's play.
const MOST: usize = 1_000;

/// A question on the way to a token: it must leave time for the token.
const BUDGET: Duration = Duration::from_secs(10);

impl Provider {
    pub(super) async fn token_endpoints(
        &self,
        document: &Url,
        client: &reqwest::Client,
    ) -> Result<Named, TokenError> {
        let asked = self.asked(document);
        let told = asked
            .get_or_init(|| async {
                let late = || {
                    let exchange = Exchange::new(NAME, document.host_str().unwrap_or_default());
                    Err(Unavailable::new(exchange, "no metadata in time").into())
                };
                timeout(BUDGET, discover(document, client)).await.unwrap_or_else(|_elapsed| late())
            })
            .await
            .clone();
        if told.is_err() {
            self.forget(document, &asked);
        }
        told
    }

    /// What was said before.
    pub(super) fn known(&self, document: &Url) -> Option<Url> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(document)?.get()?.as_ref().ok().map(|named| named.token.clone())
    }

    fn asked(&self, document: &Url) -> Arc<Asked> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST && !asked.contains_key(document) {
            asked.clear();
        }
        Arc::clone(asked.entry(document.clone()).or_default())
    }

    fn forget(&self, document: &Url, failed: &Arc<Asked>) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody who came later may ask again already.
        if asked.get(document).is_some_and(|known| Arc::ptr_eq(known, failed)) {
            asked.remove(document);
        }
    }
}

/// What the question is called where grants are named.
const NAME: &str = "discovery";

async fn discover(document: &Url, client: &reqwest::Client) -> Result<Named, TokenError> {
    let exchange = || Exchange::new(NAME, document.host_str().unwrap_or_default());
    let failed = |what: &str| TokenError::from(Unavailable::new(exchange().with_status(200), what));
    let broken = |error: reqwest::Error| {
        TokenError::from(Unavailable::new(exchange(), "no connection").with_source(error.without_url()))
    };
    let request = client.get(document.clone()).header(header::ACCEPT, "application/json");
    let response = request.send().await.map_err(broken)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(Unavailable::new(exchange().with_status(status), "no metadata").into());
    }
    let body = read_capped(response, LARGEST_DOCUMENT).await.map_err(broken)?;
    let metadata: Metadata = body
        .and_then(|body| serde_json::from_slice(&body).ok())
        .ok_or_else(|| failed("metadata that cannot be read"))?;
    if !speaks_for(document, &metadata.issuer) {
        return Err(failed("metadata of another issuer"));
    }
    // What came over the network never leads a secret back into plain text on this machine.
    let is_reachable =
        |endpoint: &Url| is_safe(endpoint) && (endpoint.scheme() == "https" || is_this_machine(document));
    let parsed = |endpoint: &str| match Url::parse(endpoint) {
        Ok(endpoint) if is_reachable(&endpoint) => Ok(endpoint),
        _ => Err(failed("a token endpoint that is not an https URL")),
    };
    let token = parsed(&metadata.token_endpoint)?;
    let mtls = metadata.mtls_endpoint_aliases.token_endpoint.as_deref().map(parsed).transpose()?;
    Ok(Named { mtls: mtls.unwrap_or_else(|| token.clone()), token })
}

#[cfg(test)]
mod tests;
