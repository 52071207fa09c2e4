//! Kills an instance in the middle of its writes, again and again, and reads what it left behind.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result};
use entra_abstractions::{Clock, EncryptionKeys, Kept, SharedStore, StoreKey, StoredEntry, SystemClock};
use futures_util::future::try_join_all;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, sleep_until},
};

use super::{
    instance::KEY,
    stand::{Kind, Stand, open},
    table::say,
};

/// Each of them is written over and over.
const RECORDS: u32 = 64;

const LIFE: Duration = Duration::from_secs(3_600);

/// So many instances write at a time, until all of them were killed.
const INSTANCES: usize = 8;

/// So many writes of each are under way at a time.
const AT_ONCE: u32 = 4;

/// What the child that is to be killed is told.
#[derive(Debug, clap::Args)]
pub(crate) struct KeepWriting {
    #[arg(long, value_enum)]
    kind: Kind,
    #[arg(long)]
    address: String,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Crash {
    pub(super) store: &'static str,
    pub(super) kills: usize,
    pub(super) read: usize,
    pub(super) corrupt: usize,
    pub(super) took: Duration,
}

/// Kills so many children, and reads all records after every few.
pub(super) async fn drill(stand: &Stand, kills: usize) -> Result<Crash> {
    let began = Instant::now();
    let store = shared(stand.kind, &stand.address())?;
    let mut crash = Crash { store: stand.kind.name(), kills, read: 0, corrupt: 0, took: Duration::ZERO };
    for first in (1..=kills).step_by(INSTANCES) {
        let rounds = first..(first + INSTANCES).min(kills + 1);
        try_join_all(rounds.map(|round| kill_one(stand, round))).await?;
        let (read, corrupt) = look(&store).await?;
        crash.read += read;
        crash.corrupt += corrupt;
    }
    crash.took = began.elapsed();
    Ok(crash)
}

async fn kill_one(stand: &Stand, round: usize) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["drill", "keep-writing", "--address", &stand.address(), "--kind"])
        .arg(stand.kind.name().to_ascii_lowercase())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("this program cannot be started again")?;
    // It says that its first record is kept; then it is killed at some other moment each time.
    let output = child.stdout.take().context("the child says nothing")?;
    let said = BufReader::new(output).lines().next_line().await?;
    anyhow::ensure!(said.is_some(), "the child ended before it wrote");
    let micros = u64::try_from(round * 7_919 % 20_000)?;
    sleep_until(Instant::now() + Duration::from_micros(micros)).await;
    child.kill().await?;
    Ok(())
}

/// Reads each record: how many are there, and how many of them are not as they were written.
async fn look(store: &SharedStore) -> Result<(usize, usize)> {
    let (mut read, mut corrupt) = (0, 0);
    for record in 0..RECORDS {
        match store.get(&key(record)).await? {
            Kept::Entry(entry) => {
                read += 1;
                corrupt += usize::from(!is_whole(record, entry.bytes()));
            }
            Kept::Unreadable(_) => corrupt += 1,
            Kept::Nothing => {}
        }
    }
    Ok((read, corrupt))
}

/// The child: writes until it is killed.
pub(crate) async fn keep_writing(arguments: KeepWriting) -> Result<std::process::ExitCode> {
    let store = shared(arguments.kind, &arguments.address)?;
    write(&store, 0, 0).await?;
    say("writing");
    let writers = (0..AT_ONCE).map(|writer| {
        let store = store.clone();
        async move {
            for turn in 0_u32.. {
                let record = (turn.wrapping_mul(AT_ONCE) + writer) % RECORDS;
                write(&store, record, turn).await?;
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    try_join_all(writers).await?;
    Ok(std::process::ExitCode::SUCCESS)
}

/// A record says which one it is, over and over, and how long it is; a token has some kilobytes.
async fn write(store: &SharedStore, record: u32, turn: u32) -> Result<()> {
    let length = 500 + (turn * 997 % 6_000);
    let bytes: Vec<u8> = std::iter::once(length)
        .chain(std::iter::repeat_n(record, usize::try_from(length)?))
        .flat_map(u32::to_be_bytes)
        .collect();
    let until = SystemClock.now() + LIFE;
    Ok(store.put(&key(record), &StoredEntry::new(bytes, until)).await?)
}

fn is_whole(record: u32, bytes: &[u8]) -> bool {
    let mut numbers = bytes.chunks(4).map(|four| four.try_into().map(u32::from_be_bytes));
    let length = numbers.next().and_then(Result::ok).and_then(|length| usize::try_from(length).ok());
    let rest: Vec<_> = numbers.collect();
    length == Some(rest.len()) && rest.into_iter().all(|number| number.is_ok_and(|number| number == record))
}

fn key(record: u32) -> StoreKey {
    StoreKey::digest([b"drill".as_slice(), &record.to_be_bytes()])
}

fn shared(kind: Kind, address: &str) -> Result<SharedStore> {
    Ok(SharedStore::encrypted(open(kind, address)?, EncryptionKeys::new(KEY)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_knows_itself() {
        let whole = [2_u32, 7, 7].map(u32::to_be_bytes).concat();
        assert!(is_whole(7, &whole));
        assert!(!is_whole(8, &whole));
        assert!(!is_whole(7, &whole[..8]));
        assert!(!is_whole(7, &whole[..11]));
        assert!(!is_whole(7, &[]));
    }
}
