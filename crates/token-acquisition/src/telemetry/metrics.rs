//! What is counted and measured, for OpenTelemetry: instruments of the meter that the builder was
//! given. Without a meter nothing is.
//!
//! A hit only adds one to a number that few threads share; the meter reads it when it collects.

mod store;

use std::{
    fmt,
    slice::from_ref,
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use entra_abstractions::ClientId;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};

use crate::{
    acquirer::{Engine, TokenAcquirer},
    cache::{AnsweredBy, Reason, place},
    credential::CertificateFacts,
};

/// What the builder was given.
pub(crate) type Meters = Option<Meter>;

/// The instruments of one engine and its agents; nothing without a meter.
pub(crate) struct Metrics(Option<Box<Instruments>>);

struct Instruments {
    client: KeyValue,
    lookups: Lookups,
    requests: Counter<u64>,
    duration: Histogram<f64>,
    refreshes: Counter<u64>,
    stale: Counter<u64>,
    left: Histogram<f64>,
}

/// The semantic conventions' buckets for requests over HTTP.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Of the life that is left to a token.
const LIFE: &[f64] = &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0];

impl Metrics {
    pub(crate) fn of(meters: &Meters, client: &ClientId) -> Self {
        Self(meters.as_ref().map(|meter| {
            Box::new(Instruments {
                client: KeyValue::new("entra.client_id", client.to_string()),
                lookups: Lookups::default(),
                requests: meter
                    .u64_counter("entra.token.requests")
                    .with_unit("{request}")
                    .with_description(
                        "Requests to token endpoints, by grant and by who must act on the outcome",
                    )
                    .build(),
                duration: meter
                    .f64_histogram("entra.token.request.duration")
                    .with_unit("s")
                    .with_description("How long token endpoints took, a repetition included")
                    .with_boundaries(SECONDS.to_vec())
                    .build(),
                refreshes: meter
                    .u64_counter("entra.token.refreshes")
                    .with_unit("{refresh}")
                    .with_description("Refreshes behind a valid token, by outcome")
                    .build(),
                stale: meter
                    .u64_counter("entra.token.stale_serves")
                    .with_unit("{token}")
                    .with_description("Tokens served after the next one could not be had")
                    .build(),
                left: meter
                    .f64_histogram("entra.token.stale_serve.remaining")
                    .with_unit("s")
                    .with_description("Life left to tokens that were served stale")
                    .with_boundaries(LIFE.to_vec())
                    .build(),
            })
        }))
    }

    /// Whether anything is counted.
    pub(crate) fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A fresh token is served.
    #[inline]
    pub(crate) fn fresh(&self) {
        if let Some(instruments) = &self.0 {
            instruments.lookups.fresh();
        }
    }

    /// A call is answered in another way than by a fresh token.
    pub(crate) fn asked(&self, by: AnsweredBy, reason: Reason) {
        if let Some(instruments) = &self.0 {
            instruments.lookups.count(by, reason);
        }
    }

    /// A token is served after the next one could not be had.
    pub(crate) fn stale(&self, left: Duration) {
        if let Some(Instruments { client, stale, left: remaining, .. }) = self.0.as_deref() {
            stale.add(1, from_ref(client));
            remaining.record(left.as_secs_f64(), from_ref(client));
        }
    }

    /// A token endpoint was asked.
    pub(crate) fn requested(&self, grant: &'static str, host: &str, outcome: &'static str, took: Duration) {
        if let Some(Instruments { client, requests, duration, .. }) = self.0.as_deref() {
            let attributes = [
                client.clone(),
                KeyValue::new("entra.grant", grant),
                KeyValue::new("entra.outcome", outcome),
                KeyValue::new("server.address", host.to_owned()),
            ];
            requests.add(1, &attributes);
            duration.record(took.as_secs_f64(), &attributes);
        }
    }

    /// A flight behind a valid token has landed.
    pub(crate) fn refreshed(&self, outcome: &'static str) {
        if let Some(Instruments { client, refreshes, .. }) = self.0.as_deref() {
            refreshes.add(1, &[client.clone(), KeyValue::new("entra.outcome", outcome)]);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics({})", if self.are_on() { "on" } else { "off" })
    }
}

/// What a gauge reads.
type Reads = fn(&Engine) -> usize;

/// Registers what is read when the meter collects. It holds nothing alive.
#[expect(clippy::cast_possible_wrap, reason = "no cache has 2^63 tokens")]
pub(crate) fn observe(meters: &Meters, tokens: &TokenAcquirer) {
    let Some(meter) = meters else { return };
    let engine = tokens.downgrade();
    store::observe(meter, &engine);
    let gauges: [(&str, &str, &str, Reads); 3] = [
        ("entra.token.flights", "{flight}", "Tokens that are being fetched", |e| e.shared.flights.count()),
        ("entra.cache.entries", "{token}", "Tokens in the cache", |e| e.shared.cache.statistics().entries),
        ("entra.cache.size", "By", "Bytes that the cached tokens take, about", |e| {
            e.shared.cache.statistics().bytes
        }),
    ];
    for (name, unit, about, read) in gauges {
        let engine = engine.clone();
        meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_description(about)
            .with_callback(move |observer| {
                with(&engine, |engine, client| observer.observe(read(engine) as i64, from_ref(client)));
            })
            .build();
    }
    let evicted = engine.clone();
    meter
        .u64_observable_counter("entra.cache.evictions")
        .with_unit("{token}")
        .with_description("Tokens that had to go before their end, to keep within the budget")
        .with_callback(move |observer| {
            with(&evicted, |engine, client| {
                observer.observe(engine.shared.cache.statistics().evicted, from_ref(client));
            });
        })
        .build();
    let lookups = engine.clone();
    meter
        .u64_observable_counter("entra.token.lookups")
        .with_unit("{lookup}")
        .with_description("Calls for a token, by who answered and what memory had")
        .with_callback(move |observer| {
            with(&lookups, |engine, client| {
                let counted =
                    engine.shared.metrics.0.iter().flat_map(|instruments| instruments.lookups.read());
                for (by, reason, count) in counted {
                    let attributes = [
                        client.clone(),
                        KeyValue::new("entra.answered_by", by.as_str()),
                        KeyValue::new("entra.reason", reason.as_str()),
                    ];
                    observer.observe(count, &attributes);
                }
            });
        })
        .build();
    let skew = engine.clone();
    meter
        .f64_observable_gauge("entra.clock.skew")
        .with_unit("s")
        .with_description("How far this machine's clock and Entra's are apart")
        .with_callback(move |observer| {
            with(&skew, |engine, client| {
                observer.observe(engine.shared.wire.skew().as_secs_f64(), from_ref(client));
            });
        })
        .build();
    let ages: [(&str, &str, Tells); 2] = [
        (
            "entra.credential.expires_in",
            "How long a certificate of the application is valid; negative once it has expired",
            |certificate, now| seconds_between(now, certificate.expires_at),
        ),
        (
            "entra.credential.age",
            "How long ago a certificate of the application began to be valid",
            |certificate, now| seconds_between(certificate.valid_from, now),
        ),
    ];
    for (name, about, tells) in ages {
        let engine = engine.clone();
        meter
            .f64_observable_gauge(name)
            .with_unit("s")
            .with_description(about)
            .with_callback(move |observer| {
                with(&engine, |engine, client| {
                    let now = engine.shared.cache.now();
                    for credential in engine.credentials.report() {
                        let Some(certificate) = credential.certificate else { continue };
                        let attributes = [client.clone(), KeyValue::new("entra.credential", credential.at)];
                        observer.observe(tells(&certificate, now), &attributes);
                    }
                });
            })
            .build();
    }
}

/// What is told of a certificate at a time.
type Tells = fn(&CertificateFacts, SystemTime) -> f64;

/// Negative where the first comes later.
fn seconds_between(from: SystemTime, to: SystemTime) -> f64 {
    to.duration_since(from)
        .map_or_else(|before| -before.duration().as_secs_f64(), |after| after.as_secs_f64())
}

fn with(engine: &Weak<Engine>, observe: impl FnOnce(&Engine, &KeyValue)) {
    if let Some(engine) = engine.upgrade()
        && let Some(instruments) = &engine.shared.metrics.0
    {
        observe(&engine, &instruments.client);
    }
}

/// How often calls were answered by whom and why.
#[derive(Default)]
struct Lookups {
    /// Those by a fresh token, which are nearly all: threads write apart from each other.
    fresh: [Line; 8],
    others: [[AtomicU64; Reason::ALL.len()]; LEVELS.len()],
}

const LEVELS: [AnsweredBy; 4] =
    [AnsweredBy::Memory, AnsweredBy::Flight, AnsweredBy::Store, AnsweredBy::Entra];

/// A number alone on its cache line.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl Lookups {
    #[inline]
    fn fresh(&self) {
        if let Some(Line(count)) = self.fresh.get(place() % self.fresh.len()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(&self, by: AnsweredBy, reason: Reason) {
        let level = LEVELS.iter().position(|level| *level == by);
        let place = Reason::ALL.iter().position(|known| *known == reason);
        let counts = level.and_then(|level| self.others.get(level));
        if let Some(count) = counts.zip(place).and_then(|(counts, place)| counts.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> impl Iterator<Item = (AnsweredBy, Reason, u64)> {
        let fresh: u64 = self.fresh.iter().map(|Line(count)| count.load(Ordering::Relaxed)).sum();
        let others = LEVELS.iter().zip(&self.others).flat_map(|(level, counts)| {
            Reason::ALL
                .iter()
                .zip(counts)
                .map(|(reason, count)| (*level, *reason, count.load(Ordering::Relaxed)))
        });
        std::iter::once((AnsweredBy::Memory, Reason::Fresh, fresh))
            .chain(others)
            .filter(|(_, _, count)| *count > 0)
    }
}
