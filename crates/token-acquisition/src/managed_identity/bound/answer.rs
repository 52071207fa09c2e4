//! What the metadata service answers of its second version: about the machine, and a certificate.

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{ClientId, TenantId, is_guid};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use url::Url;

/// Of which identity, tenant and machine a certificate would be.
#[derive(Debug, Clone)]
pub(super) struct PlatformMetadata {
    pub(super) client: ClientId,
    pub(super) tenant: TenantId,
    /// What says which machine it is, as JSON.
    pub(super) machine: String,
    /// Where keys are attested.
    pub(super) attestation: Option<Url>,
}

/// A certificate as it was issued: nothing of it is believed yet.
pub(super) struct Issued {
    pub(super) client: ClientId,
    pub(super) tenant: TenantId,
    pub(super) certificate: Vec<u8>,
    pub(super) token_endpoint: Url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    client_id: String,
    tenant_id: String,
    cu_id: Machine,
    attestation_endpoint: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    vm_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vmss_id: Option<String>,
}

#[derive(Deserialize)]
struct Credential {
    client_id: String,
    tenant_id: String,
    certificate: String,
    mtls_authentication_endpoint: String,
}

/// Reads what the service says of the machine.
///
/// # Errors
/// What is wrong with it.
pub(super) fn metadata(headers: &HeaderMap, body: &[u8]) -> Result<PlatformMetadata, &'static str> {
    // A proxy in its place would answer anything.
    let server = headers.get(http::header::SERVER).and_then(|server| server.to_str().ok());
    if !server.is_some_and(|server| server.to_ascii_uppercase().contains("IMDS")) {
        return Err("an answer that is not the metadata service's");
    }
    let read: Metadata =
        serde_json::from_slice(body).map_err(|_malformed| "an answer that says nothing of the machine")?;
    let machine = serde_json::to_string(&read.cu_id).map_err(|_never| "an answer about no machine")?;
    if read.cu_id.vm_id.is_empty() || machine.len() > 1024 {
        return Err("an answer about no machine");
    }
    let attestation = read.attestation_endpoint.filter(|endpoint| !endpoint.trim().is_empty());
    Ok(PlatformMetadata {
        client: client(&read.client_id)?,
        tenant: tenant(&read.tenant_id)?,
        machine,
        attestation: attestation.map(|endpoint| attestation_service(&endpoint)).transpose()?,
    })
}

/// Reads a certificate that was issued.
///
/// # Errors
/// What is wrong with it.
pub(super) fn issued(body: &[u8]) -> Result<Issued, &'static str> {
    let read: Credential =
        serde_json::from_slice(body).map_err(|_malformed| "an answer that is no certificate")?;
    let base64: String = read.certificate.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let certificate = STANDARD.decode(base64).map_err(|_malformed| "a certificate that is cut off")?;
    let tenant = tenant(&read.tenant_id)?;
    let base = read.mtls_authentication_endpoint.trim().trim_end_matches('/');
    let endpoint = format!("{base}/{}/oauth2/v2.0/token", tenant.as_str());
    let token_endpoint = secure(&endpoint).ok_or("a certificate for an endpoint that is no https URL")?;
    Ok(Issued { client: client(&read.client_id)?, tenant, certificate, token_endpoint })
}

fn client(id: &str) -> Result<ClientId, &'static str> {
    guid(id).and_then(|id| ClientId::new(id).ok()).ok_or("an answer about no identity")
}

fn tenant(id: &str) -> Result<TenantId, &'static str> {
    guid(id).and_then(|id| TenantId::new(id).ok()).ok_or("an answer about no tenant")
}

fn guid(id: &str) -> Option<&str> {
    Some(id.trim()).filter(|id| is_guid(id))
}

/// The service that attests keys; some machines name its host alone.
fn attestation_service(text: &str) -> Result<Url, &'static str> {
    let text = text.trim();
    let named = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    secure(&named).ok_or("an attestation endpoint that is no https URL")
}

fn secure(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (url.scheme() == "https" && url.has_host() && url.query().is_none() && is_plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;

    const CLIENT: &str = "66666666-6666-4666-8666-666666666666";
    const TENANT: &str = "55555555-5555-4555-8555-555555555555";

    fn read(server: &'static str, body: &Value) -> Result<PlatformMetadata, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert("server", HeaderValue::from_static(server));
        metadata(&headers, body.to_string().as_bytes())
    }

    fn said() -> Value {
        json!({
            "clientId": CLIENT, "tenantId": TENANT, "cuId": {"vmId": "vm-1", "vmssId": null},
            "attestationEndpoint": "shared.weu.attest.azure.net",
        })
    }

    fn without(name: &str, instead: Value) -> Value {
        let mut body = said();
        body[name] = instead;
        body
    }

    #[test]
    fn a_machine_is_told_of() {
        let read = read("IMDS/150.870.65.1324", &said()).unwrap();
        assert_eq!((read.client.as_str(), read.tenant.as_str()), (CLIENT, TENANT));
        assert_eq!(read.machine, r#"{"vmId":"vm-1"}"#);
        assert_eq!(read.attestation.unwrap().as_str(), "https://shared.weu.attest.azure.net/");
    }

    #[test]
    fn what_is_no_machine() {
        let of_scale_set = without("cuId", json!({"vmId": "vm-1", "vmssId": "set"}));
        assert_eq!(read("imds", &of_scale_set).unwrap().machine, r#"{"vmId":"vm-1","vmssId":"set"}"#);
        assert!(read("imds", &without("attestationEndpoint", Value::Null)).unwrap().attestation.is_none());
        for (server, body) in [
            ("nginx", said()),
            ("IMDS", json!("<html>")),
            ("IMDS", without("clientId", json!("x,DC=other"))),
            ("IMDS", without("tenantId", json!("common"))),
            ("IMDS", without("cuId", json!({}))),
            ("IMDS", without("cuId", json!({"vmId": ""}))),
            ("IMDS", without("attestationEndpoint", json!("http://attest.example"))),
            ("IMDS", without("attestationEndpoint", json!("https://u:s3cret@attest.example"))),
        ] {
            assert!(read(server, &body).is_err(), "{server} {body}");
        }
    }

    #[test]
    fn a_certificate_says_where_it_is_shown() {
        let body = |endpoint: &str, certificate: &str| {
            json!({
                "client_id": CLIENT, "tenant_id": TENANT, "identity_type": "SystemAssigned",
                "certificate": certificate, "mtls_authentication_endpoint": endpoint,
            })
            .to_string()
        };
        let read = issued(body("https://weu.mtlsauth.microsoft.com/", "AA\n==").as_bytes()).unwrap();
        let expected = format!("https://weu.mtlsauth.microsoft.com/{TENANT}/oauth2/v2.0/token");
        assert_eq!((read.token_endpoint.as_str(), &*read.certificate), (&*expected, &[0][..]));
        for (endpoint, certificate) in [
            ("http://weu.mtlsauth.microsoft.com", "AA=="),
            ("https://h?x=", "AA=="),
            ("https://u@h", "AA=="),
            ("", "AA=="),
            ("https://h", "-----BEGIN CERTIFICATE-----"),
        ] {
            assert!(issued(body(endpoint, certificate).as_bytes()).is_err(), "{endpoint} {certificate}");
        }
        assert!(issued(b"<html>").is_err());
    }
}
