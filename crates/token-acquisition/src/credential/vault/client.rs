//! Talks to one key vault: asks for its tokens where the vault itself says, and only for its own.

use std::sync::{Arc, Mutex, PoisonError};

use entra_abstractions::{
    AcquireToken, Challenge, Exchange, Misconfigured, Rejected, Scopes, TokenError, TokenRequest,
    Unavailable, is_safe,
};
use http::{HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::http::read_capped;

/// A vault, and whose tokens open it.
pub(in crate::credential) struct VaultClient {
    base: Url,
    http: reqwest::Client,
    tokens: Arc<dyn AcquireToken>,
    /// What the vault said its tokens are for.
    scopes: Mutex<Option<Scopes>>,
}

/// No answer comes near it: a certificate, its chain and its key are some 20 KiB.
const LARGEST: usize = 1024 * 1024;

const VERSION: &str = "7.4";

impl VaultClient {
    /// The vault of this URL.
    pub(in crate::credential) fn new(
        url: &str,
        http: reqwest::Client,
        tokens: Arc<dyn AcquireToken>,
    ) -> Result<Self, Misconfigured> {
        Ok(Self { base: vault_url(url)?, http, tokens, scopes: Mutex::default() })
    }

    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The path of an address that the vault gave: of this vault, whatever it says.
    pub(super) fn path_of(&self, address: &str) -> Result<String, TokenError> {
        let path = Url::parse(address).ok().map(|url| url.path().trim_matches('/').to_owned());
        path.filter(|path| path.split('/').count() == 3)
            .ok_or_else(|| self.unavailable("an address that is none of a key vault").into())
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, TokenError> {
        self.ask(&Method::GET, path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, TokenError> {
        self.ask(&Method::POST, path, Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, TokenError> {
        let mut answer = self.send(method, path, body).await?;
        // The first time, and where the vault has moved to another tenant's keys.
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.heed(answer.headers())?;
            answer = self.send(method, path, body).await?;
        }
        let status = answer.status();
        if !status.is_success() {
            return Err(self.refused(status, answer.headers()));
        }
        let broken =
            |error: reqwest::Error| self.unavailable("the connection broke").with_source(error.without_url());
        let body = read_capped(answer, LARGEST).await.map_err(broken)?.map(Zeroizing::new);
        body.and_then(|body| serde_json::from_slice(&body).ok())
            .ok_or_else(|| self.unavailable("an answer that cannot be read").into())
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<reqwest::Response, TokenError> {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(Some(&format!("api-version={VERSION}")));
        let mut request = self.http.request(method.clone(), url).header(header::ACCEPT, "application/json");
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(scopes) = scopes {
            let token = self.tokens.acquire(&TokenRequest::as_app(scopes)).await?;
            request = request.header(header::AUTHORIZATION, token.authorization_header());
        }
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request = request.header(header::CONTENT_TYPE, json).body(body.to_string());
        }
        request.send().await.map_err(|error| {
            let what = if error.is_timeout() { "no answer in time" } else { "no connection" };
            self.unavailable(what).with_source(error.without_url()).into()
        })
    }

    /// Learns what tokens the vault wants. A token is only asked for where the vault is one of that
    /// resource, so that nobody who answers in its place is handed one that opens something else.
    /// <https://devblogs.microsoft.com/azure-sdk/guidance-for-applications-using-the-key-vault-libraries/>
    fn heed(&self, headers: &http::HeaderMap) -> Result<(), TokenError> {
        let resource = headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(Challenge::parse)
            .filter(Challenge::is_bearer)
            .find_map(|challenge| {
                challenge.get("resource").or_else(|| challenge.get("scope")).map(str::to_owned)
            });
        let resource = resource.and_then(|text| Url::parse(text.trim_end_matches("/.default")).ok());
        let resource = resource.ok_or_else(|| self.unavailable("a refusal that names no resource"))?;
        if !self.belongs_to(&resource) {
            return Err(Misconfigured::new(format!(
                "the key vault {} asks for tokens of another service",
                self.host()
            ))
            .hint("check KeyVaultUrl")
            .into());
        }
        let scope = format!("{}/.default", resource.as_str().trim_end_matches('/'));
        *self.scopes.lock().unwrap_or_else(PoisonError::into_inner) = Some(Scopes::try_from(scope.as_str())?);
        Ok(())
    }

    fn belongs_to(&self, resource: &Url) -> bool {
        let is_loopback = match self.base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let host = resource.host_str().unwrap_or_default();
        is_loopback
            || (!host.is_empty() && self.host().strip_suffix(host).is_some_and(|vault| vault.ends_with('.')))
    }

    fn refused(&self, status: StatusCode, headers: &http::HeaderMap) -> TokenError {
        let explanation = match status.as_u16() {
            401 => "the vault does not take the token: the identity must be of the vault's tenant",
            403 => {
                "the identity may not do this: give it the roles Key Vault Certificate User, and Key Vault Crypto User where the vault signs"
            }
            404 => "the vault has no such certificate: check KeyVaultCertificateName",
            429 => return self.unavailable_with(status, "throttled", headers),
            code if code >= 500 => return self.unavailable_with(status, "the key vault fails", headers),
            _ => "the vault does not do this: check KeyVaultUrl and KeyVaultCertificateName",
        };
        Rejected::new(self.exchange().with_status(status.as_u16()).with_explanation(Some(explanation))).into()
    }

    fn unavailable_with(&self, status: StatusCode, what: &str, headers: &http::HeaderMap) -> TokenError {
        let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let wait = seconds.map(std::time::Duration::from_secs);
        Unavailable::new(self.exchange().with_status(status.as_u16()), what).with_retry_after(wait).into()
    }

    fn unavailable(&self, what: &str) -> Unavailable {
        Unavailable::new(self.exchange(), what)
    }

    fn exchange(&self) -> Exchange {
        Exchange::new("key vault", self.host())
    }
}

/// The address of a vault: of a host alone.
pub(crate) fn vault_url(written: &str) -> Result<Url, Misconfigured> {
    let refused =
        || Misconfigured::new("not the URL of a key vault").hint("such as https://contoso.vault.azure.net");
    let url = Url::parse(written.trim()).map_err(|error| refused().with_source(error))?;
    let is_bare = url.path().trim_matches('/').is_empty()
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if is_safe(&url) && is_bare { Ok(url) } else { Err(refused()) }
}
