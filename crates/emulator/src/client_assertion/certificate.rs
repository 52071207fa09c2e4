//! An assertion that the client signed itself (`private_key_jwt`), with a registered certificate or one trusted by its subject.

use serde_json::Value;

use super::in_time;
use crate::certificate::{self, Facts};
use crate::clock::unix;
use crate::directory::{App, Tenant};
use crate::exchange::Exchange;
use crate::jwt::Jws;
use crate::refusal::{Reason, Refusal};

pub(super) fn check(
    exchange: &Exchange,
    tenant: Option<&Tenant>,
    client: &App,
    jws: &Jws<'_>,
) -> Result<(), Refusal> {
    if jws.text("iss") != Some(&client.client_id) || jws.text("sub") != Some(&client.client_id) {
        return Err(Reason::AssertionOfAnotherApp
            .because("Client assertion application identifier doesn't match 'client_id' parameter."));
    }
    let der = signing_certificate(client, jws)?;
    let facts =
        certificate::facts(&der).ok_or_else(|| bad_signature("The certificate cannot be read.", None))?;
    if !jws.verifies_with(&facts.public_key) {
        return Err(bad_signature(
            "The key was found, but use of the key to verify the signature failed.",
            Some(&der),
        ));
    }
    certificate_in_time(&facts, exchange)?;
    in_time(jws, exchange)?;
    audience(exchange, tenant, jws)
}

/// The certificate that the header names, if the application has it or trusts its subject.
fn signing_certificate(client: &App, jws: &Jws<'_>) -> Result<Vec<u8>, Refusal> {
    let sent = sent_chain(jws.header.get("x5c"));
    let named = |name: &str| jws.header.get(name).and_then(Value::as_str).map(certificate::thumbprint);
    // A thumbprint that cannot be read matches nothing.
    let is_named = |der: &[u8]| {
        named("x5t#S256").is_none_or(|print| print.is_some_and(|print| print == certificate::sha256(der)))
            && named("x5t").is_none_or(|print| print.is_some_and(|print| print == certificate::sha1(der)))
            && kid_fits(jws, der)
    };
    let names_one = named("x5t#S256").is_some() || named("x5t").is_some() || jws.key_id().is_some();
    if names_one || sent.is_some() {
        let registered = client.certificates.iter().filter_map(|pem| certificate::der(pem));
        let leaf = sent.as_ref().and_then(|chain| chain.first());
        if let Some(der) =
            registered.into_iter().find(|der| is_named(der) && leaf.is_none_or(|leaf| leaf == der))
        {
            return Ok(der);
        }
    }
    if let (Some(leaf), false) =
        (sent.as_ref().and_then(|chain| chain.first()), client.trusted_subjects.is_empty())
    {
        if !is_named(leaf) {
            return Err(bad_signature("The thumbprint does not match the certificate sent.", Some(leaf)));
        }
        return trusted_by_subject(client, leaf);
    }
    let thumbprint = named("x5t#S256").or_else(|| named("x5t")).flatten();
    Err(match thumbprint {
        Some(print) => bad_signature(
            &format!(
                "The key was not found., Thumbprint of key used by client: '{}'",
                certificate::hexadecimal(&print)
            ),
            None,
        ),
        None => bad_signature("The header names no certificate.", None),
    })
}

fn trusted_by_subject(client: &App, leaf: &[u8]) -> Result<Vec<u8>, Refusal> {
    let subject = certificate::facts(leaf).and_then(|facts| facts.common_name);
    let is_trusted = client.trusted_subjects.iter().any(|trusted| {
        subject.as_deref() == Some(&trusted.subject)
            && certificate::der(&trusted.authority)
                .is_some_and(|authority| certificate::is_signed_by(leaf, &authority))
    });
    if is_trusted {
        return Ok(leaf.to_vec());
    }
    Err(Reason::SubjectNotTrusted
        .because("Invalid certificate - subject name in certificate is not authorized."))
}

/// `x5c` as an array of certificates, or (one of Microsoft's libraries) as a single text.
fn sent_chain(x5c: Option<&Value>) -> Option<Vec<Vec<u8>>> {
    match x5c? {
        Value::String(single) => Some(certificate::from_x5c(single).into_iter().collect()),
        Value::Array(chain) => {
            Some(chain.iter().filter_map(|entry| certificate::from_x5c(entry.as_str()?)).collect())
        }
        _ => Some(Vec::new()),
    }
}

/// A `kid` may be the SHA-1 thumbprint in hexadecimal or in base64url; a client may also send both `kid` and `x5t`.
fn kid_fits(jws: &Jws<'_>, der: &[u8]) -> bool {
    let Some(id) = jws.key_id() else { return true };
    let print = certificate::sha1(der);
    id.eq_ignore_ascii_case(&certificate::hexadecimal(&print))
        || certificate::thumbprint(id)
            .is_some_and(|named| named == print || named == certificate::sha256(der))
}

fn certificate_in_time(facts: &Facts, exchange: &Exchange) -> Result<(), Refusal> {
    let now = unix(exchange.now);
    if facts.not_before <= now && now <= facts.not_after {
        return Ok(());
    }
    Err(Reason::CertificateTime
        .because("The provided certificate is not within its specified validity window."))
}

/// The audience is the token endpoint that was asked, or the authority's issuer.
fn audience(exchange: &Exchange, tenant: Option<&Tenant>, jws: &Jws<'_>) -> Result<(), Refusal> {
    let said = jws.text("aud").unwrap_or_default();
    let names: Vec<&str> = match tenant {
        Some(tenant) => vec![&tenant.id, &tenant.domain],
        None => vec!["common", "organizations"],
    };
    let is_ours = [exchange.origin.asked(), exchange.origin.base()].iter().any(|base| {
        names.iter().any(|name| {
            let rest = strip_prefix_ignoring_case(said, &format!("{base}/{name}"));
            rest.is_some_and(|rest| {
                matches!(rest.trim_end_matches('/'), "" | "/v2.0" | "/oauth2/v2.0/token" | "/oauth2/token")
            })
        })
    });
    // Authorities of other kinds are asked elsewhere.
    let asked = format!("{}{}", exchange.origin.asked(), exchange.path);
    if is_ours || said.eq_ignore_ascii_case(&asked) {
        return Ok(());
    }
    Err(Reason::AssertionAudience.because(
        "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ))
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..))?
}

fn bad_signature(reason: &str, der: Option<&[u8]>) -> Refusal {
    let thumbprint = der.map_or_else(String::new, |der| {
        format!(", Thumbprint of key used by client: '{}'", certificate::hexadecimal(&certificate::sha1(der)))
    });
    Reason::AssertionSignature.because(format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}{thumbprint}]"
    ))
}
