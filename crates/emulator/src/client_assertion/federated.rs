//! Tokens of others as a client's proof: the blueprint's token for its agent, and federated credentials.

use serde_json::Value;

use super::in_time;
use crate::directory::{App, Directory, ExternalIssuer, Tenant};
use crate::exchange::Exchange;
use crate::issue::path_subject;
use crate::jwt::Jws;
use crate::keys::{SigningKey, WORKLOAD_KEY};
use crate::realm::Realm;
use crate::refusal::{Reason, Refusal};

/// What a token for the exchange has as its audience.
const EXCHANGE: &str = "fb60f99c-7a34-4190-8149-302f77469936";
const EXCHANGE_URI: &str = "api://AzureADTokenExchange";

/// An agent's proof: a token that its own blueprint got for it, in the same tenant.
pub(super) fn from_blueprint(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    tenant: Option<&Tenant>,
    agent: &App,
    jws: &Jws<'_>,
) -> Result<(), Refusal> {
    let blueprint = directory.blueprint(agent);
    if !realm.signed(jws) {
        return Err(signature("The assertion of an agent must be its blueprint's token."));
    }
    in_time(jws, exchange)?;
    if !is_exchange(jws.text("aud")) {
        return Err(no_match(Reason::FederatedAudience, "audience", jws.text("aud")));
    }
    // The tenant is part of the issuer: a token of the wrong tenant has the wrong issuer.
    if tenant.is_none_or(|tenant| jws.text("tid") != Some(&tenant.id)) {
        return Err(no_match(Reason::FederatedIssuer, "issuer", jws.text("iss")));
    }
    let expected = tenant.zip(blueprint).map(|(t, b)| path_subject(&t.id, &b.client_id, &agent.client_id));
    let is_for_agent = expected
        .is_some_and(|expected| jws.text("sub").is_some_and(|sub| sub.eq_ignore_ascii_case(&expected)));
    if is_for_agent {
        return Ok(());
    }
    Err(no_match(Reason::FederatedSubject, "subject", jws.text("sub")))
}

/// A federated credential: issuer, subject and audience are compared exactly, and the issuer's keys checked.
pub(super) fn from_issuer(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    tenant: Option<&Tenant>,
    client: &App,
    jws: &Jws<'_>,
) -> Result<(), Refusal> {
    let issuer = jws.text("iss");
    let own = tenant.map(|tenant| exchange.origin.issuer(&tenant.id));
    let is_own = issuer.is_some() && issuer == own.as_deref();
    let named = |credential: &str| if is_own { credential == "entra" } else { Some(credential) == issuer };
    let of_issuer: Vec<_> = client.federated.iter().filter(|credential| named(&credential.issuer)).collect();
    if of_issuer.is_empty() {
        return Err(no_match(Reason::FederatedIssuer, "issuer", issuer));
    }
    let subject = jws.text("sub");
    let of_subject: Vec<_> =
        of_issuer.iter().filter(|credential| Some(credential.subject.as_str()) == subject).collect();
    if of_subject.is_empty() {
        return Err(no_match(Reason::FederatedSubject, "subject", subject));
    }
    let audience = jws.text("aud");
    let fits = |wanted: &str| audience == Some(wanted) || (wanted == EXCHANGE_URI && is_exchange(audience));
    if !of_subject.iter().any(|credential| fits(&credential.audience)) {
        return Err(no_match(Reason::FederatedAudience, "audience", audience));
    }
    let is_signed = if is_own {
        realm.signed(jws)
    } else {
        issuer.and_then(|name| directory.issuer(name)).is_some_and(|i| signed_by(i, jws))
    };
    if !is_signed {
        return Err(signature("The key of the issuer was not found, or its signature does not verify."));
    }
    in_time(jws, exchange)
}

pub(crate) fn is_exchange(audience: Option<&str>) -> bool {
    audience.is_some_and(|audience| audience == EXCHANGE || audience.eq_ignore_ascii_case(EXCHANGE_URI))
}

fn signed_by(issuer: &ExternalIssuer, jws: &Jws<'_>) -> bool {
    let Some(jwks) = &issuer.jwks else {
        return jws.verifies_with(&SigningKey::from_pem(WORKLOAD_KEY).public_key());
    };
    let keys = jwks.get("keys").and_then(Value::as_array);
    keys.into_iter()
        .flatten()
        .filter(|key| jws.key_id().is_none_or(|id| key["kid"] == id))
        .any(|key| crate::jwk::public_key(key).is_some_and(|public| jws.verifies_with(&public)))
}

fn no_match(reason: Reason, what: &str, presented: Option<&str>) -> Refusal {
    reason.because(format!(
        "No matching federated identity record found for presented assertion {what} '{}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
        presented.unwrap_or_default()
    ))
}

fn signature(reason: &str) -> Refusal {
    Reason::AssertionSignature
        .because(format!("Client assertion failed signature validation. [Reason - {reason}]"))
}
