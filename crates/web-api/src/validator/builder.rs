//! Builds a validator: the section, and what a configuration file cannot say.

use std::{collections::BTreeMap, sync::Arc};

use entra_abstractions::{Clock, HttpSettings, Misconfigured, SystemClock};

use super::{Inner, TokenValidator};
use crate::{
    CertificateHeader, Require, certificate::Proxies, config::Config, http, keyring::Keyring,
    metadata::Source,
};

/// Builds a [`TokenValidator`].
///
/// ```
/// # use entra_abstractions::{HttpSettings, Section};
/// use entra_web_api::{Require, TokenValidator};
///
/// # let section = Section::new("AzureAd", serde_json::json!({
/// #     "Instance": "https://login.microsoftonline.com/", "TenantId": "common",
/// #     "ClientId": "00001111-aaaa-2222-bbbb-3333cccc4444",
/// # }));
/// let validator = TokenValidator::builder(&section)
///     .policy("Admins", Require::role("Admin").and(Require::scope("access_as_user")))
///     .http(HttpSettings::default())
///     .build()?;
/// let layer = validator.require_policy("Admins")?;
/// assert!(validator.require_policy("admins").unwrap_err().to_string().contains("did you mean Admins?"));
/// # let _ = layer;
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct TokenValidatorBuilder {
    config: Result<Config, Misconfigured>,
    http: HttpSettings,
    clock: Arc<dyn Clock>,
    policies: BTreeMap<String, Require>,
    proxies: Option<(CertificateHeader, Vec<String>)>,
}

impl TokenValidatorBuilder {
    pub(super) fn new(config: Result<Config, Misconfigured>) -> Self {
        Self {
            config,
            http: HttpSettings::default(),
            clock: Arc::new(SystemClock),
            policies: BTreeMap::new(),
            proxies: None,
        }
    }

    /// How the authority is reached.
    pub fn http(mut self, http: HttpSettings) -> Self {
        self.http = http;
        self
    }

    /// What time it is.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Accepts tokens for this audience, and no longer those for the client id unless that is
    /// given too.
    #[doc(alias = "ValidAudiences")]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        if let Ok(config) = &mut self.config {
            config.rules.audience.add(audience.into());
        }
        self
    }

    /// Accepts tokens without any scope or role: the API keeps its own list of who may call.
    #[doc(alias = "AllowWebApiToBeAuthorizedByACL")]
    pub fn allow_access_by_acl(mut self) -> Self {
        if let Ok(config) = &mut self.config {
            config.rules.is_open_to_acl = true;
        }
        self
    }

    /// Gives a requirement a name, so that routes can refer to it.
    #[doc(alias = "AddPolicy")]
    pub fn policy(mut self, name: impl Into<String>, requirement: Require) -> Self {
        self.policies.insert(name.into(), requirement);
        self
    }

    /// Takes the certificates of clients from this header, where the request comes from one of these
    /// proxies, which end TLS: addresses (`10.0.0.5`) or networks (`10.0.0.0/24`). The server says who
    /// that is, by a [`Peer`](crate::Peer) in the request's extensions.
    ///
    /// # Security
    /// The proxy must set the header itself, and take away one that its client sent.
    #[doc(alias = "AddCertificateForwarding")]
    pub fn certificates_from(
        mut self,
        header: CertificateHeader,
        proxies: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.proxies = Some((header, proxies.into_iter().map(Into::into).collect()));
        self
    }

    /// Checks everything and builds the validator. No request is made.
    ///
    /// # Errors
    /// [`Misconfigured`] with every fault of the section and its path.
    pub fn build(self) -> Result<TokenValidator, Misconfigured> {
        let Config { authority, rules, algorithms } = self.config?;
        let source = Source { client: http::client(&self.http, &authority)?, authority, algorithms };
        let keyring = Arc::new(Keyring::new(source, Arc::clone(&self.clock)));
        let proxies = self.proxies.map(|(header, written)| Proxies::new(header, &written)).transpose()?;
        let (clock, policies) = (self.clock, self.policies);
        Ok(TokenValidator(Arc::new(Inner { rules, keyring, clock, policies, proxies })))
    }
}
