//! One outage: calm, broken, mended, with the load going on all the while.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use entra_abstractions::{SessionKey, TokenError, UserAssertion};
use entra_emulator::{Emulator, ids};
use futures_util::future::{join_all, try_join};
use tokio::time::{Instant, interval, sleep_until};

use super::{
    Effort,
    instance::Instance,
    load::{Crew, Load, Sample},
    stand::{Fault, Stand},
};

/// How many keys only the second instance asks for, and only afterwards.
const RESERVE: usize = 100;
const SESSIONS: usize = 3;

/// How long the store may take until somebody stops waiting for it to be found again.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of it.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) store: &'static str,
    pub(super) fault: Fault,
    pub(super) acquisitions: usize,
    pub(super) failures: Vec<String>,
    /// From the fault to the moment at which nobody waits for the store any more.
    pub(super) noticed_in: Option<Duration>,
    /// What the unluckiest caller waited for a key that nobody had.
    pub(super) worst: Option<Duration>,
    /// The calls for such keys while the store was taken for away; where reads are answered all the
    /// while, during the whole outage.
    pub(super) calls: Vec<Sample>,
    pub(super) recovered_in: Option<Duration>,
    pub(super) sessions: Sessions,
}

/// What became of sessions that had begun before.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Went on during the outage.
    pub(super) served: usize,
    /// Were told that the store of sessions is away.
    pub(super) told: usize,
    /// Were told something else, during the outage or afterwards.
    pub(super) lost: Vec<String>,
}

/// Drills one fault.
pub(super) async fn drill(
    emulator: &Emulator,
    stand: &Stand,
    fault: Fault,
    effort: Effort,
) -> Result<Outage> {
    let name = format!("{} {}", stand.kind.name(), fault.name());
    emulator.log().clear();
    let crew = Arc::new(Crew {
        first: Instance::sharing(emulator, stand.store()?, |store| store)?,
        second: Instance::sharing(emulator, stand.store()?, |store| store)?,
        alone: Instance::alone(emulator)?,
    });
    let sessions = prepare(emulator, &crew, &name).await?;
    let load = Load::begin(&crew, &name);
    let began = Instant::now();
    while began.elapsed() < PATIENCE && crew.second.hits() == 0 {
        wait(effort.calm).await;
    }
    ensure!(crew.second.hits() > 0, "{name}: the store is not used at all");
    wait(effort.calm).await;

    let broken_at = Instant::now();
    stand.break_by(fault).await?;
    let until = broken_at + effort.outage;
    let noticed = async {
        let gone_at = given_up(&crew, fault, until).await;
        Ok((gone_at, during(&crew, &sessions).await))
    };
    let mended = async {
        if fault != Fault::FailOver {
            sleep_until(until).await;
        }
        let mended_at = stand.mend(fault).await?;
        anyhow::Ok((mended_at, recover(&crew, &name, fault, mended_at).await?))
    };
    let ((gone_at, told), (mended_at, recovered_in)) = try_join(noticed, mended).await?;
    let sessions = after(&crew, &sessions, told).await;
    wait(effort.after).await;
    let (acquisitions, seen) = load.end().await?;
    crew.first.tokens.settled().await;
    Ok(Outage {
        store: stand.kind.name(),
        fault,
        acquisitions,
        worst: seen.during(broken_at, mended_at).iter().map(|sample| sample.sharing).max(),
        calls: seen.during(gone_at.unwrap_or(broken_at), mended_at),
        failures: seen.failures,
        noticed_in: gone_at.map(|at| at - broken_at),
        recovered_in,
        sessions,
    })
}

/// Keys that the store has and the second instance has not, and sessions that have begun.
async fn prepare(emulator: &Emulator, crew: &Crew, name: &str) -> Result<Vec<SessionKey>> {
    for number in 0..RESERVE {
        crew.first.ask(&reserve(name, number)).await.context("before anything was broken")?;
    }
    let scope = format!("api://{}/access_as_user", ids::API);
    let user = UserAssertion::new(emulator.user_token("alice", &scope))?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let key = SessionKey::allocate();
        crew.first.begin(&user, &key).await.context("a session cannot begin")?;
        sessions.push(key);
    }
    crew.first.tokens.settled().await;
    Ok(sessions)
}

fn reserve(name: &str, number: usize) -> String {
    format!("{name} reserve {number}")
}

/// When both instances had given the store up.
async fn given_up(crew: &Crew, fault: Fault, until: Instant) -> Option<Instant> {
    if fault.leaves_reads() {
        return None;
    }
    let mut looks = interval(Duration::from_millis(5));
    while Instant::now() < until {
        looks.tick().await;
        if crew.first.has_given_up() && crew.second.has_given_up() {
            return Some(Instant::now());
        }
    }
    None
}

async fn during(crew: &Crew, sessions: &[SessionKey]) -> Sessions {
    let mut seen = Sessions::default();
    for result in join_all(sessions.iter().map(|session| crew.first.go_on(session))).await {
        match result {
            Ok(()) => seen.served += 1,
            Err(TokenError::Unavailable(error)) if error.store().is_some() => seen.told += 1,
            Err(error) => seen.lost.push(error.in_short().to_string()),
        }
    }
    seen
}

/// Each of them goes on, on another instance.
async fn after(crew: &Crew, sessions: &[SessionKey], mut seen: Sessions) -> Sessions {
    for session in sessions {
        if let Err(error) = crew.second.go_on(session).await {
            seen.lost.push(error.in_short().to_string());
        }
    }
    seen
}

/// How long it takes until the store has what is asked for again: what it had before, or, where only
/// writes were refused, what is new.
async fn recover(crew: &Crew, name: &str, fault: Fault, mended_at: Instant) -> Result<Option<Duration>> {
    let mut turns = interval(Duration::from_millis(10));
    for number in 0.. {
        turns.tick().await;
        if mended_at.elapsed() > PATIENCE {
            break;
        }
        let before = crew.second.hits();
        if fault.leaves_reads() {
            let fresh = |number: usize| format!("{name} after {number}");
            crew.first.ask(&fresh(number)).await?;
            // Time for a write.
            if let Some(number) = number.checked_sub(5) {
                crew.second.ask(&fresh(number)).await?;
            }
        } else {
            crew.second.ask(&reserve(name, number % RESERVE)).await?;
        }
        if crew.second.hits() > before {
            return Ok(Some(mended_at.elapsed()));
        }
    }
    Ok(None)
}

async fn wait(time: Duration) {
    sleep_until(Instant::now() + time).await;
}
