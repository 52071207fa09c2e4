//! A day of level one alone: a million users arrive, each calls a few times, and their tokens end.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use entra_abstractions::testing::ManualClock;

use super::{AT_ONCE, HOURS, LIVES, Open, Reading, Size, TOKEN, builder, call, connect, early_and_late, mib};
use crate::{bench::endpoint::Endpoint, process::resident};

/// Users who come before the day begins.
const EARLY: usize = 2 * AT_ONCE;

/// Users on whose behalf a web API calls another.
pub(super) async fn soak(size: Size) -> Result<Vec<Reading>> {
    let clock = Arc::new(ManualClock::default());
    let endpoint = Endpoint::of_users(TOKEN, LIVES).await?;
    let tokens = builder(&endpoint)?.clock(Arc::clone(&clock) as _).cache_budget(size.budget).build()?;
    // What the first requests set up, connections among it, is not the day's.
    connect(&tokens, &endpoint, 0..EARLY).await?;
    tokens.settled().await;
    let (empty, before) = (resident(), Open::now());
    let minutes = HOURS * 60;
    let (mut most, mut plateau, mut kept) = (0, Vec::new(), 0);
    for minute in 0..minutes {
        let arrive = size.users * minute / minutes..size.users * (minute + 1) / minutes;
        // Who came in the last ten minutes calls once more, and everybody calls twice.
        let before = size.users * minute.saturating_sub(10) / minutes;
        let come_back = (before..arrive.start).step_by(10);
        let users = come_back.chain(arrive.clone()).chain(arrive).map(|user| EARLY + user);
        call(&tokens, users).await?;
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
    let (early, late) = early_and_late(&plateau);
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
        before.reading("tasks, files and connections, at rest"),
    ])
}
