//! What the context of a call says of its token. The SDK's options for tokens hold nothing but that
//! context, which carries values by their type, from whoever makes the call to the credential.

use azure_core::http::Context;
use entra_abstractions::{Claims, CorrelationId, TenantId, TokenRequest};

/// Whether a call says something of its own.
pub(crate) fn says_more(context: &Context<'_>) -> bool {
    !context.is_empty()
        && (context.value::<Claims>().is_some()
            || context.value::<TenantId>().is_some()
            || context.value::<CorrelationId>().is_some())
}

/// Lays what a call says over the credential's request.
pub(crate) fn apply(context: &Context<'_>, request: &mut TokenRequest) {
    if let Some(claims) = context.value::<Claims>() {
        request.claims = Some(claims.clone());
    }
    if let Some(tenant) = context.value::<TenantId>() {
        request.tenant = Some(tenant.clone());
    }
    if let Some(id) = context.value::<CorrelationId>() {
        request.correlation_id = Some(*id);
    }
}
