//! `azure_identity` of the Azure SDK for Rust against the emulator. It takes no certificate without
//! OpenSSL, and knows neither users nor agents.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, ensure};
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    http::{ClientMethodOptions, ClientOptions, Transport},
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use entra_abstractions::HttpSettings;
use serde_json::Value;

use super::{
    claims,
    screen::Screen,
    setting::Setting,
    verdict::{Verdict, Verdicts},
};
use crate::http;

const RESOURCE: &str = "https://graph.microsoft.com";
const SCOPE: &str = "https://graph.microsoft.com/.default";

pub(super) async fn play(setting: &Setting, screen: &Screen, verdicts: &mut Verdicts) -> Result<()> {
    let client_options = client_options(setting)?;
    let version = version()?;
    for (scenario, played) in [
        ("ClientSecretCredential", by_secret(setting, &client_options).await),
        ("ClientAssertionCredential", by_assertion(setting, &client_options).await),
        ("WorkloadIdentityCredential", by_workload(setting, &client_options).await),
        ("wrong secret is refused", by_wrong_secret(setting, &client_options).await),
    ] {
        let (client, version) = ("azure_identity (Rust)".to_owned(), version.clone());
        let flaw = played.err().map(|error| format!("{error:#}"));
        verdicts.add(screen, Verdict { client, version, scenario: scenario.to_owned(), flaw });
    }
    Ok(())
}

async fn by_secret(setting: &Setting, options: &ClientOptions) -> Result<()> {
    granted(&*secret(setting, setting.daemon_secret, options)?, setting).await
}

async fn by_assertion(setting: &Setting, options: &ClientOptions) -> Result<()> {
    let credential = ClientAssertionCredential::new(
        setting.tenant.to_owned(),
        setting.daemon.to_owned(),
        Written(setting.workload_assertion.clone()),
        Some(ClientAssertionCredentialOptions { client_options: options.clone() }),
    )?;
    granted(&*credential, setting).await
}

async fn by_workload(setting: &Setting, options: &ClientOptions) -> Result<()> {
    let credential = WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions { client_options: options.clone() },
        client_id: Some(setting.daemon.to_owned()),
        tenant_id: Some(setting.tenant.to_owned()),
        token_file_path: Some(setting.workload_assertion.clone()),
    }))?;
    granted(&*credential, setting).await
}

async fn by_wrong_secret(setting: &Setting, options: &ClientOptions) -> Result<()> {
    let answer = secret(setting, "no such secret", options)?.get_token(&[SCOPE], None).await;
    let error = answer.err().context("it was accepted")?;
    ensure!(format!("{error:?}").contains("AADSTS7000215"), "another error: {error:?}");
    Ok(())
}

fn secret(
    setting: &Setting,
    secret: &'static str,
    options: &ClientOptions,
) -> Result<Arc<ClientSecretCredential>> {
    let options = ClientSecretCredentialOptions { client_options: options.clone() };
    let (client, secret) = (setting.daemon.to_owned(), Secret::new(secret));
    Ok(ClientSecretCredential::new(setting.tenant, client, secret, Some(options))?)
}

/// An authority of its own, and a transport that trusts it.
fn client_options(setting: &Setting) -> Result<ClientOptions> {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host.clone_from(&setting.authority_host);
    let trusting = HttpSettings::default().trust_pem(fs::read_to_string(&setting.ca)?);
    Ok(ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        transport: Some(Transport::new(Arc::new(http::client(&trusting)?))),
        ..ClientOptions::default()
    })
}

/// Gets a token twice: from the emulator, then from the client's cache.
async fn granted(credential: &dyn TokenCredential, setting: &Setting) -> Result<()> {
    let token = credential.get_token(&[SCOPE], None).await?;
    let claims = claims::check(token.token.secret(), &[("appid", setting.daemon), ("aud", RESOURCE)])?;
    let end = claims.get("exp").and_then(Value::as_i64).context("the token has no end")?;
    let off_by = end.abs_diff(token.expires_on.unix_timestamp());
    ensure!(off_by <= 5, "the client's expiry is off by {off_by} s");
    let again = credential.get_token(&[SCOPE], None).await?;
    ensure!(again.token.secret() == token.token.secret(), "the client does not keep the token");
    Ok(())
}

/// An assertion that somebody wrote into a file.
#[derive(Debug)]
struct Written(PathBuf);

#[async_trait::async_trait]
impl ClientAssertion for Written {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(fs::read_to_string(&self.0)?)
    }
}

/// The version that was built in: the library does not tell, the lock file does.
pub(super) fn version() -> Result<String> {
    let lock = include_str!("../../../../Cargo.lock");
    let (_, behind) =
        lock.split_once("name = \"azure_identity\"\nversion = \"").context("no azure_identity")?;
    Ok(behind.split('"').next().unwrap_or_default().to_owned())
}
