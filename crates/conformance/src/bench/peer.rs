//! What others have for the same work.

use anyhow::{Context, Result};
use std::sync::Arc;

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Transport},
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use entra_abstractions::HttpSettings;
use entra_emulator::{Emulator, ids};
use futures_util::FutureExt;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::turns::{Op, op};

pub(super) const SCOPE: &str = "https://graph.microsoft.com/.default";

/// A warm credential of the Azure SDK. It speaks https only.
pub(super) async fn azure_identity(emulator: &Emulator) -> Result<Op> {
    let ca = emulator.ca_pem().context("the emulator does not speak https")?;
    let client = crate::http::client(&HttpSettings::default().trust_pem(ca))?;
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = emulator.base_url().to_owned();
    let options = ClientSecretCredentialOptions {
        client_options: ClientOptions {
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            transport: Some(Transport::new(Arc::new(client))),
            ..ClientOptions::default()
        },
    };
    let secret = Secret::new(ids::DAEMON_SECRET);
    let credential = ClientSecretCredential::new(ids::TENANT, ids::DAEMON.to_owned(), secret, Some(options))?;
    credential.get_token(&[SCOPE], None).await?;
    Ok(op(move || credential.get_token(&[SCOPE], None).now_or_never()))
}

/// What a reader would ask a token for, and no more.
#[derive(Deserialize)]
struct Claims {
    #[expect(dead_code, reason = "it is there to be read")]
    sub: String,
    #[expect(dead_code, reason = "it is there to be read")]
    tid: String,
    #[expect(dead_code, reason = "it is there to be read")]
    scp: String,
}

/// The validation of an RS256 token with `jsonwebtoken`, its key parsed as far as it keeps keys
/// parsed.
pub(super) fn jsonwebtoken(token: String, n: &str, e: &str, audience: &str, issuer: &str) -> Result<Op> {
    let key = DecodingKey::from_rsa_components(n, e)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[issuer]);
    validation.validate_nbf = true;
    decode::<Claims>(&token, &key, &validation).context("jsonwebtoken does not take the token")?;
    Ok(op(move || decode::<Claims>(&token, &key, &validation)))
}
