//! Refresh tokens that instances share. Of an account the store is the only source beside memory, so
//! that it is away is the caller's to know; an agent's user can federate again.

use std::sync::Arc;

use entra_abstractions::{
    AgentUser, Exchange, InteractionRequired, Kept, StoreError, StoreKey, TokenError, Unavailable, Unreadable,
};

use super::RefreshRecord;
use crate::{
    acquirer::TokenAcquirer,
    cache::{Key, Owner},
    grant::RefreshToken,
    plan::Plan,
    second_level::{Looked, SecondLevel},
};

/// The refresh token of an account.
///
/// # Errors
/// The user must sign in where none is kept; nobody need act where the store is away that may have it.
pub(crate) async fn of_account(
    engine: &TokenAcquirer,
    plan: &Plan,
) -> Result<Arc<RefreshRecord>, TokenError> {
    if let Some(record) = engine.refresh_tokens().get(&plan.key) {
        return Ok(record);
    }
    let Some((level, at)) = place(engine, &plan.key) else {
        return Err(signed_out(engine, plan, NOT_KEPT).into());
    };
    match read(level, &at).await {
        Ok(Some(Ok(record))) => Ok(engine.refresh_tokens().put(&plan.key, record)),
        Ok(Some(Err(why))) => Err(signed_out(engine, plan, why).into()),
        Ok(None) => Err(signed_out(engine, plan, NOT_SHARED).into()),
        Err(error) => {
            let exchange = Exchange::new(RefreshToken::NAME, error.store())
                .with_client(engine.identity().client.clone())
                .with_correlation_id(plan.correlation_id);
            Err(Unavailable::new(exchange, "the store of sign-ins is away").with_source(error).into())
        }
    }
}

/// The refresh token of an agent's user, where one is at hand: whatever goes wrong, there is another way.
pub(crate) async fn of_agent_user(engine: &TokenAcquirer, plan: &Plan) -> Option<Arc<RefreshRecord>> {
    if let Some(record) = engine.refresh_tokens().get(&plan.key) {
        return Some(record);
    }
    let (level, at) = place(engine, &plan.key)?;
    let kept: Result<Kept, Looked> = level.look(&at, engine.deadline()).await;
    match open(level, &at, kept.ok()?)? {
        Ok(record) => Some(engine.refresh_tokens().put(&plan.key, record)),
        Err(_told) => None,
    }
}

/// Looks whether another instance has a refresh token instead of the one that Entra refused.
pub(crate) async fn newer(
    engine: &TokenAcquirer,
    plan: &Plan,
    refused: &RefreshRecord,
) -> Option<Arc<RefreshRecord>> {
    let at_hand = engine.refresh_tokens().get(&plan.key);
    if let Some(record) = at_hand.filter(|record| record.token() != refused.token()) {
        return Some(record);
    }
    let (level, at) = place(engine, &plan.key)?;
    match read(level, &at).await {
        Ok(Some(Ok(record))) if record.token() != refused.token() => {
            Some(engine.refresh_tokens().put(&plan.key, record))
        }
        _ => None,
    }
}

/// Keeps a refresh token here, and where others find it.
pub(crate) fn keep(engine: &TokenAcquirer, plan: &Plan, record: RefreshRecord) {
    if let Some((level, at)) = place(engine, &plan.key) {
        level.keep_safe(at, record.to_entry(&at));
    }
    drop(engine.refresh_tokens().put(&plan.key, record));
}

/// Lets a dead refresh token go, here and where others find it, unless a newer one took its place.
pub(crate) async fn forget(engine: &TokenAcquirer, plan: &Plan, dead: &RefreshRecord) {
    engine.refresh_tokens().remove(&plan.key, dead);
    let Some((level, at)) = place(engine, &plan.key) else { return };
    if let Ok(Some(Ok(record))) = read(level, &at).await
        && record.token() == dead.token()
    {
        level.forget(at);
    }
}

async fn read(
    level: &Arc<SecondLevel>,
    at: &StoreKey,
) -> Result<Option<Result<RefreshRecord, &'static str>>, StoreError> {
    let kept = level.ask("sign-ins", level.store().get(at)).await?;
    Ok(open(level, at, kept))
}

fn open(level: &SecondLevel, at: &StoreKey, kept: Kept) -> Option<Result<RefreshRecord, &'static str>> {
    match kept {
        Kept::Nothing => None,
        Kept::Entry(entry) => Some(RefreshRecord::read(&entry, at).map_err(|why| {
            level.count_unreadable();
            level.is_unreadable(at, why);
            UNREADABLE
        })),
        Kept::Unreadable(why) => {
            level.count_unreadable();
            level.is_unreadable(at, &why.to_string());
            Some(Err(if why == Unreadable::UnknownKey { UNKNOWN_KEY } else { UNREADABLE }))
        }
    }
}

/// Where a key's refresh token is kept: not for its scopes, because it serves any.
fn place<'a>(engine: &'a TokenAcquirer, key: &Key) -> Option<(&'a Arc<SecondLevel>, StoreKey)> {
    let level = engine.store()?;
    let identity = engine.identity();
    let tenant = key.as_ref().tenant;
    let (kind, whose, tenant) = match key.owner() {
        Owner::Account(account) => ("account", account.as_str(), ""),
        Owner::AgentUser(AgentUser::Upn(name)) => ("agent_user", name.as_str(), tenant.as_str()),
        Owner::AgentUser(AgentUser::ObjectId(id)) => ("agent_user_id", id.as_str(), tenant.as_str()),
        Owner::App
        | Owner::Assertion(_)
        | Owner::Keeping { .. }
        | Owner::Session(_)
        | Owner::ManagedIdentity(_) => return None,
    };
    let client = identity.client.as_str();
    Some((level, StoreKey::digest(["refresh token 1", &identity.instance, client, kind, whose, tenant])))
}

const NOT_KEPT: &str =
    "no refresh token is kept for this account: it never signed in here, or its session was lost";

const NOT_SHARED: &str = "no refresh token is kept for this account, here or in the shared store: it never signed in, or its \
     session is over";

const UNREADABLE: &str = "what the shared store keeps for this account cannot be read";

const UNKNOWN_KEY: &str = "what the shared store keeps for this account was sealed with a key that is not among \
     TokenCache:EncryptionKeys";

fn signed_out(engine: &TokenAcquirer, plan: &Plan, why: &'static str) -> InteractionRequired {
    let exchange = Exchange::new(RefreshToken::NAME, engine.application().authority_host())
        .with_client(engine.identity().client.clone())
        .with_correlation_id(plan.correlation_id)
        .with_explanation(Some(why));
    InteractionRequired::new(exchange, plan.scopes.clone(), plan.claims.clone())
}
