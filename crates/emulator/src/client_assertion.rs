//! Checks a client assertion: one the client signed with its certificate, a blueprint's token for its agent,
//! or the token of a federated issuer.

mod certificate;
mod federated;

pub(crate) use federated::is_exchange;

use crate::directory::{App, Directory, Tenant};
use crate::exchange::Exchange;
use crate::jwt::Jws;
use crate::mtls::ClientCertificate;
use crate::realm::{Realm, SKEW, is_in_time};
use crate::refusal::{Reason, Refusal};

pub(crate) fn check(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    tenant: Option<&Tenant>,
    client: &App,
    assertion: &str,
) -> Result<(), Refusal> {
    let jws = Jws::parse(assertion)
        .ok_or_else(|| Reason::MalformedAssertion.because("JWT token is invalid or malformed."))?;
    if client.blueprint.is_some() {
        federated::from_blueprint(realm, directory, exchange, tenant, client, &jws)?;
    } else if !client.federated.is_empty() && jws.text("iss") != Some(&client.client_id) {
        federated::from_issuer(realm, directory, exchange, tenant, client, &jws)?;
    } else {
        certificate::check(exchange, tenant, client, &jws)?;
    }
    if exchange.refuse_replays
        && jws.text("jti").is_some_and(|id| realm.sessions.is_replay(&client.client_id, id))
    {
        return Err(Reason::AssertionReplayed.because("The client assertion has been used before."));
    }
    Ok(())
}

/// An assertion that is bound names the certificate of the connection over which it is shown.
pub(crate) fn check_binding(assertion: &str, shown: &ClientCertificate) -> Result<(), Refusal> {
    let jws = Jws::parse(assertion);
    let confirmed = jws.as_ref().and_then(|jws| jws.claims.pointer("/cnf/x5t#S256")?.as_str());
    if confirmed == Some(&*shown.thumbprint()) {
        return Ok(());
    }
    Err(Reason::BoundToAnother.because(
        "The certificate thumbprint in the 'cnf' claim does not match the certificate of the TLS connection.",
    ))
}

fn in_time(jws: &Jws<'_>, exchange: &Exchange) -> Result<(), Refusal> {
    if is_in_time(jws, exchange.now, SKEW) {
        return Ok(());
    }
    Err(Reason::AssertionTime.because(format!(
        "Client assertion is not within its valid time range. Current time: {}, expiry time of assertion {}.",
        crate::clock::stamp(exchange.now),
        jws.seconds("exp").map_or_else(|| "(none)".to_owned(), |end| end.to_string())
    )))
}
