//! A while of two instances that share a Redis, whose clock is its own: tokens live for seconds.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use entra_abstractions::SharedStore;
use entra_cache_redis::RedisStore;
use entra_services::Redis;
use entra_token_acquisition::TokenAcquirer;
use redis::{Client, aio::MultiplexedConnection, cmd};
use tokio::time::{Instant, sleep_until};

use super::{AT_ONCE, Open, Reading, Size, TOKEN, builder, call, connect, keys};
use crate::bench::endpoint::Endpoint;

/// Seconds for which tokens live. They are let go five before, and redis keeps them to the end.
const LIVES: u64 = 10;

/// How long Redis may take to find what has ended: it looks at a few at a time.
const FINDS: Duration = Duration::from_secs(LIVES + 20);

pub(super) async fn soak(size: Size) -> Result<Vec<Reading>> {
    let redis = tokio::task::spawn_blocking(Redis::start).await??;
    let url = redis.url();
    let endpoint = Endpoint::of_users(TOKEN, LIVES).await?;
    let (one, other) = (instance(&endpoint, &url)?, instance(&endpoint, &url)?);
    let mut client = Client::open(url)?.get_multiplexed_async_connection().await?;
    // What the first requests set up, connections among it, is not the while's.
    connect(&one, &endpoint, 0..2 * AT_ONCE).await?;
    one.settled().await;
    call(&other, 0..2 * AT_ONCE).await?;
    let (before, asked, clients) = (Open::now(), endpoint.asked(), clients(&mut client).await?);
    let (began, mut users, mut most, mut keys) = (Instant::now(), 2 * AT_ONCE, 0, 0_usize);
    while began.elapsed() < Duration::from_secs(size.seconds) {
        let round = users..users + size.round;
        call(&one, round.clone()).await?;
        one.settled().await;
        call(&other, round.step_by(5)).await?;
        users += size.round;
        keys = cmd("DBSIZE").query_async(&mut client).await?;
        most = most.max(keys);
    }
    other.settled().await;
    let (users, asked) = (users - 2 * AT_ONCE, endpoint.asked() - asked);
    let ended = Instant::now();
    while keys > 0 && ended.elapsed() < FINDS {
        sleep_until(Instant::now() + Duration::from_millis(100)).await;
        keys = cmd("DBSIZE").query_async(&mut client).await?;
    }
    let clients_now = self::clients(&mut client).await?;
    Ok(vec![
        Reading {
            name: "Redis: Entra was asked",
            figure: format!("{asked} times for {users} users of two instances"),
            limit: String::from("once each"),
            holds: asked == users,
        },
        Reading {
            name: "Redis: keys, after the last has ended",
            figure: format!("{keys} after {:.0} s; at their most {most}", ended.elapsed().as_secs_f64()),
            limit: String::from("0"),
            holds: keys == 0,
        },
        Reading {
            name: "Redis: its connections",
            figure: format!("{clients_now}; before {clients}"),
            limit: String::from("as before"),
            holds: clients_now <= clients,
        },
        before.reading("Redis: tasks, files and connections, at rest"),
    ])
}

fn instance(endpoint: &Endpoint, redis: &str) -> Result<TokenAcquirer> {
    let store = RedisStore::builder(redis).build()?;
    let store = SharedStore::encrypted(Arc::new(store), keys()?).timeout(Duration::from_secs(LIVES));
    Ok(builder(endpoint)?.cache_budget(0).store(store).build()?)
}

async fn clients(client: &mut MultiplexedConnection) -> Result<usize> {
    let list: String = cmd("CLIENT").arg("LIST").query_async(client).await?;
    Ok(list.lines().count())
}
