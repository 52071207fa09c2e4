//! What level one takes: bytes for each token it keeps, and what becomes of it when a million users
//! are pushed through a small budget.

use std::{thread, time::Instant};

use allocation_counter::measure;
use anyhow::{Context, Result, anyhow, ensure};
use entra_abstractions::{AcquireToken, TenantId, TokenRequest, UserAssertion};
use entra_token_acquisition::{Application, TokenAcquirer};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Builder;

use super::{
    endpoint::{Endpoint, TENANT},
    figure::{Figure, time},
    report::{Reading, say},
    stage::{header, scopes},
    turns::{self, op},
};
use crate::process::{at_work, resident};

const CLIENT: &str = "11111111-1111-4111-8111-111111111111";

/// So many requests are under way at a time.
const AT_ONCE: usize = 64;

/// So many bytes beside its text may a user's token take.
const MOST_BESIDE: f64 = 200.0;

/// What a million users are pushed through.
const BUDGET: usize = 64 * 1024 * 1024;

/// So many fetches one by one, of which some make room for many.
const SINGLE: usize = 5_000;

/// Nanoseconds that a fetch may keep the processor busy, whatever it has to make room for.
const LONGEST: f64 = 3e6;

/// For how long the tokens live: the whole measurement.
const LIVES: u64 = 86_399;

pub(super) async fn readings(users: (usize, &'static str)) -> Result<Vec<Reading>> {
    let entries = users.0.min(100_000);
    let mut readings = Vec::new();
    // First: what another had and gave back would not be seen to grow.
    readings.extend(push(users).await?);
    for length in [500, 1_500, 3_000] {
        let endpoint = Endpoint::of_users(length, LIVES).await?;
        readings.push(bytes_of(&endpoint, Whose::Users, length, entries).await?);
    }
    let endpoint = Endpoint::of_users(1_500, LIVES).await?;
    readings.push(bytes_of(&endpoint, Whose::Tenants, 1_500, entries).await?);
    Ok(readings)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// On behalf of as many users of one tenant.
    Users,
    /// The application's own in as many tenants.
    Tenants,
}

impl Whose {
    fn request(self, at: usize) -> Result<TokenRequest> {
        let scopes = scopes()?;
        Ok(match self {
            Self::Users => TokenRequest::on_behalf_of(scopes, &UserAssertion::new(format!("a.{at}.c"))?),
            Self::Tenants => TokenRequest::as_app(scopes)
                .tenant(TenantId::new(format!("5c0a7e11-3b1d-4c57-9e0f-{at:012}"))?),
        })
    }

    async fn fetch(self, tokens: &TokenAcquirer, which: std::ops::Range<usize>) -> Result<()> {
        stream::iter(which)
            .map(async |at| {
                // As in life: the header is made and let go.
                let token = tokens.acquire(&self.request(at)?).await.context("no token came")?;
                drop(token.authorization_header());
                anyhow::Ok(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }
}

fn acquirer(endpoint: &Endpoint, budget: usize) -> Result<TokenAcquirer> {
    let application = Application::builder()
        .instance(&*endpoint.url)
        .tenant(TENANT)
        .client_id(CLIENT)
        .secret("s3cret?%G&=")
        .build()?;
    Ok(TokenAcquirer::builder(application).cache_budget(budget).build()?)
}

/// The bytes that the program asked its allocator for and still has, for each token more: counted, on
/// a thread of its own where nothing else is allocated.
async fn bytes_of(endpoint: &Endpoint, whose: Whose, length: usize, entries: usize) -> Result<Reading> {
    let tokens = acquirer(endpoint, usize::MAX)?;
    let counted = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(whose.fetch(&tokens, 0..1_000))?;
        let mut result = Ok(());
        let counted = measure(|| result = runtime.block_on(whose.fetch(&tokens, 1_000..1_000 + entries)));
        result?;
        let held = tokens.cache_statistics();
        ensure!(held.entries == 1_000 + entries, "the cache holds {} tokens", held.entries);
        anyhow::Ok((counted.bytes_current, held.bytes))
    })
    .await??;
    #[expect(clippy::cast_precision_loss, reason = "some gigabytes")]
    let (each, told) = (counted.0 as f64 / entries as f64, counted.1 as f64 / (1_000 + entries) as f64);
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let beside = each - length as f64;
    let (name, most) = match whose {
        Whose::Users => ("on behalf of, a user each", MOST_BESIDE),
        // A tenant's name, and all that follows from it, is its own.
        Whose::Tenants => ("app, a tenant each", f64::INFINITY),
    };
    let beside_is = if most.is_finite() { format!("+{most:.0}; ") } else { String::new() };
    Ok(Reading {
        name: format!("bytes of a token of {length}, {name}"),
        figure: format!("{each:.0} ({beside:+.0}); the cache counts {told:.0}"),
        gate: format!("{beside_is}counts as much"),
        // An allocator rounds up, so more is taken than was asked for, and counted.
        holds: beside <= most && told >= each,
    })
}

/// Users who come once, while one key is hot.
async fn push(users: (usize, &'static str)) -> Result<Vec<Reading>> {
    say(&format!("pushing {} users through a cache of 64 MiB, each by a request on loopback ..", users.1));
    let endpoint = Endpoint::of_users(1_500, LIVES).await?;
    let tokens = acquirer(&endpoint, BUDGET)?;
    // On a thread of its own, so that what a fetch costs can be told from what the machine does.
    tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(push_through(&tokens, users))
    })
    .await?
}

async fn push_through(
    tokens: &TokenAcquirer,
    (users, how_many): (usize, &'static str),
) -> Result<Vec<Reading>> {
    let hot = TokenRequest::as_app(scopes()?);
    tokens.acquire(&hot).await?;
    Whose::Users.fetch(tokens, 0..1_000).await?;
    let (before, empty) = (hit_time(tokens, &hot)?, resident());
    let began = now();
    let mut most = 0;
    // By so many that the hot key is used in between, and the memory seen at its most.
    for from in (1_000..users).step_by(5_000) {
        Whose::Users.fetch(tokens, from..(from + 5_000).min(users)).await?;
        ensure!(header(tokens.acquire(&hot)), "the hot token had to go");
        most = most.max(resident().unwrap_or_default());
    }
    let took = now() - began;
    let after = hit_time(tokens, &hot)?;
    let held = tokens.cache_statistics();
    let mut single = Vec::with_capacity(SINGLE);
    for user in users..users + SINGLE {
        let begin = at_work();
        Whose::Users.fetch(tokens, user..user + 1).await?;
        single.extend(at_work().zip(begin).map(|(end, begin)| end.saturating_sub(begin).as_secs_f64() * 1e9));
    }
    let single = Figure::of(single);
    let name = |what: &str| format!("{how_many} users through 64 MiB: {what}");
    let mebibytes = |bytes: usize| bytes / (1024 * 1024);
    let grown = most.saturating_sub(empty.unwrap_or_default());
    Ok(vec![
        Reading {
            name: name("a hit, after"),
            figure: format!("{after}; before {before}"),
            gate: String::from("before + 25 %"),
            holds: after.median <= before.median * 1.25,
        },
        Reading {
            name: name("memory of the process, more than before"),
            figure: format!("{} MiB", mebibytes(grown)),
            gate: String::from("budget + 10 %"),
            holds: grown <= BUDGET / 10 * 11,
        },
        Reading {
            name: name("kept, evicted"),
            figure: format!("{} ({} MiB), {}", held.entries, mebibytes(held.bytes), held.evicted),
            gate: String::from("within the budget"),
            holds: held.bytes <= BUDGET && held.evicted > 0,
        },
        Reading {
            name: name("a fetch while others go, the processor's time"),
            figure: single.map(|single| single.to_string()).unwrap_or_default(),
            gate: time(LONGEST),
            holds: single.is_none_or(|single| single.worst <= LONGEST),
        },
        Reading {
            name: name("users a second"),
            #[expect(clippy::cast_precision_loss, reason = "a million")]
            figure: format!("{:.0}", users as f64 / took.as_secs_f64()),
            gate: String::new(),
            holds: true,
        },
    ])
}

fn hit_time(tokens: &TokenAcquirer, request: &TokenRequest) -> Result<Figure> {
    let (tokens, request) = (tokens.clone(), request.clone());
    let hit = op(move || header(tokens.acquire(&request)));
    let samples =
        thread::spawn(move || turns::alone(&[&hit], 300)).join().map_err(|_panic| anyhow!("it panicked"))?;
    samples.into_iter().next().and_then(Figure::of).context("no round was made")
}

#[expect(clippy::disallowed_methods, reason = "this is what a stopwatch is")]
fn now() -> Instant {
    Instant::now()
}
