//! An application's header by request, out of caches of several sizes; one key is hot, as in life.

use std::sync::Arc;

use anyhow::{Context, Result};
use entra_abstractions::{AcquireToken, TenantId, TokenRequest};
use entra_token_acquisition::TokenAcquirer;
use foldhash::fast::RandomState;
use futures_util::{StreamExt, TryStreamExt, stream};
use papaya::HashMap;

use super::{
    contest::{Contest, Threads},
    endpoint::Endpoint,
    gate::Gate,
    report::say,
    stage::{Stage, acquirer, header, scopes, warm},
    turns::{Op, op},
};

const CLIENT: &str = "11111111-1111-4111-8111-111111111111";

/// So many requests are under way at a time while a cache is filled.
const AT_ONCE: usize = 64;

pub(super) async fn contests(stage: &Stage, most_entries: (usize, &'static str)) -> Result<Vec<Contest>> {
    let endpoint = Endpoint::start().await?;
    let mut contests = Vec::new();
    for (entries, size) in [(1, "1 entry"), (10_000, "10,000 entries"), most_entries] {
        let tokens = acquirer(&endpoint.url, "hot.example", CLIENT, "s3cret?%G&=")?;
        let request = TokenRequest::as_app(scopes()?);
        fill(&tokens, entries - 1).await?;
        warm(&tokens, &request).await?;
        let ours = op(move || header(tokens.acquire(&request)));
        let floor = floor(entries);
        for (threads, suffix) in [(Threads::One, ""), (Threads::Two, ", 2 threads")] {
            contests.push(Contest {
                name: format!("app, request, {size}{suffix}"),
                threads,
                gate: Gate::At(100.0),
                goal: Gate::At(60.0),
                ours: Arc::clone(&ours),
                floor: (
                    "papaya, foldhash: an Arc found by a text of 64 bytes, and cloned",
                    Arc::clone(&floor),
                ),
                peer: Some(("azure_identity 1.0, with 1 entry", Arc::clone(&stage.azure))),
            });
        }
    }
    Ok(contests)
}

/// One token for each of so many tenants, fetched as a user's program would: a million take a
/// minute, and the cache needs no door that only a bench would use.
async fn fill(tokens: &TokenAcquirer, count: usize) -> Result<()> {
    if count > 10_000 {
        say(&format!("filling a cache with {count} tokens, each by a request of its own on loopback .."));
    }
    let scopes = scopes()?;
    stream::iter(0..count)
        .map(|at| {
            let scopes = scopes.clone();
            async move {
                let tenant = TenantId::new(format!("5c0a7e11-3b1d-4c57-9e0f-{at:012}"))?;
                tokens
                    .acquire(&TokenRequest::as_app(scopes).tenant(tenant))
                    .await
                    .context("the cache cannot be filled")
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let held = tokens.cache_statistics().entries;
    anyhow::ensure!(held == count, "the cache holds {held} tokens instead of {count}");
    Ok(())
}

fn floor(entries: usize) -> Op {
    let map = HashMap::builder().hasher(RandomState::default()).build();
    let name = |at: usize| format!("{at:064}");
    for at in 0..entries {
        map.pin().insert(name(at), Arc::new(at));
    }
    let hot = name(entries / 2);
    op(move || map.pin().get(&hot).map(Arc::clone))
}
