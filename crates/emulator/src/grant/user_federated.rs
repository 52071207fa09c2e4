//! `user_fic`: an agent gets a token for its own user, with two tokens as its proof.

use serde_json::Value;

use super::signed_in::SignedIn;
use crate::client_assertion::is_exchange;
use crate::directory::User;
use crate::jwt::Jws;
use crate::realm::{SKEW, is_in_time};
use crate::refusal::{Reason, Refusal};
use crate::scope;
use crate::token::{Asking, missing};

pub(crate) fn answer(asking: &Asking<'_>) -> Result<Value, Refusal> {
    let tenant = asking.tenanted()?;
    let credential = asking.needed("user_federated_identity_credential")?;
    let written = asking.scope()?;
    let asked = scope::read(&written, asking.directory, tenant)?;
    if asking.directory.blueprint(asking.client).is_none() {
        return Err(Reason::AgentNeedsBlueprint
            .because(format!("Application '{}' is not an agent identity.", asking.client.client_id)));
    }
    check(asking, &tenant.id, credential)?;
    let user = agent_user(asking)?;
    SignedIn { tenant, user, contexts: Vec::new(), nonce: None, since: asking.exchange.now }
        .answer(asking, &written, &asked)
}

/// The agent's own token for the exchange: the second leg.
fn check(asking: &Asking<'_>, tenant_id: &str, credential: &str) -> Result<(), Refusal> {
    let jws = Jws::parse(credential)
        .ok_or_else(|| Reason::MalformedAssertion.because("JWT token is invalid or malformed."))?;
    if !asking.realm.signed(&jws) {
        return Err(Reason::UserAssertionSignature.because("Assertion failed signature validation."));
    }
    if !is_in_time(&jws, asking.exchange.now, SKEW) {
        return Err(Reason::UserAssertionTime.because("Assertion is not within its valid time range."));
    }
    if !is_exchange(jws.text("aud")) {
        return Err(Reason::UserAssertionAudience
            .because("Assertion audience does not match the audience of the token exchange."));
    }
    // The blueprint's token has the blueprint as its client: it is the first leg, not the second.
    if jws.text("azp") != Some(&asking.client.client_id) || jws.text("tid") != Some(tenant_id) {
        return Err(Reason::FederatedSubject.because(format!(
            "The user federated identity credential was not issued to the application '{}' in this tenant.",
            asking.client.client_id
        )));
    }
    Ok(())
}

fn agent_user<'a>(asking: &Asking<'a>) -> Result<&'a User, Refusal> {
    let found = match (asking.field("username"), asking.field("user_id")) {
        (Some(_), Some(_)) => {
            return Err(
                Reason::WrongAgentUser.because("Exactly one of 'username' and 'user_id' names the user.")
            );
        }
        (None, None) => return Err(missing("username")),
        (Some(upn), None) => asking.directory.users.iter().find(|user| user.upn.eq_ignore_ascii_case(upn)),
        (None, Some(id)) => {
            asking.directory.users.iter().find(|user| user.object_id.eq_ignore_ascii_case(id))
        }
    };
    let user = found
        .ok_or_else(|| Reason::UnknownUser.because("The user account does not exist in the directory."))?;
    let agent = user.agent.as_deref().and_then(|agent| asking.directory.app(agent));
    if agent.is_some_and(|agent| agent.client_id == asking.client.client_id) {
        return Ok(user);
    }
    Err(Reason::WrongAgentUser.because(format!(
        "There was an error issuing a token: the user is not the agent user of '{}'.",
        asking.client.client_id
    )))
}
