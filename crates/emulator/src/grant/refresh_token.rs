//! Renews a sign-in with its refresh token, for any resource that the user has consented to.

use serde_json::Value;

use super::signed_in::SignedIn;
use crate::refusal::{Reason, Refusal};
use crate::scope;
use crate::token::Asking;

pub(crate) fn answer(asking: &Asking<'_>) -> Result<Value, Refusal> {
    let name = asking.needed("refresh_token")?;
    let sessions = &asking.realm.sessions;
    let sign_in = sessions
        .refresh(name)
        .filter(|sign_in| sign_in.client_id == asking.client.client_id)
        .filter(|sign_in| asking.tenant.is_none_or(|tenant| tenant.id == sign_in.tenant_id))
        .ok_or_else(|| {
            Reason::RefreshTokenUnknown
                .because("The provided value for the 'refresh_token' parameter is not valid.")
        })?;
    if sessions.has_ended(&sign_in) {
        return Err(Reason::SessionRevoked.because(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
        ));
    }
    if sign_in.since + asking.directory.lifetimes.refresh_token() <= asking.exchange.now {
        return Err(Reason::RefreshTokenExpired.because("The refresh token has expired due to inactivity."));
    }
    let directory = asking.directory;
    let (Some(tenant), Some(user)) = (directory.tenant(&sign_in.tenant_id), directory.user(&sign_in.user))
    else {
        return Err(Reason::UnknownUser.because("The user account does not exist in the directory."));
    };
    let written = asking.field("scope").unwrap_or(&sign_in.scope);
    let mut asked = scope::read(written, directory, tenant)?;
    // Entra always hands out the next refresh token with the answer.
    asked.offline = true;
    SignedIn { tenant, user, contexts: sign_in.contexts, nonce: None, since: sign_in.since }
        .answer(asking, written, &asked)
}
