//! What comes of a fetch is kept: the token for this process, and for those who share its store.

use std::time::Duration;

use entra_abstractions::{AccessToken, AuthorityKind, TenantId, TokenError, TokenParts};

use crate::{
    acquirer::TokenAcquirer,
    cache::{Age, Key, Owner},
    grant::Grant,
    plan::Plan,
    refresh::{self, RefreshRecord},
    second_level::TokenRecord,
    telemetry,
    wire::Granted,
};

/// Keeps what was granted: the token and its refresh token, each under its key.
pub(crate) fn keep(
    engine: &TokenAcquirer,
    plan: &Plan,
    mut granted: Granted,
) -> Result<AccessToken, TokenError> {
    // A refresh token of an on-behalf-of exchange is let go: the next caller brings an assertion.
    if let (Some(refresh_token), Owner::Account(_) | Owner::AgentUser(_)) =
        (granted.refresh_token.take(), plan.key.owner())
    {
        let record = RefreshRecord::new(refresh_token, granted.account.clone(), granted.came_at);
        refresh::keep(engine, plan, record);
    }
    keep_token(engine, plan, &plan.key, granted)
}

/// Makes the token of what was granted, and keeps it under this key.
pub(crate) fn keep_token(
    engine: &TokenAcquirer,
    plan: &Plan,
    key: &Key,
    granted: Granted,
) -> Result<AccessToken, TokenError> {
    let mut parts = TokenParts::new(plan.scheme.clone(), (&granted.access_token).into(), granted.ends_at);
    parts.tenant = tenant_of(engine, plan);
    parts.scopes = granted.scopes.as_deref().unwrap_or(plan.scopes.as_str());
    parts.account = granted.account;
    parts.id_token = granted.id_token.as_ref().map(Into::into);
    parts.correlation_id = Some(plan.correlation_id);
    parts.binding = granted.binding;
    let token = AccessToken::from_parts(parts)?;
    let skew: Duration = engine.wire().skew();
    let record = TokenRecord {
        token: token.clone(),
        claims: plan.claims.clone(),
        came_at: granted.came_at,
        refresh_at: granted.refresh_at,
        skew,
    };
    let window = engine.window_of(&record);
    let lives = granted.ends_at.duration_since(granted.came_at).unwrap_or_default();
    if window.age(granted.came_at) == Age::Ended {
        telemetry::not_kept(&key.as_ref(), lives, skew);
        return Ok(token);
    }
    telemetry::granted(&key.as_ref(), lives);
    if let Some(level) = engine.second_level(&key.as_ref()) {
        level.keep(&key.as_ref(), &record);
    }
    Ok(engine.cache().put(&key.as_ref(), token, record.claims, window))
}

/// The tenant whose token it is, as far as the request says so.
fn tenant_of(engine: &TokenAcquirer, plan: &Plan) -> Option<TenantId> {
    // A host does not say in which tenant its identity lives.
    if matches!(plan.grant, Grant::ManagedIdentity(_)) {
        return None;
    }
    let authority = engine.application().authority();
    match authority.kind() {
        AuthorityKind::Aad | AuthorityKind::Ciam | AuthorityKind::Dsts => {
            plan.tenant.is_real().then(|| plan.tenant.clone())
        }
        // Whatever tenant a request names, a user flow stands below its own.
        AuthorityKind::B2c => Some(authority.tenant().clone()),
        AuthorityKind::Adfs | AuthorityKind::Oidc => None,
    }
}
