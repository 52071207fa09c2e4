//! How a user's own code proves the application: a signed assertion from somewhere else.

use std::{fmt, fmt::Debug, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::{Binding, Claims, ClientId, CorrelationId, FmiPath, Misconfigured, Secret, TenantId, TokenError};

/// Provides a signed assertion (RFC 7523) with which the application proves itself: from a
/// federated identity provider, a vault, another token endpoint.
///
/// It is asked once for each request to Entra, never for a token that is cached; it caches as its
/// source allows.
#[doc(alias = "ICustomSignedAssertionProvider")]
#[doc(alias = "ClientAssertionProviderBase")]
#[async_trait]
pub trait ProvideAssertion: Send + Sync + Debug {
    /// An assertion that is valid now.
    ///
    /// # Errors
    /// Whatever [`TokenError`] tells who must act; the next configured credential is tried.
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError>;

    /// Whether its assertions could be bound to a certificate: whoever makes an API that needs it asks
    /// beforehand.
    ///
    /// # Errors
    /// [`Misconfigured`] saying why they never can.
    fn check_bound(&self) -> Result<(), Misconfigured> {
        Ok(())
    }
}

/// What an assertion is wanted for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AssertionContext {
    /// The client that must be proven.
    pub client: ClientId,
    /// The tenant that is asked.
    pub tenant: Option<TenantId>,
    /// The token endpoint: the audience of an assertion that is made for it.
    pub token_endpoint: Arc<str>,
    /// The token endpoint at which clients show a certificate, where the exchange may go there
    /// (RFC 8705 section 5).
    pub mtls_endpoint: Option<Arc<str>>,
    /// Whether the assertion must be bound to a certificate ([`SignedAssertion::bound_to`]), because
    /// the token that is asked for will be.
    pub is_bound: bool,
    /// The path below the federated identity, where the exchange has one.
    pub fmi_path: Option<FmiPath>,
    /// Claims that the request wants signed into an assertion that is made for it.
    pub client_claims: Option<Claims>,
    /// The id under which this call is logged; pass it on.
    pub correlation_id: CorrelationId,
    /// Whether what was provided before must not be provided again: Entra has just refused it.
    pub force_refresh: bool,
    /// What the configuration says to this provider.
    pub settings: ProviderSettings,
}

impl AssertionContext {
    /// A context with what is always known.
    pub fn new(client: ClientId, token_endpoint: impl Into<Arc<str>>, correlation_id: CorrelationId) -> Self {
        Self {
            client,
            tenant: None,
            token_endpoint: token_endpoint.into(),
            mtls_endpoint: None,
            is_bound: false,
            fmi_path: None,
            client_claims: None,
            correlation_id,
            force_refresh: false,
            settings: ProviderSettings::default(),
        }
    }
}

/// What a configuration says to the provider that it names: `CustomSignedAssertionProviderData`.
///
/// ```
/// use entra_abstractions::ProviderSettings;
///
/// let written = serde_json::json!({"ConfigurationSection": "AzureAd2", "Attempts": 3});
/// let settings = ProviderSettings::new(written.as_object().cloned().unwrap_or_default());
/// assert_eq!(settings.text("configurationSection"), Some("AzureAd2"));
/// assert_eq!(settings.text("Attempts"), None);
/// ```
#[doc(alias = "CustomSignedAssertionProviderData")]
#[derive(Clone, Default)]
pub struct ProviderSettings(Arc<Map<String, Value>>);

impl ProviderSettings {
    /// These settings.
    pub fn new(written: Map<String, Value>) -> Self {
        Self(Arc::new(written))
    }

    /// The setting of this name, without regard to case.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The setting of this name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }
}

/// Values may be secrets, so only the names show.
impl Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A signed assertion, ready to be sent.
#[derive(Debug, Clone)]
pub struct SignedAssertion {
    token: Secret,
    expires_at: Option<SystemTime>,
    binding: Option<Binding>,
}

impl SignedAssertion {
    /// Takes the compact form of the JWT.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self { token: token.into(), expires_at: None, binding: None }
    }

    /// With the time until which it may be used.
    #[must_use]
    pub fn with_expiry(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// With the certificate to which it is bound: it is shown to Entra over a connection with this one
    /// (`jwt-pop`).
    #[must_use]
    pub fn bound_to(mut self, binding: Binding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// The certificate to which it is bound, if it is.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// The JWT.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Until when it may be used, where that is known.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}
