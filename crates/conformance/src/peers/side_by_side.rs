//! Our credential and that of `azure_identity`, side by side in one run against one Entra: a scope
//! whose token is at hand while another one is slow, and an outage when a token has four minutes to
//! live.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, RetryOptions, Transport},
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use entra_abstractions::HttpSettings;
use entra_azure_credential::EntraCredential;
use entra_emulator::{Emulator, Endpoint, Entry, Fault, ids};
use entra_token_acquisition::{Application, TokenAcquirer};

use super::{
    azure_identity::version,
    screen::Screen,
    verdict::{Verdict, Verdicts},
};
use crate::http;

const CACHED: &str = "https://storage.azure.com/.default";
const SLOW: &str = "https://vault.azure.net/.default";

/// How long Entra takes for the slow scope.
const DELAY: Duration = Duration::from_millis(500);

pub(super) async fn play(screen: &Screen, verdicts: &mut Verdicts) -> Result<()> {
    let emulator = Emulator::builder().https(true).start().await?;
    let (slow, away) = (slow_scope(&emulator).await, outage(&emulator).await);
    for (scenario, played) in [("a slow scope beside a cached one", slow), ("an outage", away)] {
        let (told, flaw) = match played {
            Ok(told) => (told, None),
            Err(error) => (String::new(), Some(format!("{error:#}"))),
        };
        let scenario = format!("{scenario}{told}");
        let client = "EntraCredential beside azure_identity".to_owned();
        verdicts.add(screen, Verdict { client, version: version()?, scenario, flaw });
    }
    Ok(())
}

/// How long a token that is at hand takes while another one is fetched.
async fn slow_scope(emulator: &Emulator) -> Result<String> {
    let mut took = Vec::new();
    for credential in both(emulator)? {
        credential.get_token(&[CACHED], None).await?;
        emulator.faults().add(Fault::slow(DELAY).at(Endpoint::Token));
        let slow = Arc::clone(&credential);
        let fetching = tokio::spawn(async move { slow.get_token(&[SLOW], None).await });
        let has_come = |entry: &Entry| entry.scope.as_deref().is_some_and(|scope| scope.contains("vault"));
        while emulator.log().count(has_come) <= took.len() {
            tokio::task::yield_now().await;
        }
        let begin = now();
        credential.get_token(&[CACHED], None).await?;
        took.push(now() - begin);
        fetching.await??;
    }
    let [ours, theirs] = took[..] else { anyhow::bail!("two were to be measured") };
    ensure!(ours < DELAY / 10, "a token at hand took {ours:?}");
    Ok(format!(": {ours:.1?}, and {theirs:.1?} there"))
}

/// What is given while Entra answers 503 and the token has four minutes to live.
async fn outage(emulator: &Emulator) -> Result<String> {
    emulator.edit(|directory| directory.lifetimes.access_token = 240);
    let [ours, theirs] = both(emulator)?;
    let (first, _) = (ours.get_token(&[CACHED], None).await?, theirs.get_token(&[CACHED], None).await?);
    emulator.faults().add(Fault::status(503).at(Endpoint::Token).always());
    let during = ours.get_token(&[CACHED], None).await.context("ours has no token")?;
    ensure!(during.token.secret() == first.token.secret(), "ours has another token");
    let there = match theirs.get_token(&[CACHED], None).await {
        Ok(_) => "a token there, too",
        Err(_) => "an error there",
    };
    emulator.faults().clear();
    Ok(format!(": the token with four minutes left, {there}"))
}

/// Ours, then that of `azure_identity`, neither with a token.
fn both(emulator: &Emulator) -> Result<[Arc<dyn TokenCredential>; 2]> {
    let trusting =
        HttpSettings::default().trust_pem(emulator.ca_pem().context("the emulator speaks HTTP only")?);
    let application = Application::builder()
        .instance(emulator.base_url())
        .tenant(ids::TENANT)
        .client_id(ids::DAEMON)
        .secret(ids::DAEMON_SECRET)
        .build()?;
    let ours = EntraCredential::new(TokenAcquirer::builder(application).http(trusting.clone()).build()?);

    let mut cloud = CustomConfiguration::default();
    emulator.base_url().clone_into(&mut cloud.authority_host);
    let client_options = ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        transport: Some(Transport::new(Arc::new(http::client(&trusting)?))),
        // What it gives is what is compared, not how long it tries first.
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    };
    let options = ClientSecretCredentialOptions { client_options };
    let secret = Secret::new(ids::DAEMON_SECRET);
    let theirs = ClientSecretCredential::new(ids::TENANT, ids::DAEMON.to_owned(), secret, Some(options))?;
    Ok([ours.into(), theirs])
}

#[expect(clippy::disallowed_methods, reason = "this is what a stopwatch is")]
fn now() -> Instant {
    Instant::now()
}
