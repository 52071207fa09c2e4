//! How a client proves itself: a secret, an assertion, or (a public client) not at all.

use crate::certificate;
use crate::client_assertion;
use crate::directory::{App, Directory, Tenant};
use crate::exchange::Exchange;
use crate::issue::Proof;
use crate::mtls::ClientCertificate;
use crate::realm::Realm;
use crate::refusal::{Reason, Refusal};

const JWT_POP: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(crate) fn check(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    tenant: Option<&Tenant>,
    client: &App,
) -> Result<Proof, Refusal> {
    let form = &exchange.form;
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(_), Some(_)) => Err(Reason::CredentialTwice
            .because("The request must contain either 'client_secret' or 'client_assertion', not both.")),
        (Some(secret), None) => secret_of(client, secret),
        (None, Some(assertion)) if form.get("client_assertion_type") == Some(JWT_POP) => {
            let shown = certificate_of(exchange).ok_or_else(|| {
                Reason::BoundToAnother
                    .because("A 'jwt-pop' assertion needs the certificate to which it is bound.")
            })?;
            client_assertion::check(realm, directory, exchange, tenant, client, assertion)?;
            client_assertion::check_binding(assertion, shown)?;
            Ok(Proof::Assertion)
        }
        (None, Some(assertion)) => {
            if form.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(Reason::BadAssertionType.because(
                    "The request body must contain the following parameter: 'client_assertion_type' with value 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'.",
                ));
            }
            client_assertion::check(realm, directory, exchange, tenant, client, assertion)?;
            Ok(Proof::Assertion)
        }
        (None, None) if certificate_of(exchange).is_some() && !client.public => {
            registered(realm, exchange, client)
        }
        (None, None) if client.public => Ok(Proof::Nothing),
        (None, None) => Err(Reason::CredentialMissing.because(
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
    }
}

/// The certificate of the connection, where certificates are taken.
fn certificate_of(exchange: &Exchange) -> Option<&ClientCertificate> {
    exchange.client_certificate.as_ref().filter(|_| exchange.origin.takes_certificates())
}

/// The certificate of the connection is the proof (RFC 8705 section 2.2).
fn registered(realm: &Realm, exchange: &Exchange, client: &App) -> Result<Proof, Refusal> {
    let is_registered = |shown: &ClientCertificate| {
        client.certificates.iter().filter_map(|pem| certificate::der(pem)).any(|der| der == shown.der())
            || realm.managed_identities.has_certified(shown.der(), &client.client_id, exchange.now)
    };
    if certificate_of(exchange).is_some_and(is_registered) {
        return Ok(Proof::Assertion);
    }
    Err(Reason::CertificateUnknown.because(format!(
        "The certificate that was presented in the TLS handshake is not registered on application '{}'.",
        client.client_id
    )))
}

fn secret_of(client: &App, presented: &str) -> Result<Proof, Refusal> {
    // Every secret is compared, so that the time taken does not tell which one was nearly right.
    if client.secrets.iter().fold(false, |found, secret| found | secret.is(presented)) {
        return Ok(Proof::Secret);
    }
    if client.expired_secrets.iter().any(|secret| secret.is(presented)) {
        return Err(Reason::ExpiredSecret.because(format!(
            "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app.",
            client.client_id
        )));
    }
    Err(Reason::WrongSecret.because(format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
        client.client_id
    )))
}
