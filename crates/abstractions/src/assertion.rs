//! How a user's own code proves the application: a signed assertion from somewhere else.

use std::{fmt::Debug, sync::Arc, time::SystemTime};

use async_trait::async_trait;

use crate::{Claims, ClientId, CorrelationId, FmiPath, Secret, TenantId, TokenError};

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
    /// The path below the federated identity, where the exchange has one.
    pub fmi_path: Option<FmiPath>,
    /// Claims that the request wants signed into an assertion that is made for it.
    pub client_claims: Option<Claims>,
    /// The id under which this call is logged; pass it on.
    pub correlation_id: CorrelationId,
    /// Whether the caller wants fresh tokens only.
    pub force_refresh: bool,
}

impl AssertionContext {
    /// A context with what is always known.
    pub fn new(client: ClientId, token_endpoint: impl Into<Arc<str>>, correlation_id: CorrelationId) -> Self {
        Self {
            client,
            tenant: None,
            token_endpoint: token_endpoint.into(),
            fmi_path: None,
            client_claims: None,
            correlation_id,
            force_refresh: false,
        }
    }
}

/// A signed assertion, ready to be sent.
#[derive(Debug, Clone)]
pub struct SignedAssertion {
    token: Secret,
    expires_at: Option<SystemTime>,
}

impl SignedAssertion {
    /// Takes the compact form of the JWT.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self { token: token.into(), expires_at: None }
    }

    /// With the time until which it may be used.
    #[must_use]
    pub fn with_expiry(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self
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
