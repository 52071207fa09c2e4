//! `drill soak`: a day of a web API within minutes, by a clock that we hold. Users arrive and stay away
//! again, their tokens end; memory, connections and tasks must not grow, nor the file of a store.
//!
//! What they are granted is written in advance and served on loopback: a million tokens that an
//! emulator signs would take the whole time, and nothing here looks at signatures.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use entra_abstractions::{
    AcquireToken, Clock, Scopes, StoreKey, StoreTokens, StoredEntry, TokenRequest, UserAssertion,
    testing::ManualClock,
};
use entra_cache_sql::SqlStore;
use entra_token_acquisition::{Application, TokenAcquirer};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;

use crate::{
    bench::endpoint::{Endpoint, TENANT},
    process::{open_files, resident},
};

/// Lets a day pass in minutes, and looks whether anything grows.
///
/// A million users arrive within 24 hours, each calls a few times, and their tokens live for an hour.
/// The exit code tells whether memory, connections, tasks and the file of a store stay flat.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Twenty thousand users instead of a million, and smaller caches: half a minute.
    #[arg(long)]
    quick: bool,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
struct Size {
    users: usize,
    budget: usize,
    rows: usize,
}

/// So many requests are under way at a time.
const AT_ONCE: usize = 64;
const HOURS: usize = 24;
const TOKEN: usize = 1_500;
/// Users who come before the day begins.
const EARLY: usize = 2 * AT_ONCE;
const LIVES: u64 = 3_600;

/// What must not be more at the end than it was before.
struct Reading {
    name: &'static str,
    figure: String,
    limit: String,
    holds: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let size = if arguments.quick {
        Size { users: 20_000, budget: 1024 * 1024, rows: 4_800 }
    } else {
        Size { users: 1_000_000, budget: 48 * 1024 * 1024, rows: 240_000 }
    };
    let mut readings = memory(size).await?;
    readings.extend(sqlite(size).await?);
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["24 hours", "reading", "limit", ""]);
    for Reading { name, figure, limit, holds } in &readings {
        table.add_row([*name, figure, limit, if *holds { "holds" } else { "fails" }]);
    }
    say(&table.to_string());
    let failed = readings.iter().filter(|reading| !reading.holds).count();
    say(&format!("{} hold, {failed} fail", readings.len() - failed));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Users on whose behalf a web API calls another.
async fn memory(size: Size) -> Result<Vec<Reading>> {
    let clock = Arc::new(ManualClock::default());
    let endpoint = Endpoint::of_users(TOKEN, LIVES).await?;
    let application = Application::builder()
        .instance(&*endpoint.url)
        .tenant(TENANT)
        .client_id("11111111-1111-4111-8111-111111111111")
        .secret("s3cret?%G&=")
        .build()?;
    let tokens = TokenAcquirer::builder(application)
        .clock(Arc::clone(&clock) as _)
        .cache_budget(size.budget)
        .build()?;
    let scopes = Scopes::try_from("api://orders/.default")?;
    let request = |user: usize| {
        anyhow::Ok(TokenRequest::on_behalf_of(
            scopes.clone(),
            &UserAssertion::new(format!("user.{user}.sig"))?,
        ))
    };
    let call = |user: usize| {
        let request = request(user);
        let tokens = &tokens;
        async move {
            let token = tokens.acquire(&request?).await.context("no token came")?;
            ensure!(!token.authorization_header().is_empty(), "a token without a header");
            Ok(())
        }
    };
    // What the first requests set up, connections among it, is not the day's.
    stream::iter(0..EARLY).map(call).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    tokens.settled().await;
    let tasks = Handle::current().metrics();
    let (empty, tasks_before, files_before) = (resident(), tasks.num_alive_tasks(), open_files());
    let minutes = HOURS * 60;
    let (mut most, mut plateau, mut kept) = (0, Vec::new(), 0);
    for minute in 0..minutes {
        let arrive = size.users * minute / minutes..size.users * (minute + 1) / minutes;
        // Who came in the last ten minutes calls once more, and everybody calls twice.
        let before = size.users * minute.saturating_sub(10) / minutes;
        let come_back = (before..arrive.start).step_by(10);
        let users = come_back.chain(arrive.clone()).chain(arrive).map(|user| EARLY + user);
        stream::iter(users).map(call).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        clock.advance(Duration::from_secs(60));
        kept = kept.max(tokens.cache_statistics().bytes);
        most = most.max(resident().unwrap_or_default());
        if minute % 60 == 59 {
            plateau.push(resident().unwrap_or_default());
        }
    }
    tokens.settled().await;
    let held = tokens.cache_statistics();
    let grown = most.saturating_sub(empty.unwrap_or_default());
    let early = plateau.get(2..6).unwrap_or_default().iter().max().copied().unwrap_or_default();
    let late = plateau.get(20..).unwrap_or_default().iter().max().copied().unwrap_or_default();
    let (tasks_after, files_after) = (tasks.num_alive_tasks(), open_files());
    let mib = |bytes: usize| format!("{:.1} MiB", to_f64(bytes) / to_f64(1024 * 1024));
    Ok(vec![
        Reading {
            name: "the cache's own count, at its most",
            figure: format!("{}; {} evicted", mib(kept), held.evicted),
            limit: mib(size.budget),
            holds: kept <= size.budget,
        },
        Reading {
            name: "memory of the process, more than before",
            figure: mib(grown),
            // What an allocator holds ready, whatever the budget.
            limit: format!("{} + 10 % + 4 MiB", mib(size.budget)),
            holds: grown <= size.budget / 10 * 11 + 4 * 1024 * 1024,
        },
        Reading {
            name: "memory, hours 21 to 24 against hours 3 to 6",
            figure: format!("{} against {}", mib(late), mib(early)),
            limit: String::from("+ 5 %"),
            holds: late <= early / 20 * 21,
        },
        Reading {
            name: "tasks, at rest",
            figure: format!("{tasks_after}; before {tasks_before}"),
            // Each connection has a task on either side.
            limit: format!("{tasks_before} + {}", 4 * AT_ONCE),
            holds: tasks_after <= tasks_before + 4 * AT_ONCE,
        },
        Reading {
            name: "files and connections",
            figure: format!("{files_after:?}; before {files_before:?}"),
            limit: format!("before + {}", 2 * AT_ONCE),
            holds: files_after <= files_before.map(|before| before + 2 * AT_ONCE),
        },
    ])
}

/// Entries of an hour in a store that is a file; it cleans by the clock that we hold.
async fn sqlite(size: Size) -> Result<Vec<Reading>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tokens.db");
    let clock = Arc::new(ManualClock::default());
    let store = SqlStore::sqlite(file.to_str().context("a folder without a name")?)?
        .clock(Arc::clone(&clock) as _)
        .cleaning_interval(Duration::from_secs(1_800))
        .build()?;
    let key = |at: usize| StoreKey::digest([format!("user {at}")]);
    let slices = HOURS * 6;
    let mut sizes = Vec::new();
    for slice in 0..slices {
        let arrive = size.rows * slice / slices..size.rows * (slice + 1) / slices;
        let ends_at = clock.now() + Duration::from_secs(LIVES);
        for at in arrive.clone() {
            store.put(&key(at), StoredEntry::new(vec![0_u8; TOKEN], ends_at)).await?;
        }
        if let Some(at) = arrive.clone().next() {
            ensure!(store.get(&key(at)).await?.is_some(), "an entry is lost");
        }
        // What came an hour and a slice ago has ended, whether or not its row is there.
        if let Some(at) = slice.checked_sub(7).map(|slice| size.rows * slice / slices) {
            ensure!(store.get(&key(at)).await?.is_none(), "an entry is served after its end");
        }
        clock.advance(Duration::from_secs(600));
        // The cleaning is a task of its own.
        tokio::task::yield_now().await;
        if slice % 6 == 5 {
            let of = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |file| file.len());
            sizes.push(of("tokens.db"));
        }
    }
    let early = sizes.get(2..6).unwrap_or_default().iter().max().copied().unwrap_or_default();
    let late = sizes.get(20..).unwrap_or_default().iter().max().copied().unwrap_or_default();
    Ok(vec![Reading {
        name: "SQLite: the file, hours 21 to 24 against hours 3 to 6",
        figure: format!("{late} bytes against {early}; {} entries came", size.rows),
        limit: String::from("+ 10 %"),
        holds: late <= early / 10 * 11,
    }])
}

#[expect(clippy::cast_precision_loss, reason = "some gigabytes")]
fn to_f64(bytes: usize) -> f64 {
    bytes as f64
}

#[expect(clippy::print_stdout, reason = "the one place where the soak prints")]
fn say(text: &str) {
    println!("{text}");
}
