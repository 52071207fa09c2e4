//! `drill soak`: a day of a web API within minutes, by a clock that we hold. Users arrive and stay away
//! again, their tokens end; memory, connections, tasks and the rows of a store must not grow.
//!
//! What they are granted is written in advance and served on loopback: a million tokens that an
//! emulator signs would take the whole time, and nothing here looks at signatures.

mod memory;
mod redis;
mod sqlite;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use entra_abstractions::{AcquireToken, EncryptionKeys, Scopes, TokenRequest, UserAssertion};
use entra_token_acquisition::{Application, TokenAcquirer, TokenAcquirerBuilder};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;

use super::cache::KEY;
use crate::{
    bench::endpoint::{Endpoint, TENANT},
    process::open_files,
};

/// Lets a day pass in minutes, and looks whether anything grows.
///
/// A million users arrive within 24 hours, each calls a few times, and their tokens live for an hour;
/// once with level one alone, once with fewer of them and a file of SQLite that two instances share.
/// Redis has a clock of its own: with it, it is a minute. The exit code tells whether memory,
/// connections, tasks and rows stay flat.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Twenty thousand users instead of a million, and smaller caches: half a minute.
    #[arg(long)]
    quick: bool,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Of the day with level one alone.
    users: usize,
    budget: usize,
    /// Of the day with SQLite.
    rows: usize,
    /// Of each round with Redis, and for how many seconds there are rounds.
    round: usize,
    seconds: u64,
}

/// So many requests are under way at a time.
const AT_ONCE: usize = 64;
const HOURS: usize = 24;

/// Tasks and files of four connections: a client that waits for one that is in use opens another
/// meanwhile, and keeps both.
const SPARE: usize = 8;
const TOKEN: usize = 1_500;
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
        Size { users: 20_000, budget: 1024 * 1024, rows: 4_800, round: 100, seconds: 2 }
    } else {
        Size { users: 1_000_000, budget: 48 * 1024 * 1024, rows: 120_000, round: 500, seconds: 60 }
    };
    say("a day with level one alone ..");
    let mut readings = memory::soak(size).await?;
    say("a day of two instances that share a file of SQLite ..");
    readings.extend(sqlite::soak(size).await?);
    say("a while with two instances that share a Redis ..");
    readings.extend(redis::soak(size).await?);
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["", "reading", "limit", ""]);
    for Reading { name, figure, limit, holds } in &readings {
        table.add_row([*name, figure, limit, if *holds { "holds" } else { "fails" }]);
    }
    say(&table.to_string());
    let failed = readings.iter().filter(|reading| !reading.holds).count();
    say(&format!("{} hold, {failed} fail", readings.len() - failed));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn builder(endpoint: &Endpoint) -> Result<TokenAcquirerBuilder> {
    let application = Application::builder()
        .instance(&*endpoint.url)
        .tenant(TENANT)
        .client_id("11111111-1111-4111-8111-111111111111")
        .secret("s3cret?%G&=")
        .build()?;
    Ok(TokenAcquirer::builder(application))
}

fn keys() -> Result<EncryptionKeys> {
    Ok(EncryptionKeys::new(KEY)?)
}

/// These users call, and on behalf of each another API is called.
async fn call(tokens: &TokenAcquirer, users: impl IntoIterator<Item = usize>) -> Result<()> {
    let scopes = Scopes::try_from("api://orders/.default")?;
    stream::iter(users)
        .map(async |user| {
            let assertion = UserAssertion::new(format!("user.{user}.sig"))?;
            let request = TokenRequest::on_behalf_of(scopes.clone(), &assertion);
            let token = tokens.acquire(&request).await.context("no token came")?;
            ensure!(!token.authorization_header().is_empty(), "a token without a header");
            Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Opens as many connections to Entra as there will be: each has a task and a file on either side,
/// and whether so many are needed at a time is otherwise left to chance.
async fn connect(
    tokens: &TokenAcquirer,
    endpoint: &Endpoint,
    users: impl IntoIterator<Item = usize>,
) -> Result<()> {
    endpoint.together(AT_ONCE);
    let called = call(tokens, users).await;
    endpoint.together(1);
    called
}

/// What is open and at work at a time.
#[derive(Debug, Clone, Copy)]
struct Open {
    tasks: usize,
    files: Option<usize>,
}

impl Open {
    fn now() -> Self {
        Self { tasks: Handle::current().metrics().num_alive_tasks(), files: open_files() }
    }

    /// How much of it is more now than it was then.
    fn reading(self, name: &'static str) -> Reading {
        let Self { tasks, files } = Self::now();
        let told = |files: Option<usize>| files.map_or_else(|| "-".to_owned(), |files| files.to_string());
        Reading {
            name,
            figure: format!("{tasks}, {}; before {}, {}", told(files), self.tasks, told(self.files)),
            limit: format!("before + {SPARE}"),
            holds: tasks <= self.tasks + SPARE && files <= self.files.map(|before| before + SPARE),
        }
    }
}

/// The most of hours 3 to 6, and of hours 21 to 24.
fn early_and_late<T: Copy + Ord + Default>(hours: &[T]) -> (T, T) {
    let most = |hours: Option<&[T]>| hours.unwrap_or_default().iter().max().copied().unwrap_or_default();
    (most(hours.get(2..6)), most(hours.get(20..)))
}

fn mib(bytes: usize) -> String {
    let tenths = bytes / (1024 * 1024 / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[expect(clippy::print_stdout, reason = "the one place where the soak prints")]
fn say(text: &str) {
    println!("{text}");
}
