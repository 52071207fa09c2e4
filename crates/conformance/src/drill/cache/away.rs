//! What a store that is away costs a caller: two acquirers take turns, call by call, with the same keys
//! at the same endpoint. One has a store that never answers, the other has none.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use entra_abstractions::{
    AcquireToken, EncryptionKeys, SharedStore, SystemClock, TokenError, testing::MemoryStore,
};
use entra_token_acquisition::{Application, TokenAcquirer};
use tokio::time::Instant;

use super::{
    instance::{KEY, request},
    load::{Sample, Waits},
};
use crate::bench::endpoint::{Endpoint, TENANT};

/// So many failures open the breaker, and some more.
const FAILURES: usize = 5;

/// Calls that open connections and fill what is filled once.
const FIRST: usize = 200;

/// Makes so many calls of each.
pub(super) async fn measure(calls: usize) -> Result<Waits> {
    let endpoint = Endpoint::start().await?;
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    store.hang();
    let shared = SharedStore::encrypted(store, EncryptionKeys::new(KEY)?);
    let sharing = TokenAcquirer::builder(application(&endpoint)?).store(shared).build()?;
    let alone = TokenAcquirer::builder(application(&endpoint)?).build()?;
    for number in 0..FAILURES {
        ask(&sharing, &format!("opens {number}")).await?;
    }
    let mut samples = Vec::new();
    for number in 0..FIRST + calls {
        let name = format!("away {number}");
        let at = Instant::now();
        // By turns, so that what the first one warms up serves both alike.
        let sample = if number.is_multiple_of(2) {
            let sharing = ask(&sharing, &name).await?;
            Sample { at, sharing, alone: ask(&alone, &name).await? }
        } else {
            let alone = ask(&alone, &name).await?;
            Sample { at, sharing: ask(&sharing, &name).await?, alone }
        };
        samples.push(sample);
    }
    let is_away = sharing.explain(&request("x")?).store.is_some_and(|store| store.is_away);
    ensure!(is_away, "the store that never answers is not taken for away");
    let counted = samples.get(FIRST..).unwrap_or_default();
    Waits::of(counted).context("no calls were asked for")
}

async fn ask(tokens: &TokenAcquirer, name: &str) -> Result<Duration, TokenError> {
    let began = Instant::now();
    tokens.acquire(&request(name)?).await?;
    Ok(began.elapsed())
}

fn application(endpoint: &Endpoint) -> Result<Application> {
    let builder = Application::builder().instance(&*endpoint.url).tenant(TENANT);
    Ok(builder.client_id("11111111-1111-4111-8111-111111111111").secret("s3cret?%G&=").build()?)
}
