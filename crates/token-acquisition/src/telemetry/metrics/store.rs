//! What is measured of the store that instances share: read from its counts when the meter collects.

use std::{
    slice::from_ref,
    sync::{Weak, atomic::Ordering},
};

use opentelemetry::{KeyValue, metrics::Meter};

use super::with;
use crate::{
    acquirer::Engine,
    second_level::{Counts, SecondLevel},
};

/// The words of a tally, each with its number.
type Tallied = fn(&Counts) -> Vec<(&'static str, u64)>;

/// What a gauge reads.
type Reads = fn(&SecondLevel) -> i64;

#[expect(clippy::cast_possible_wrap, reason = "no queue has 2^63 entries")]
pub(super) fn observe(meter: &Meter, engine: &Weak<Engine>) {
    let tallies: [(&str, &str, &str, &str, Tallied); 5] = [
        (
            "entra.store.lookups",
            "{lookup}",
            "Looks at the shared store for a token, by what was found",
            "entra.found",
            |counts| counts.looks.read().collect(),
        ),
        (
            "entra.store.writes",
            "{write}",
            "Writes to the shared store, behind the calls",
            "entra.outcome",
            |counts| counts.writes.read().collect(),
        ),
        (
            "entra.store.leases",
            "{lease}",
            "Tries to fetch a token for all instances",
            "entra.outcome",
            |counts| counts.leases.read().collect(),
        ),
        ("entra.store.outages", "{outage}", "How often the shared store went away", "entra.side", |counts| {
            counts.away.read().collect()
        }),
        ("entra.store.recoveries", "{recovery}", "How often it came back", "entra.side", |counts| {
            counts.back.read().collect()
        }),
    ];
    for (name, unit, about, attribute, tallied) in tallies {
        let engine = engine.clone();
        meter
            .u64_observable_counter(name)
            .with_unit(unit)
            .with_description(about)
            .with_callback(move |observer| {
                with_store(&engine, |level, client| {
                    for (word, count) in tallied(level.counts()).into_iter().filter(|(_, count)| *count > 0) {
                        observer.observe(count, &[client.clone(), KeyValue::new(attribute, word)]);
                    }
                });
            })
            .build();
    }
    let gauges: [(&str, &str, &str, Reads); 3] = [
        ("entra.store.away", "{store}", "1 while the shared store is not waited for", |level| {
            i64::from(level.is_away())
        }),
        ("entra.store.queue.entries", "{entry}", "What waits to be written", |level| {
            level.waiting().0 as i64
        }),
        ("entra.store.queue.size", "By", "The bytes that it takes, about", |level| level.waiting().1 as i64),
    ];
    for (name, unit, about, read) in gauges {
        let engine = engine.clone();
        meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_description(about)
            .with_callback(move |observer| {
                with_store(&engine, |level, client| observer.observe(read(level), from_ref(client)));
            })
            .build();
    }
    let engine = engine.clone();
    meter
        .u64_observable_counter("entra.store.queue.dropped")
        .with_unit("{entry}")
        .with_description("What was never written, because there was no room for it")
        .with_callback(move |observer| {
            with_store(&engine, |level, client| {
                observer.observe(level.counts().dropped.load(Ordering::Relaxed), from_ref(client));
            });
        })
        .build();
}

fn with_store(engine: &Weak<Engine>, observe: impl FnOnce(&SecondLevel, &KeyValue)) {
    with(engine, |engine, client| {
        if let Some(level) = &engine.shared.second_level {
            observe(level, client);
        }
    });
}
