//! Outages by script: connections refused and reset, 5xx, throttling, hanging and foreign answers,
//! one after the other, for a minute, ten, and three quarters of an hour of virtual time.
//!
//! While a token is valid no call fails. Behind it goes at most one flight for each key and back-off
//! window; whoever has no valid token gets a flight of their own key, so that the first call after
//! Entra's return succeeds.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use entra_abstractions::{AcquireToken, Clock, HttpSettings, Parameter, TokenRequest};
use entra_emulator::{Directory, Fault, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use futures_util::future::join_all;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::kit::{Kit, ORDERS, READ, as_app, builder, scopes, who};

/// A line to the emulator that can be cut, so that connections are refused.
struct Line {
    port: u16,
    emulator: String,
    open: Option<JoinSet<()>>,
}

impl Line {
    async fn to(kit: &Kit) -> Self {
        let emulator = kit.emulator.base_url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut line = Self { port: 0, emulator, open: None };
        line.mend().await;
        line
    }

    async fn mend(&mut self) {
        if self.open.is_some() {
            return;
        }
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let emulator = self.emulator.replace("localhost", "127.0.0.1");
        let mut open = JoinSet::new();
        open.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let emulator = emulator.clone();
                calls.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(emulator).await {
                        copy_bidirectional(&mut near, &mut far).await.ok();
                    }
                });
            }
        });
        self.open = Some(open);
    }

    async fn cut(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.shutdown().await;
        }
    }
}

/// What is wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Refused,
    Reset,
    CutOff,
    Fails(u16),
    Throttles,
    Page,
    Hangs,
}

const TROUBLES: [Trouble; 9] = [
    Trouble::Fails(503),
    Trouble::Refused,
    Trouble::Reset,
    Trouble::Page,
    Trouble::Throttles,
    Trouble::Fails(500),
    Trouble::Refused,
    Trouble::CutOff,
    Trouble::Hangs,
];

/// Who asks, and what they have.
struct Asker {
    name: String,
    request: TokenRequest,
    good_until: SystemTime,
    /// When the last flight behind a good token was made.
    flown_at: Option<SystemTime>,
}

struct Stage {
    kit: Kit,
    line: Line,
    tokens: TokenAcquirer,
    askers: Vec<Asker>,
    /// Tokens that were had, calls that failed, flights that failed behind a good token.
    granted: usize,
    failed: usize,
    behind: usize,
}

const STEP: u64 = 10;

impl Stage {
    async fn set(directory: Directory) -> Self {
        let kit = Kit::with(directory);
        let line = Line::to(&kit).await;
        let application = Application::builder()
            .instance(format!("http://127.0.0.1:{}", line.port))
            .tenant(ids::TENANT)
            .client_id(ids::API)
            .secret(ids::API_SECRET)
            .build()
            .unwrap();
        let tokens = builder(application, kit.clock.clone() as _)
            .http(HttpSettings::default().timeout(Duration::from_secs(2)))
            .build()
            .unwrap();
        let mut askers = Vec::new();
        for number in 0..12 {
            let name = format!(r#"{{"asker":{number}}}"#);
            let request = match number % 3 {
                // Users' tokens end with those that the users called with, unless these live long.
                0 => TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")),
                _ => as_app(ORDERS),
            };
            let request = request.parameter(Parameter::attributes(&name).unwrap());
            askers.push(Asker { name, request, good_until: SystemTime::UNIX_EPOCH, flown_at: None });
        }
        Self { kit, line, tokens, askers, granted: 0, failed: 0, behind: 0 }
    }

    /// Everybody asks, three at a time; then time goes on.
    async fn step(&mut self, trouble: Option<Trouble>, asking: usize) {
        let now = self.kit.clock.now();
        self.kit.emulator.log().clear();
        let calls = self.askers.iter().take(asking).map(|asker| {
            let tokens = &self.tokens;
            join_all((0..3).map(|_| tokens.acquire(&asker.request)))
        });
        let results = join_all(calls).await;
        self.tokens.settled().await;
        let mut sent: HashMap<String, usize> = HashMap::new();
        for entry in self.kit.sent() {
            *sent.entry(entry.field("attributes").unwrap_or_default().to_owned()).or_default() += 1;
        }
        for (asker, results) in self.askers.iter_mut().zip(results) {
            let had_one = now < asker.good_until;
            let attempts = sent.get(&asker.name).copied().unwrap_or_default();
            assert!(
                attempts <= 2,
                "one flight is at most two tries: {attempts} of {} in {trouble:?}",
                asker.name
            );
            for result in results {
                match result {
                    Ok(token) => {
                        self.granted += 1;
                        asker.good_until = token.expires_at() - Duration::from_secs(6);
                    }
                    Err(error) => {
                        self.failed += 1;
                        assert!(!had_one, "{} had a valid token in {trouble:?}: {error}", asker.name);
                        assert!(trouble.is_some() || waits(&error), "Entra is back: {error}");
                        assert_eq!(who(&error), "nobody", "{error}");
                        // Whoever has nothing always gets a flight, unless Entra itself asked to wait.
                        let seen = attempts > 0 || trouble == Some(Trouble::Refused);
                        assert!(
                            seen || waits(&error),
                            "{} got no flight in {trouble:?}: {error}",
                            asker.name
                        );
                    }
                }
            }
            if had_one && attempts > 0 {
                let apart = asker.flown_at.and_then(|at| now.duration_since(at).ok());
                let apart = apart.unwrap_or(Duration::MAX);
                assert!(apart >= Duration::from_secs(30), "{} flew {apart:?} ago", asker.name);
                asker.flown_at = Some(now);
                self.behind += usize::from(trouble.is_some());
            }
        }
        self.kit.advance(STEP);
    }

    async fn calm(&mut self, seconds: u64) {
        self.line.mend().await;
        self.kit.emulator.faults().clear();
        for _ in 0..seconds.div_ceil(STEP) {
            self.step(None, self.askers.len()).await;
        }
    }

    async fn outage(&mut self, seconds: u64) {
        let mut troubles = TROUBLES.iter().cycle();
        let mut trouble = Trouble::Refused;
        for step in 0..seconds.div_ceil(STEP) {
            if step % 3 == 0 {
                trouble = *troubles.next().unwrap();
                // To hang costs real time, so it happens once.
                if trouble == Trouble::Hangs && step > 60 {
                    trouble = Trouble::Reset;
                }
            }
            self.begin(trouble).await;
            self.step(Some(trouble), self.askers.len()).await;
        }
    }

    async fn begin(&mut self, trouble: Trouble) {
        if trouble == Trouble::Refused {
            return self.line.cut().await;
        }
        self.line.mend().await;
        let faults = self.kit.emulator.faults();
        faults.clear();
        faults.add(
            match trouble {
                Trouble::Refused | Trouble::Reset => Fault::reset(),
                Trouble::CutOff => Fault::cut_off(),
                Trouble::Fails(status) => Fault::status(status),
                Trouble::Throttles => Fault::throttle(Duration::from_secs(STEP)),
                Trouble::Page => Fault::html(),
                Trouble::Hangs => Fault::slow(Duration::from_secs(3_600)),
            }
            .always(),
        );
    }
}

fn waits(error: &entra_abstractions::TokenError) -> bool {
    error.exchange().is_some_and(|exchange| exchange.retry_after().is_some())
}

#[tokio::test]
async fn tokens_of_an_hour_outlive_short_outages_and_come_back_after_long_ones() {
    let mut directory = Directory::default();
    directory.lifetimes.access_token = 3_599;
    let mut stage = Stage::set(directory).await;
    // Their tokens end at different times.
    for asking in 1..=stage.askers.len() {
        stage.step(None, asking).await;
        stage.kit.advance(200);
    }
    for seconds in [60, 600, 2_700] {
        // The users call again, with tokens that last.
        let fresh = stage.kit.caller("alice");
        for asker in stage.askers.iter_mut().step_by(3) {
            let request = TokenRequest::on_behalf_of(scopes(READ), &fresh);
            asker.request = request.parameter(Parameter::attributes(&asker.name).unwrap());
            asker.good_until = SystemTime::UNIX_EPOCH;
        }
        stage.calm(40).await;
        let failed = stage.failed;
        stage.outage(seconds).await;
        if seconds <= 600 {
            assert_eq!(stage.failed, failed, "{seconds} s are bridged by every token");
        }
        // What Entra asked to wait is over; the first call of each has a token.
        stage.kit.advance(STEP);
        let failed = stage.failed;
        stage.calm(STEP).await;
        assert_eq!(stage.failed, failed, "recovery comes with the first call");
    }
    assert!(stage.granted > 5_000 && stage.behind > 0);
}

#[tokio::test]
async fn tokens_of_a_day_outlive_three_quarters_of_an_hour() {
    let mut directory = Directory::default();
    directory.lifetimes.access_token = 86_400;
    let mut stage = Stage::set(directory).await;
    stage.calm(STEP).await;
    // An hour before their end the next ones are asked for, in vain for the next 45 minutes.
    stage.kit.advance(86_400 - 3_300);
    stage.outage(2_700).await;
    assert_eq!(stage.failed, 0);
    // After 30 s, then longer and longer apart, up to five minutes: at most twelve times each.
    assert!((1..=12 * stage.askers.len()).contains(&stage.behind), "{} flights", stage.behind);
    stage.kit.advance(300);
    stage.calm(STEP).await;
    assert_eq!(stage.failed, 0);
}
