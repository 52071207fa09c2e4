//! Talks to one key vault: asks for its tokens where the vault itself says, and only for its own.

use std::sync::{Arc, Mutex, PoisonError};

use entra_abstractions::{
    AccessToken, AcquireToken, Challenge, Clock, Exchange, Misconfigured, Rejected, Scopes, TokenError,
    TokenRequest, Unavailable, is_safe, is_this_machine,
};
use http::{HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::{http::read_capped, wire::retry_after};

/// A vault, and whose tokens open it.
pub(in crate::credential) struct VaultClient {
    base: Url,
    http: reqwest::Client,
    tokens: Arc<dyn AcquireToken>,
    clock: Arc<dyn Clock>,
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
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Misconfigured> {
        Ok(Self { base: vault_url(url)?, http, tokens, clock, scopes: Mutex::default() })
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
        let token = self.token().await?;
        let mut answer = self.send(method, path, body, token.as_ref()).await?;
        // The first time, where the vault has moved to another tenant's keys, and where it takes the
        // token that is kept no longer.
        if answer.status() == StatusCode::UNAUTHORIZED {
            let mut request = self.heed(answer.headers())?;
            request.replaces = token.map(|refused| refused.to_hash());
            let token = self.tokens.acquire(&request).await?;
            answer = self.send(method, path, body, Some(&token)).await?;
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

    /// The token that opens the vault, once it has said which.
    async fn token(&self) -> Result<Option<AccessToken>, TokenError> {
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match scopes {
            Some(scopes) => Ok(Some(self.tokens.acquire(&TokenRequest::as_app(scopes)).await?)),
            None => Ok(None),
        }
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&AccessToken>,
    ) -> Result<reqwest::Response, TokenError> {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(Some(&format!("api-version={VERSION}")));
        let mut request = self.http.request(method.clone(), url).header(header::ACCEPT, "application/json");
        if let Some(token) = token {
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
    fn heed(&self, headers: &http::HeaderMap) -> Result<TokenRequest, TokenError> {
        let challenges =
            || headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let resource =
            challenges().flat_map(Challenge::parse).filter(Challenge::is_bearer).find_map(|challenge| {
                challenge.get("resource").or_else(|| challenge.get("scope")).map(str::to_owned)
            });
        // Who only challenges the token that was sent names none.
        let known = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let scopes = match (resource, known) {
            (Some(resource), _) => self.scopes_of(&resource)?,
            (None, Some(known)) => known,
            (None, None) => return Err(self.unavailable("a refusal that names no resource").into()),
        };
        *self.scopes.lock().unwrap_or_else(PoisonError::into_inner) = Some(scopes.clone());
        let mut request = TokenRequest::as_app(scopes);
        request.claims = Challenge::claims(challenges());
        Ok(request)
    }

    fn scopes_of(&self, resource: &str) -> Result<Scopes, TokenError> {
        let resource = Url::parse(resource.trim_end_matches("/.default"))
            .map_err(|_malformed| self.unavailable("a refusal that names no resource"))?;
        if !belongs_to(&self.base, &resource) {
            return Err(Misconfigured::new(format!(
                "the key vault {} asks for tokens of another service",
                self.host()
            ))
            .hint("check KeyVaultUrl")
            .into());
        }
        let scope = format!("{}/.default", resource.as_str().trim_end_matches('/'));
        Ok(Scopes::try_from(scope.as_str())?)
    }

    fn refused(&self, status: StatusCode, headers: &http::HeaderMap) -> TokenError {
        let explanation = match status.as_u16() {
            401 => "the vault does not take the token: the identity must be of the vault's tenant",
            403 => {
                "the identity may not do this: give it the roles Key Vault Certificate User, and Key Vault Crypto User where the vault signs; or the vault's firewall does not let this network in"
            }
            404 => "the vault has no such certificate: check KeyVaultCertificateName",
            429 => return self.unavailable_with(status, "throttled", headers),
            code if code >= 500 => return self.unavailable_with(status, "the key vault fails", headers),
            _ => "the vault does not do this: check KeyVaultUrl and KeyVaultCertificateName",
        };
        Rejected::new(self.exchange().with_status(status.as_u16()).with_explanation(Some(explanation))).into()
    }

    fn unavailable_with(&self, status: StatusCode, what: &str, headers: &http::HeaderMap) -> TokenError {
        let wait = retry_after(headers, self.clock.now());
        Unavailable::new(self.exchange().with_status(status.as_u16()), what).with_retry_after(wait).into()
    }

    fn unavailable(&self, what: &str) -> Unavailable {
        Unavailable::new(self.exchange(), what)
    }

    fn exchange(&self) -> Exchange {
        Exchange::new("key vault", self.host())
    }
}

/// Whether a vault is one of a resource: a host below the resource's. On this machine, a test's.
fn belongs_to(vault: &Url, resource: &Url) -> bool {
    let host = resource.host_str().unwrap_or_default();
    let below = vault.host_str().and_then(|vault| vault.strip_suffix(host));
    is_this_machine(vault) || (!host.is_empty() && below.is_some_and(|vault| vault.ends_with('.')))
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

#[cfg(test)]
mod tests {
    use entra_abstractions::{SystemClock, testing::FakeAcquirer};

    use super::*;

    #[test]
    fn a_vault_is_below_its_resource() {
        let belongs = |vault: &str, resource: &str| {
            belongs_to(&vault_url(vault).unwrap(), &Url::parse(resource).unwrap())
        };
        assert!(belongs("https://contoso.vault.azure.net", "https://vault.azure.net"));
        assert!(belongs("https://contoso.vault.azure.cn/", "https://vault.azure.cn"));
        assert!(belongs("https://contoso.managedhsm.azure.net", "https://managedhsm.azure.net"));
        assert!(belongs("http://localhost:8080", "https://vault.azure.net"));
        for (vault, resource) in [
            ("https://vault.azure.net.evil.example", "https://vault.azure.net"),
            ("https://contosovault.azure.net", "https://vault.azure.net"),
            ("https://contoso.vault.azure.net", "https://graph.microsoft.com"),
            ("https://evil.localhost", "https://vault.azure.net"),
        ] {
            assert!(!belongs(vault, resource), "{vault} {resource}");
        }
    }

    #[test]
    fn no_token_is_asked_for_that_opens_something_else() {
        let authority =
            entra_abstractions::Authority::parse("https://login.example/contoso.example").unwrap();
        let http = crate::http::build(&entra_abstractions::HttpSettings::default(), &authority).unwrap();
        let nobody = Arc::new(FakeAcquirer::new(|_| Err(Misconfigured::new("nobody is asked").into())));
        let heeded = |challenge: &'static str| {
            let vault = "https://contoso.vault.azure.net";
            let client =
                VaultClient::new(vault, http.clone(), Arc::clone(&nobody) as _, Arc::new(SystemClock))
                    .unwrap();
            let mut headers = http::HeaderMap::new();
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            client.heed(&headers).map_err(|error| error.to_string())?;
            Ok(client.scopes.lock().unwrap().as_ref().unwrap().as_str().to_owned())
        };
        let good = r#"Bearer authorization="https://login.example/t", resource="https://vault.azure.net""#;
        assert_eq!(heeded(good), Ok("https://vault.azure.net/.default".to_owned()));
        let scope = r#"Bearer authorization="x", scope="https://vault.azure.net/.default""#;
        assert_eq!(heeded(scope), Ok("https://vault.azure.net/.default".to_owned()));
        for bad in [
            r#"Bearer resource="https://graph.microsoft.com""#,
            r#"Bearer resource="https://vault.azure.net.evil.example""#,
            r#"Basic realm="x""#,
            r#"Bearer resource="none""#,
        ] {
            let told: Result<String, String> = heeded(bad);
            assert!(told.is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_vault() {
        for written in [
            "",
            "contoso.vault.azure.net",
            "http://contoso.vault.azure.net",
            "https://o:s3cret@contoso.vault.azure.net",
            "https://contoso.vault.azure.net/certificates/app",
            "https://contoso.vault.azure.net?x=y",
        ] {
            let told = vault_url(written).unwrap_err().to_string();
            assert!(told.starts_with("not the URL of a key vault") && !told.contains("s3cret"), "{told}");
        }
    }
}
