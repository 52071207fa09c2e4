//! A day of two instances that share a file of SQLite, which has its times from a clock that we hold:
//! one fetches, the other finds it, and rows that have ended go.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use entra_abstractions::{Clock, SharedStore, testing::ManualClock};
use entra_cache_sql::SqlStore;
use entra_token_acquisition::TokenAcquirer;
use sqlx::{Connection, SqliteConnection, query_scalar, sqlite::SqliteConnectOptions};

use super::{
    AT_ONCE, HOURS, LIVES, Open, Reading, Size, TOKEN, builder, call, connect, early_and_late, keys,
};
use crate::bench::endpoint::Endpoint;

/// Of ten minutes each.
const SLICES: usize = HOURS * 6;
const SLICE: Duration = Duration::from_secs(600);

/// What may be there of a day: an hour in which tokens live, a quarter in which they are left, half an
/// hour until it is cleaned, and a slice.
const LEFT: usize = 12;

/// Nobody is measured here, so nobody gives up because the machine is busy.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn soak(size: Size) -> Result<Vec<Reading>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tokens.db");
    let clock = Arc::new(ManualClock::default());
    let endpoint = Endpoint::of_users(TOKEN, LIVES).await?;
    let (one, other) = (instance(&endpoint, &file, &clock)?, instance(&endpoint, &file, &clock)?);
    let users = size.rows;
    // What the first requests set up, connections among it, is not the day's.
    let early = users..users + 2 * AT_ONCE;
    connect(&one, &endpoint, early.clone()).await?;
    one.settled().await;
    call(&other, early.clone()).await?;
    // Nor is the file by which rows are counted: SQLite keeps it open, and takes it again for the next
    // count, for as long as others of this process hold locks on the same file.
    count(&file, &clock).await?;
    let (before, asked) = (Open::now(), endpoint.asked());
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    for slice in 0..SLICES {
        let of = |slice: usize| users * slice / SLICES..users * (slice + 1) / SLICES;
        call(&one, of(slice)).await?;
        one.settled().await;
        // Who came to the one comes to the other next: of every five one.
        if let Some(slice) = slice.checked_sub(1) {
            call(&other, of(slice).step_by(5)).await?;
        }
        clock.advance(SLICE);
        if slice % 6 == 5 {
            rows.push(count(&file, &clock).await?);
            sizes.push(fs::metadata(&file)?.len());
        }
    }
    other.settled().await;
    let asked = endpoint.asked() - asked;
    let most = rows.iter().map(|rows| rows.all).max().unwrap_or_default();
    let ended = rows.iter().map(|rows| rows.ended).max().unwrap_or_default();
    let (early, late) = early_and_late(&sizes);
    let of_the_day = |part: usize| i64::try_from(users / part + 2 * AT_ONCE).unwrap_or(i64::MAX);
    Ok(vec![
        Reading {
            name: "SQLite: Entra was asked",
            figure: format!("{asked} times for {users} users of two instances"),
            limit: String::from("once each"),
            holds: asked == users,
        },
        Reading {
            name: "SQLite: rows, at their most",
            figure: format!("{most}, of which {ended} had ended"),
            limit: format!("those of two hours, {}", of_the_day(LEFT)),
            holds: most <= of_the_day(LEFT),
        },
        Reading {
            name: "SQLite: the file, hours 21 to 24 against hours 3 to 6",
            figure: format!("{late} bytes against {early}"),
            limit: String::from("+ 10 %"),
            holds: late <= early / 10 * 11,
        },
        before.reading("SQLite: tasks, files and connections, at rest"),
    ])
}

fn instance(endpoint: &Endpoint, file: &Path, clock: &Arc<ManualClock>) -> Result<TokenAcquirer> {
    let store = SqlStore::sqlite(file.to_str().context("a folder without a name")?)?
        .clock(Arc::clone(clock) as _)
        .build()?;
    let store = SharedStore::encrypted(Arc::new(store), keys()?).timeout(PATIENCE);
    // Small, so that it is the store that answers.
    Ok(builder(endpoint)?.clock(Arc::clone(clock) as _).cache_budget(0).store(store).build()?)
}

struct Rows {
    all: i64,
    ended: i64,
}

/// Counts them past the store, on a connection of its own.
async fn count(file: &Path, clock: &ManualClock) -> Result<Rows> {
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file).read_only(true)).await?;
    let now = clock.now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let all = query_scalar("SELECT count(*) FROM token_cache").fetch_one(&mut connection).await?;
    let ended = query_scalar("SELECT count(*) FROM token_cache WHERE expires_at <= ?1")
        .bind(i64::try_from(now)?)
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(Rows { all, ended })
}
