//! What an authority says of itself: its issuers and its keys, fetched together and replaced
//! together.
//!
//! The keys are those of the v2.0 document, whatever version a token has; the v1.0 document only
//! tells how the authority spells the issuer of v1.0 tokens (`https://sts.windows.net/{tenantid}/`
//! in the public cloud). An authority without one issues no such tokens.

use std::time::SystemTime;

use entra_abstractions::{Authority, Exchange, Unavailable, is_safe};
use futures_util::future::join;
use reqwest::Client;
use serde::Deserialize;
use url::Url;

use crate::{
    algorithm::Algorithm,
    http::get_json,
    keys::{JwkSet, Keys},
};

/// A snapshot of issuers and keys.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) issuer_v1: Option<String>,
    pub(crate) keys: Keys,
    pub(crate) fetched_at: SystemTime,
}

/// Where the documents are.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) client: Client,
    pub(crate) authority: Authority,
    pub(crate) algorithms: Vec<Algorithm>,
}

/// An `openid-configuration` document, as far as it matters here.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct IssuerAlone {
    issuer: String,
}

impl Source {
    pub(crate) async fn fetch(&self, now: SystemTime) -> Result<Metadata, Unavailable> {
        let (current, v1) = join(self.current(), self.v1()).await;
        let (issuer, keys) = current?;
        Ok(Metadata { issuer, issuer_v1: v1?.map(|document| document.issuer), keys, fetched_at: now })
    }

    async fn v1(&self) -> Result<Option<IssuerAlone>, Unavailable> {
        match self.authority.metadata_endpoint_v1(self.authority.tenant()) {
            Some(document) => get_json(&self.client, &document).await,
            None => Ok(None),
        }
    }

    async fn current(&self) -> Result<(String, Keys), Unavailable> {
        let url = self.authority.metadata_endpoint(self.authority.tenant());
        let exchange = || Exchange::new("metadata", self.authority.host());
        let document: Configuration = get_json(&self.client, &url)
            .await?
            .ok_or_else(|| Unavailable::new(exchange().with_status(404), "the authority has no metadata"))?;
        let keys = Url::parse(&document.jwks_uri)
            .ok()
            .filter(is_safe)
            .ok_or_else(|| Unavailable::new(exchange(), "the authority's keys are not served over https"))?;
        let set: JwkSet = get_json(&self.client, &keys)
            .await?
            .ok_or_else(|| Unavailable::new(exchange().with_status(404), "the authority has no keys"))?;
        let keys = Keys::new(set, &self.algorithms);
        // Keys that work are never given up for a set in which none does.
        if keys.is_empty() {
            return Err(Unavailable::new(exchange(), "the authority's key set has no usable key"));
        }
        Ok((document.issuer, keys))
    }
}
