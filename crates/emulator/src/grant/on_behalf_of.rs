//! On behalf of: a web API turns its caller's token into one for the next API.

use serde_json::Value;

use super::signed_in::SignedIn;
use crate::directory::App;
use crate::jwt::Jws;
use crate::realm::is_in_time;
use crate::refusal::{Reason, Refusal};
use crate::scope;
use crate::token::Asking;

pub(crate) fn answer(asking: &Asking<'_>) -> Result<Value, Refusal> {
    let tenant = asking.tenanted()?;
    let assertion = asking.needed("assertion")?;
    if asking.needed("requested_token_use")? != "on_behalf_of" {
        return Err(crate::token::missing("requested_token_use"));
    }
    let written = asking.scope()?;
    let asked = scope::read(&written, asking.directory, tenant)?;
    let jws = user_assertion(asking, assertion)?;
    let object_id = jws.text("oid").unwrap_or_default();
    let issuer = asking.exchange.origin.issuer(&tenant.id);
    let is_of_tenant = match jws.text("tid") {
        Some(tid) => tid == tenant.id,
        // User flows of B2C leave it out.
        None => jws.text("iss") == Some(&issuer),
    };
    let user = asking.directory.user(object_id).filter(|_| is_of_tenant).ok_or_else(|| {
        Reason::UnknownUser
            .because(format!("The user account does not exist in the {} directory.", tenant.id))
    })?;
    let contexts = jws.claims.get("acrs").and_then(Value::as_array).into_iter().flatten();
    let contexts = contexts.filter_map(|context| context.as_str().map(str::to_owned)).collect();
    SignedIn { tenant, user, contexts, nonce: None, since: asking.exchange.now }
        .answer(asking, &written, &asked)
}

/// The user's token: signed by us, for this client, in time, and a user's.
fn user_assertion<'t>(asking: &Asking<'_>, assertion: &'t str) -> Result<Jws<'t>, Refusal> {
    let jws = Jws::parse(assertion)
        .ok_or_else(|| Reason::MalformedAssertion.because("JWT token is invalid or malformed."))?;
    if !asking.realm.signed(&jws) {
        return Err(Reason::UserAssertionSignature.because(
            "Assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value., Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app.]",
        ));
    }
    if !is_in_time(&jws, asking.exchange.now, 0) {
        return Err(Reason::UserAssertionTime.because(format!(
            "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token. Current time: {}, expiry time of assertion {}.",
            crate::clock::stamp(asking.exchange.now),
            jws.seconds("exp").unwrap_or_default()
        )));
    }
    let audience = jws.text("aud").unwrap_or_default();
    let blueprint = asking.directory.blueprint(asking.client);
    if !names(asking.client, audience) && !blueprint.is_some_and(|blueprint| names(blueprint, audience)) {
        return Err(Reason::UserAssertionAudience.because(format!(
            "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '{audience}' and the expected audience is '{}' or one of the Application Uris of this application.",
            asking.client.client_id
        )));
    }
    if jws.text("scp").is_none() {
        return Err(Reason::UserAssertionOfApp.because(format!(
            "Application '{}' is not allowed to make application on-behalf-of calls.",
            asking.client.client_id
        )));
    }
    Ok(jws)
}

fn names(app: &App, audience: &str) -> bool {
    let audience = audience.trim_end_matches('/');
    audience.eq_ignore_ascii_case(&app.client_id)
        || audience.strip_prefix("api://").is_some_and(|id| id.eq_ignore_ascii_case(&app.client_id))
        || app.id_uris.iter().any(|uri| uri.trim_end_matches('/').eq_ignore_ascii_case(audience))
}
