//! The vault's answers, in the words of its REST API.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::WWW_AUTHENTICATE;
use http::{Method, StatusCode};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{VaultOperation, Version};
use crate::bearer;
use crate::certificate;
use crate::clock::unix;
use crate::directory::Directory;
use crate::exchange::{Exchange, Reply};
use crate::jwt;
use crate::realm::Realm;

type Answered = Result<Value, Box<Reply>>;

/// Answers a request to the vault; the path is without slashes at its ends.
pub(crate) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange, path: &[String]) -> Reply {
    let vault = directory.app("azure-key-vault");
    if bearer::check(realm, directory, exchange, vault).is_err() {
        return challenge(directory, exchange);
    }
    if exchange.query.get("api-version").is_none() {
        return refusal(
            StatusCode::BAD_REQUEST,
            "BadParameter",
            "The api-version query parameter is missing.",
        );
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answered = match (&exchange.method, path.as_slice()) {
        (&Method::GET, ["certificates", name]) => certificate(realm, exchange, name, None),
        (&Method::GET, ["certificates", name, version]) => certificate(realm, exchange, name, Some(version)),
        (&Method::GET, ["secrets", name]) => secret(realm, exchange, name, None),
        (&Method::GET, ["secrets", name, version]) => secret(realm, exchange, name, Some(version)),
        (&Method::POST, ["keys", name, version, "sign"]) => sign(realm, exchange, name, version),
        _ => Err(refused(StatusCode::NOT_FOUND, "NotFound", "The vault serves nothing here.")),
    };
    answered.map_or_else(|refused| *refused, |body| Reply::json(StatusCode::OK, &body))
}

fn certificate(realm: &Realm, exchange: &Exchange, name: &str, version: Option<&str>) -> Answered {
    let found = find(realm, VaultOperation::ReadCertificates, name, version)?;
    let der = certificate::der(&found.certificate.certificate).unwrap_or_default();
    let facts = certificate::facts(&der);
    let base = exchange.origin.base();
    let id = &found.id;
    Ok(json!({
        "id": format!("{base}/certificates/{name}/{id}"),
        "kid": format!("{base}/keys/{name}/{id}"),
        "sid": format!("{base}/secrets/{name}/{id}"),
        "x5t": jwt::encode(certificate::sha1(&der)),
        "cer": STANDARD.encode(&der),
        "attributes": {
            "enabled": found.certificate.enabled,
            "nbf": facts.as_ref().map(|facts| facts.not_before),
            "exp": facts.as_ref().map(|facts| facts.not_after),
            "created": unix(exchange.now),
            "updated": unix(exchange.now),
        },
        "policy": {
            "key_props": { "exportable": found.certificate.exportable, "kty": "RSA", "key_size": 2048 },
            "secret_props": { "contentType": content_type(&found) },
        },
    }))
}

fn secret(realm: &Realm, exchange: &Exchange, name: &str, version: Option<&str>) -> Answered {
    let found = find(realm, VaultOperation::ReadSecrets, name, version)?;
    if !found.certificate.enabled {
        return Err(disabled());
    }
    let stored = &found.certificate;
    let value = match (&stored.pkcs12, stored.exportable) {
        (_, false) => stored.certificate.clone(),
        (Some(pkcs12), true) => pkcs12.clone(),
        (None, true) => format!("{}{}", stored.key, stored.certificate),
    };
    Ok(json!({
        "id": format!("{}/secrets/{name}/{}", exchange.origin.base(), found.id),
        "value": value,
        "contentType": content_type(&found),
        "attributes": { "enabled": true },
    }))
}

/// Signs a digest: the message never comes here.
fn sign(realm: &Realm, exchange: &Exchange, name: &str, version: &str) -> Answered {
    let found = find(realm, VaultOperation::Sign, name, Some(version))?;
    if !found.certificate.enabled {
        return Err(disabled());
    }
    let bad = |text| refused(StatusCode::BAD_REQUEST, "BadParameter", text);
    let body: Value =
        serde_json::from_slice(&exchange.body).map_err(|_not_json| bad("The body is not JSON."))?;
    let padding = match body.get("alg").and_then(Value::as_str) {
        Some("PS256") => &RSA_PSS_SHA256,
        Some("RS256") => &RSA_PKCS1_SHA256,
        _ => return Err(bad("The algorithm is not one of this key.")),
    };
    let digest = body.get("value").and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let digest = digest.and_then(|bytes| Digest::import_less_safe(&bytes, &SHA256).ok());
    let digest = digest.ok_or_else(|| bad("The value is not a digest of SHA-256."))?;
    let signature = signature(&found.certificate.key, padding, &digest)
        .ok_or_else(|| bad("The key of this certificate cannot sign."))?;
    Ok(json!({
        "kid": format!("{}/keys/{name}/{}", exchange.origin.base(), found.id),
        "value": jwt::encode(signature),
    }))
}

fn signature(
    key: &str,
    padding: &'static aws_lc_rs::signature::RsaSignatureEncoding,
    digest: &Digest,
) -> Option<Vec<u8>> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).ok()?;
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(padding, digest, &mut signature).ok()?;
    Some(signature)
}

fn find(
    realm: &Realm,
    operation: VaultOperation,
    name: &str,
    version: Option<&str>,
) -> Result<Version, Box<Reply>> {
    if realm.key_vault.forbids(operation) {
        return Err(refused(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "Caller is not authorized to perform action on resource.",
        ));
    }
    realm.key_vault.find(name, version).ok_or_else(|| {
        refused(
            StatusCode::NOT_FOUND,
            "CertificateNotFound",
            "A certificate with this name was not found in this key vault.",
        )
    })
}

fn content_type(version: &Version) -> &'static str {
    if version.certificate.pkcs12.is_some() { "application/x-pkcs12" } else { "application/x-pem-file" }
}

fn disabled() -> Box<Reply> {
    refused(StatusCode::FORBIDDEN, "Forbidden", "Operation is not allowed on a disabled certificate.")
}

/// Says whose tokens are wanted, and for which resource.
fn challenge(directory: &Directory, exchange: &Exchange) -> Reply {
    let tenant = directory.tenants.first().map_or("common", |tenant| &tenant.id);
    let challenge = format!(
        r#"Bearer authorization="{}", resource="https://vault.azure.net""#,
        exchange.origin.authority(tenant)
    );
    let text = "AKV10000: Request is missing a Bearer or PoP token.";
    refusal(StatusCode::UNAUTHORIZED, "Unauthorized", text).with(WWW_AUTHENTICATE, &challenge)
}

fn refused(status: StatusCode, code: &str, text: &str) -> Box<Reply> {
    Box::new(refusal(status, code, text))
}

fn refusal(status: StatusCode, code: &str, text: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": text } }))
}
