//! How a certificate is issued: the metadata service says whose it would be, a key asks for it, and,
//! where the machine guards the key, somebody attests that.

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{AttestationContext, Misconfigured, Rejected, Secret, TokenError};
use serde_json::json;

use super::{
    super::{
        ask::{Ask, Body},
        platform::{Answered, Platform},
        retry::Patience,
    },
    answer,
    attestation::Attestations,
    certificate::{self, Certificate},
    csr,
    key::{BindingKey, Key},
};
use crate::credential::aside;

const METADATA: &str = "/metadata/identity/getplatformmetadata";
const CREDENTIAL: &str = "/metadata/identity/issuecredential";

/// Has the metadata service issue a certificate for a key of this program.
///
/// # Errors
/// [`TokenError`] says who must act.
pub(super) async fn issue(
    platform: &Platform,
    key: &BindingKey,
    attestations: &Attestations,
    ask: &Ask<'_>,
) -> Result<Certificate, TokenError> {
    key.check()?;
    let metadata = platform
        .credential_service(METADATA, None, ask, Patience::SECOND_VERSION, |answered| {
            answer::metadata(answered.headers, answered.body)
        })
        .await
        .map_err(|error| explained(error, 404, OF_THE_FIRST_VERSION))?;
    let (key, asked) = (key.clone(), metadata.clone());
    let request = move || {
        let key = key.next()?;
        Ok((key.public_key()?, csr::request(&asked, &key)?, key))
    };
    let (public_key, csr, key) = aside(request).await?;
    let attestation = match &key {
        Key::Here(_) => None,
        Key::Held(held) => {
            let endpoint = metadata.attestation.clone().ok_or_else(no_service)?;
            let context = AttestationContext::new(endpoint, metadata.client.clone(), ask.correlation_id);
            Some(attestations.of(&**held, &context, platform.now()).await?)
        }
    };
    let attestation = attestation.as_ref().map_or("", Secret::expose);
    let body = json!({ "csr": STANDARD.encode(csr), "attestation_token": attestation });
    let body = Body { kind: "application/json", text: Secret::new(body.to_string()) };
    let read = |answered: &Answered<'_>| {
        let issued = answer::issued(answered.body)?;
        let ends_at = certificate::check(&issued, &metadata, ask.id, &public_key, answered.now)?;
        Ok((issued, ends_at))
    };
    let (issued, ends_at) = platform
        .credential_service(CREDENTIAL, Some(body), ask, Patience::METADATA_SERVICE, read)
        .await
        .map_err(|error| explained(error, 400, NOT_FOR_THIS_KEY))?;
    let binding = key.bind(issued.certificate.clone())?;
    Ok(Certificate::new(binding, issued, ends_at))
}

fn explained(error: TokenError, status: u16, explanation: &'static str) -> TokenError {
    match error.exchange() {
        Some(exchange) if exchange.status() == Some(status) => {
            Rejected::new(exchange.clone().with_explanation(Some(explanation))).into()
        }
        _ => error,
    }
}

const OF_THE_FIRST_VERSION: &str = "the metadata service of this machine issues no certificates, so tokens of its \
     identities cannot be bound: move to a machine whose service does, or leave ProtocolScheme out";

const NOT_FOR_THIS_KEY: &str = "the metadata service issues no certificate for this key: an administrator can see \
     whether the identity is assigned to this machine; where keys must be attested, give the acquirer's builder \
     attested_by(key)";

fn no_service() -> Misconfigured {
    Misconfigured::new("the metadata service of this machine names nobody who attests keys")
        .hint("run on a machine that guards keys, or give the acquirer's builder key_in_memory()")
}
