//! The doors from the corridor to the other rooms: what of the engine each of them may touch.

#[cfg(feature = "opentelemetry")]
use std::sync::Weak;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{Misconfigured, Scheme, TokenError};

use super::TokenAcquirer;
#[cfg(feature = "opentelemetry")]
use crate::acquirer::Engine;
use crate::{
    cache::{Cache, Identity, KeyRef, Window},
    credential::CredentialChain,
    endpoint::{TokenEndpoints, Wanted},
    flight::Destination,
    grant::Grant,
    managed_identity::{self, Platform},
    plan::Plan,
    refresh::RefreshTokens,
    second_level::{SecondLevel, TokenRecord, is_shared},
    session::Sessions,
    telemetry::Metrics,
    wire::Wire,
};

impl TokenAcquirer {
    /// How many flights are in the air.
    pub(crate) fn flights(&self) -> usize {
        self.0.shared.flights.count()
    }

    /// Whether a flight of this plan is in the air.
    pub(crate) fn is_in_flight(&self, plan: &Plan) -> bool {
        self.0.shared.flights.is_active(&destination(plan))
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    pub(crate) fn credentials(&self) -> &CredentialChain {
        &self.0.credentials
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.0.shared.cache
    }

    pub(crate) fn refresh_tokens(&self) -> &RefreshTokens {
        &self.0.shared.refresh_tokens
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.shared.sessions
    }

    /// What is shared with other instances, where anything is.
    pub(crate) fn store(&self) -> Option<&Arc<SecondLevel>> {
        self.0.shared.second_level.as_ref()
    }

    /// The same, where the token of this key may be there.
    pub(crate) fn second_level(&self, key: &KeyRef<'_>) -> Option<&Arc<SecondLevel>> {
        self.store().filter(|_| is_shared(key))
    }

    /// When a token gets old that another instance may have fetched: by the clock that is more off.
    pub(crate) fn window_of(&self, record: &TokenRecord) -> Window {
        let skew = record.skew.max(self.wire().skew());
        Window::new(record.came_at, record.token.expires_at(), record.refresh_at, self.early(), skew)
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.0.shared.wire
    }

    pub(crate) fn platform(&self) -> &Platform {
        &self.0.shared.platform
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.shared.metrics
    }

    #[cfg(feature = "opentelemetry")]
    pub(crate) fn downgrade(&self) -> Weak<Engine> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.0.shared.cache.now()
    }

    /// How long one flight may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.0.shared.deadline
    }

    pub(crate) fn early(&self) -> u32 {
        self.0.shared.early
    }

    pub(crate) async fn token_endpoints(&self, plan: &Plan) -> Result<TokenEndpoints, TokenError> {
        let shared = &self.0.shared;
        let wanted = Wanted { over_mtls: self.0.credentials.uses_binding(), ..wanted(plan) };
        shared.endpoints.token(&shared.application, wanted, shared.wire.client()).await
    }

    /// Which host is asked for this plan's token, as far as that is known before.
    ///
    /// # Errors
    /// [`Misconfigured`] where this is no host that can be asked for a managed identity.
    pub(crate) fn host_asked(&self, plan: &Plan) -> Result<String, Misconfigured> {
        match &plan.grant {
            Grant::ManagedIdentity(id) => managed_identity::host(self, plan, id),
            _ => Ok(self.0.shared.endpoints.known_host(self.application(), wanted(plan))),
        }
    }
}

fn wanted(plan: &Plan) -> Wanted<'_> {
    Wanted {
        tenant: &plan.tenant,
        for_app: matches!(plan.grant, Grant::ClientCredentials),
        over_mtls: plan.scheme == Scheme::MtlsPop,
        correlation_id: plan.correlation_id,
    }
}

/// Whoever wants the same shares a flight.
pub(super) fn destination(plan: &Plan) -> Destination {
    Destination {
        key: plan.key.clone(),
        claims: plan.claims.clone(),
        // Whoever was refused a token wants another one, as those do who want a fresh one anyway.
        renewed: plan.force_refresh || plan.replaces.is_some(),
    }
}
