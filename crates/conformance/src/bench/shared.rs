//! A token that another instance left in Redis: looked for, opened, read and kept, beside a bare GET
//! of the same value by the same client.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use entra_abstractions::{AcquireToken, EncryptionKeys, SharedStore, TokenRequest, UserAssertion};
use entra_cache_redis::RedisStore;
use entra_services::Redis;
use entra_token_acquisition::{Application, TokenAcquirer};
use futures_util::future::try_join_all;
use redis::{AsyncConnectionConfig, Client, aio::MultiplexedConnection, cmd};
use tokio::{runtime::Builder, task::spawn_blocking};

use super::{
    endpoint::{Endpoint, TENANT},
    figure::Figure,
    gate::Gate,
    report::Row,
    stage::scopes,
};

/// As long as a user's token is.
const TOKEN: usize = 1_500;

/// So many requests are under way at a time, while the store is filled.
const AT_ONCE: usize = 64;

/// How many requests the store's connection carries at a time: it counts them, and so does the floor's.
const IN_FLIGHT: usize = 1_024;

/// Base64 of 32 bytes: test material.
const KEY: &str = "ZW50cmEtcnMgdGVzdHMgc2hhcmUgdGhpcyBvbmUga2U=";

pub(super) async fn measure(calls: usize) -> Result<Row> {
    let redis = spawn_blocking(Redis::start).await??;
    let url = redis.url();
    // On a thread of their own: tasks of this runtime would be handed from core to core, which
    // takes longer than what is measured.
    let (ours, bare) = spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(take_turns(&url, calls))
    })
    .await??;
    let figure = |samples| Figure::of(samples).context("no call was made");
    Ok(Row {
        name: "user, out of Redis".to_owned(),
        ours: figure(ours)?,
        floor: figure(bare)?,
        floor_is: "a GET of the same value by the redis crate alone",
        peer: None,
        allocations: None,
        gate: Gate::Share(0.15),
        goal: Gate::Share(0.05),
    })
}

async fn take_turns(redis: &str, calls: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    // Each is asked for once: the second time it would come from memory.
    let requests: Vec<_> = (0..=calls).map(request).collect::<Result<_>>()?;
    let endpoint = Endpoint::of_users(TOKEN, 86_399).await?;
    let instance = endpoint.url.clone();
    fill(&acquirer(&instance, redis)?, &requests).await?;
    // Now nobody can answer but the store.
    drop(endpoint);
    let tokens = acquirer(&instance, redis)?;
    // It gives up when we do: a timer that ends before those of others wakes the runtime, so with
    // another time one of both would pay for taking turns.
    let patience = SharedStore::unencrypted(Arc::new(RedisStore::builder(redis).build()?)).given_up_after();
    let config =
        AsyncConnectionConfig::new().set_response_timeout(Some(patience)).set_concurrency_limit(IN_FLIGHT);
    let mut client = Client::open(redis)?.get_multiplexed_async_connection_with_config(&config).await?;
    let keys: Vec<Vec<u8>> = cmd("KEYS").arg("*").query_async(&mut client).await?;
    ensure!(keys.len() == requests.len(), "the store has {} tokens", keys.len());
    let (mut requests, mut keys) = (requests.iter(), keys.iter());
    // What opens connections is not measured.
    acquire(&tokens, requests.next()).await?;
    get(&mut client, keys.next()).await?;
    let (mut ours, mut by_hand) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
    for turn in 0..2 * calls {
        let begin = now();
        // Each comes first as often as second.
        let samples = if matches!(turn % 4, 0 | 3) {
            acquire(&tokens, requests.next()).await?;
            &mut ours
        } else {
            get(&mut client, keys.next()).await?;
            &mut by_hand
        };
        samples.push((now() - begin).as_secs_f64() * 1e9);
    }
    Ok((ours, by_hand))
}

fn acquirer(instance: &str, redis: &str) -> Result<TokenAcquirer> {
    let application = Application::builder()
        .instance(instance)
        .tenant(TENANT)
        .client_id("11111111-1111-4111-8111-111111111111")
        .secret("s3cret?%G&=")
        .build()?;
    let store = RedisStore::builder(redis).build()?;
    let store = SharedStore::encrypted(Arc::new(store), EncryptionKeys::new(KEY)?);
    Ok(TokenAcquirer::builder(application).store(store).build()?)
}

fn request(user: usize) -> Result<TokenRequest> {
    Ok(TokenRequest::on_behalf_of(scopes()?, &UserAssertion::new(format!("a.{user}.c"))?))
}

/// What one instance fetches, it writes into the store behind the calls.
async fn fill(tokens: &TokenAcquirer, requests: &[TokenRequest]) -> Result<()> {
    for some in requests.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|request| tokens.acquire(request))).await?;
        // The queue has room for so many and no more.
        tokens.settled().await;
    }
    Ok(())
}

async fn acquire(tokens: &TokenAcquirer, request: Option<&TokenRequest>) -> Result<()> {
    let token = tokens.acquire(request.context("all were asked for")?).await?;
    black_box(&token.authorization_header());
    Ok(())
}

async fn get(client: &mut MultiplexedConnection, key: Option<&Vec<u8>>) -> Result<()> {
    let value: Vec<u8> = cmd("GET").arg(key.context("all were read")?).query_async(client).await?;
    ensure!(value.len() > TOKEN, "another value");
    black_box(&value);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is what a stopwatch is")]
fn now() -> Instant {
    Instant::now()
}
