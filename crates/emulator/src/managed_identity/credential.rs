//! Version 2 of the metadata service: what it says of the machine, and the certificates that it issues for keys of
//! programs. They are taken where Entra takes certificates, which is over HTTPS.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::SERVER;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

use super::{Denied, Host, direct, metadata, named};
use crate::clock::unix;
use crate::directory::{App, Directory, Named, Tenant};
use crate::exchange::{Exchange, Reply};
use crate::jwt::{self, Jws};
use crate::realm::{Realm, SKEW, is_in_time};

/// What version 2 is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `/metadata/identity/getplatformmetadata`
    Platform,
    /// `/metadata/identity/issuecredential`
    Issue,
}

/// Answers a program that wants a certificate, at the step that it is at.
pub(crate) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange, step: Step) -> Reply {
    let answered = match step {
        Step::Platform => platform(directory, exchange),
        Step::Issue => issue(realm, directory, exchange),
    };
    let reply = match answered {
        Ok(body) => Reply::json(StatusCode::OK, &body).never_stored(),
        Err(denied) => denied.reply(exchange, Host::VirtualMachine),
    };
    reply.with(SERVER, "IMDS/150.870.65.1854")
}

/// An identity of this machine, as certificates name it.
struct Identified<'d> {
    app: &'d App,
    tenant: &'d Tenant,
    assigned_by_user: bool,
    requires_attestation: bool,
}

fn asked<'d>(
    directory: &'d Directory,
    exchange: &Exchange,
    method: &Method,
) -> Result<Identified<'d>, Denied> {
    // Nobody takes a certificate without TLS, so nobody issues one: it is a machine of the first version.
    if !exchange.origin.asked().starts_with("https://") {
        return Err(Denied::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here."));
    }
    direct(exchange, method)?;
    metadata(exchange)?;
    if exchange.query.get("cred-api-version") != Some("2.0") {
        return Err(Denied::bad("The cred-api-version is missing or not served."));
    }
    let named = named(
        exchange,
        &[("client_id", Named::ClientId), ("msi_res_id", Named::ResourceId), ("object_id", Named::ObjectId)],
    )?;
    let not_found = || Denied::bad("Identity not found.");
    let (identity, app) = directory.managed_identity_of(&named).ok_or_else(not_found)?;
    let tenant = app.tenants.first().and_then(|home| directory.tenant(home)).or(directory.tenants.first());
    Ok(Identified {
        app,
        tenant: tenant.ok_or_else(not_found)?,
        assigned_by_user: identity.resource_id.is_some(),
        requires_attestation: identity.requires_attestation,
    })
}

fn platform(directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    let identified = asked(directory, exchange, &Method::GET)?;
    Ok(json!({
        "clientId": identified.app.client_id,
        "tenantId": identified.tenant.id,
        "cuId": { "vmId": MACHINE },
        "attestationEndpoint": format!("{}/attest", exchange.origin.asked()),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    csr: String,
    #[serde(default)]
    attestation_token: String,
}

fn issue(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    let identified = asked(directory, exchange, &Method::POST)?;
    let wanted: Wanted = serde_json::from_slice(&exchange.body)
        .map_err(|error| Denied::bad(format!("The body cannot be read: {error}.")))?;
    let csr = STANDARD.decode(&wanted.csr).map_err(|_malformed| Denied::bad("The csr is not base64."))?;
    let key = verified(&csr, &identified).map_err(|what| Denied::bad(format!("The csr {what}.")))?;
    if identified.requires_attestation || !wanted.attestation_token.is_empty() {
        attested(realm, exchange, &wanted.attestation_token, &key)?;
    }
    let lifetime = i64::try_from(directory.lifetimes.certificate).unwrap_or(i64::MAX);
    let times = (unix(exchange.now) - 300, unix(exchange.now).saturating_add(lifetime));
    let (app, tenant) = (identified.app, identified.tenant);
    let der = realm
        .managed_identities
        .certify(&key, (&app.client_id, &tenant.id), times)
        .map_err(|what| Denied::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", what))?;
    Ok(json!({
        "client_id": app.client_id,
        "tenant_id": tenant.id,
        "certificate": STANDARD.encode(der),
        "identity_type": if identified.assigned_by_user { "UserAssigned" } else { "SystemAssigned" },
        "mtls_authentication_endpoint": exchange.origin.asked(),
    }))
}

/// The public key of a request that is what the machine asks for, and signed with that key.
fn verified(csr: &[u8], identified: &Identified<'_>) -> Result<Vec<u8>, &'static str> {
    let Ok(([], request)) = X509CertificationRequest::from_der(csr) else {
        return Err("is no PKCS#10 request");
    };
    let info = &request.certification_request_info;
    let wanted = format!("DC={}, CN={}", identified.tenant.id, identified.app.client_id);
    if !info.subject.to_string().eq_ignore_ascii_case(&wanted) {
        return Err("is for another subject");
    }
    // The attribute's name, then a set of one text in UTF-8, each with its tag and its length, which is below 128.
    let said = json!({ "vmId": MACHINE }).to_string();
    let length = u8::try_from(said.len()).unwrap_or_default();
    let encoded = [&MACHINE_ATTRIBUTE[..], &[0x31, length + 2, 0x0c, length], said.as_bytes()].concat();
    if !info.raw.windows(encoded.len()).any(|part| part == encoded) {
        return Err("does not name this machine");
    }
    if request.signature_algorithm.algorithm.to_id_string() != RSASSA_PSS {
        return Err("is not signed by RSASSA-PSS");
    }
    let key = info.subject_pki.raw.to_vec();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &key)
        .verify(info.raw, &request.signature_value.data)
        .map_err(|_wrong| "is not signed with its key")?;
    Ok(key)
}

/// An attestation is a token of the emulator's own that names the key; see
/// [`Emulator::attestation`](crate::Emulator::attestation).
fn attested(realm: &Realm, exchange: &Exchange, token: &str, key: &[u8]) -> Result<(), Denied> {
    let jws = Jws::parse(token).filter(|jws| realm.signed(jws) && is_in_time(jws, exchange.now, SKEW));
    let is_of_key = jws.is_some_and(|jws| jws.text("x-ms-key") == Some(&thumbprint(key)));
    if is_of_key { Ok(()) } else { Err(Denied::bad("The key is not attested.")) }
}

/// What an attestation service says of a key that it found guarded.
pub(crate) fn attestation(realm: &Realm, base_url: &str, key: &[u8]) -> String {
    let now = unix(realm.clock.now());
    let claims = json!({
        "iss": format!("{base_url}/attest"), "iat": now, "nbf": now, "exp": now + 8 * 3600,
        "x-ms-key": thumbprint(key),
    });
    let signing = realm.keys.lock().current();
    jwt::sign(&signing, &claims)
}

fn thumbprint(key: &[u8]) -> String {
    jwt::encode(digest(&SHA256, key))
}

/// The virtual machine on which programs run, as far as they can tell.
const MACHINE: &str = "7b1f0f5a-1c5d-4b0e-9f3a-6d2e8c4a9b71";
/// 1.3.6.1.4.1.311.90.2.10
const MACHINE_ATTRIBUTE: [u8; 12] = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x5a, 0x02, 0x0a];
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
