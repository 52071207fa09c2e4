//! A file of SQLite: alone, shared, full, read-only, damaged, and killed in the middle.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use entra_abstractions::{
    Clock, StoreKey, StoreTokens, StoredEntry, SystemClock,
    testing::{ManualClock, Spoilt, store_conformance, store_spoilt_conformance},
};
use entra_cache_sql::SqlStore;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_hours(1);

fn open(folder: &TempDir) -> SqlStore {
    SqlStore::sqlite(path(folder).to_str().unwrap()).unwrap().build().unwrap()
}

fn path(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("to'ken s.db")
}

fn key(name: impl AsRef<[u8]>) -> StoreKey {
    StoreKey::digest([name.as_ref()])
}

fn entry(bytes: &[u8]) -> StoredEntry {
    StoredEntry::new(bytes, SystemClock.now() + HOUR)
}

#[tokio::test]
async fn it_does_what_every_store_must_do() {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    let builder = SqlStore::sqlite(path(&folder).to_str().unwrap()).unwrap();
    let store = builder.clock(clock.clone()).build().unwrap();
    store_conformance(&store, &*clock, async |time| clock.advance(time)).await;
}

#[tokio::test]
async fn what_is_spoilt_behind_its_back() {
    let folder = TempDir::new().unwrap();
    for spoilt_as in ["x'7b7d'", "'{}'", "7"] {
        store_spoilt_conformance(open(&folder), &SystemClock, async |spoilt| {
            let value = if spoilt == Spoilt::TooLarge { "zeroblob(1048577)" } else { spoilt_as };
            let mut other = raw(&path(&folder)).await;
            execute(&mut other, format!("UPDATE token_cache SET value = {value}")).await;
        })
        .await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "building does no input or output");
    store.put(&key("a"), entry(b"s3cret?%G&=")).await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() > 1, "the log is a file, too");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn a_directory_is_not_made_silently() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("not-mounted/tokens.db").display().to_string();
    let error = SqlStore::sqlite(&text).unwrap().build().unwrap().get(&key("a")).await.unwrap_err();
    assert_eq!(error.store(), format!("sqlite {text}"));
    assert!(error.what().starts_with("cannot be reached: the file cannot be made (No such file"), "{error}");
    assert!(!folder.path().join("not-mounted").exists());
}

#[tokio::test]
async fn a_table_that_is_missing_is_told_with_its_statement() {
    let folder = TempDir::new().unwrap();
    let text = path(&folder).display().to_string();
    let builder = SqlStore::sqlite(&text).unwrap().table_name("TokenCache");
    let store = builder.clone().create_if_not_exists(false).build().unwrap();
    let error = store.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("CREATE TABLE IF NOT EXISTS \"TokenCache\" (id BLOB"), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);

    builder.create_if_not_exists(true).build().unwrap().put(&key("a"), entry(b"x")).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"x", "it is looked for again");
}

#[tokio::test]
async fn a_table_of_dotnets_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let mut other = raw(&path(&folder)).await;
    let table = "CREATE TABLE token_cache (Id TEXT PRIMARY KEY, Value BLOB, ExpiresAtTime TEXT, \
                 SlidingExpirationInSeconds INTEGER, AbsoluteExpiration TEXT)";
    execute(&mut other, table).await;
    execute(&mut other, "CREATE TABLE mine (a INTEGER)").await;
    let error = open(&folder).put(&key("a"), entry(b"x")).await.unwrap_err();
    assert!(error.what().contains("a distributed cache of .NET, which is left as it is"), "{error}");
    let builder = SqlStore::sqlite(path(&folder).to_str().unwrap()).unwrap().table_name("mine");
    let error = builder.build().unwrap().get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("not one of this library"), "{error}");
    assert_eq!(
        number(&mut other, "SELECT count(*) FROM sqlite_master WHERE name LIKE '%expires_at%'").await,
        0
    );
}

#[tokio::test]
async fn a_file_that_is_damaged_or_read_only_is_told() {
    let folder = TempDir::new().unwrap();
    fs::write(path(&folder), "no database, but a text of more than a hundred bytes".repeat(40)).unwrap();
    let error = open(&folder).get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("damaged, or is none of SQLite"), "{error}");

    let folder = TempDir::new().unwrap();
    let error = SqlStore::sqlite("/proc/tokens.db").unwrap().build().unwrap();
    let error = error.put(&key("a"), entry(b"x")).await.unwrap_err();
    assert!(error.what().contains("the file cannot be made"), "{error}");
    drop(folder);
}

#[tokio::test]
async fn a_file_that_may_not_grow_is_full_and_serves_on() {
    let folder = TempDir::new().unwrap();
    let builder = SqlStore::sqlite(path(&folder).to_str().unwrap()).unwrap();
    let store = builder.max_size(256 * 1024).build().unwrap();
    let mut kept = 0_u32;
    let error = loop {
        match store.put(&key(kept.to_be_bytes()), entry(&[7; 4_000])).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(error.what().starts_with("is full"), "{error}");
    assert!((30..=62).contains(&kept), "{kept}");
    assert!(store.get(&key(0_u32.to_be_bytes())).await.unwrap().is_some(), "what is there is served");
    for number in 0..4_u32 {
        assert!(store.remove(&key(number.to_be_bytes())).await.unwrap());
    }
    store.put(&key("again"), entry(&[7; 4_000])).await.unwrap();
}

#[tokio::test]
async fn what_has_ended_makes_room() {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    let builder = SqlStore::sqlite(path(&folder).to_str().unwrap()).unwrap().clock(clock.clone());
    let store = builder.max_size(256 * 1024).build().unwrap();
    let put = async |number: u32| {
        let entry = StoredEntry::new([7; 4_000], clock.now() + HOUR);
        store.put(&key(number.to_be_bytes()), entry).await
    };
    let full = async || {
        for number in 0.. {
            if put(number).await.is_err() {
                return number;
            }
        }
        0
    };
    assert!((30..=62).contains(&full().await));
    clock.advance(2 * HOUR);
    let mut tries = 0;
    while put(1_000).await.is_err() {
        tries += 1;
        assert!(tries < 1_000, "nothing makes room");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_entry_that_is_too_large_is_refused() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    store.put(&key("a"), entry(&vec![1; 1024 * 1024])).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes().len(), 1024 * 1024);
    let error = store.put(&key("a"), entry(&vec![1; 1024 * 1024 + 1])).await.unwrap_err();
    assert!(error.what().contains("more than 1 MiB"), "{error}");
    assert!(store.put_new(&key("b"), entry(&vec![1; 1024 * 1024 + 1])).await.is_err());
}

#[tokio::test]
async fn ten_that_start_at_once_make_one_table() {
    let folder = TempDir::new().unwrap();
    let stores: Vec<_> = (0..10_u8).map(|number| (number, open(&folder))).collect();
    let starting =
        stores.iter().map(|(number, store)| async move { store.put(&key([*number]), entry(b"x")).await });
    for result in futures_util::future::join_all(starting).await {
        result.unwrap();
    }
    for number in 0..10_u8 {
        assert!(stores[0].1.get(&key([number])).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_has_ended_is_cleaned_by_whoever_writes() {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    let builder = SqlStore::sqlite(path(&folder).to_str().unwrap()).unwrap().clock(clock.clone());
    let store = builder.clone().build().unwrap();
    let end = clock.now() + HOUR;
    for number in 0..2_500_u32 {
        store.put(&key(number.to_be_bytes()), StoredEntry::new(*b"x", end)).await.unwrap();
    }
    let late = StoredEntry::new(*b"late", end + 10 * HOUR);
    store.put(&key("late"), late.clone()).await.unwrap();
    let mut other = raw(&path(&folder)).await;
    clock.advance(HOUR + Duration::from_mins(1));
    store.put(&key("late"), late.clone()).await.unwrap();
    let rows = "SELECT count(*) FROM token_cache WHERE length(value) = 1";
    assert_eq!(number(&mut other, rows).await, 2_500, "what has only just ended is left");
    clock.advance(HOUR);
    store.put(&key("late"), late).await.unwrap();
    for _ in 0..500 {
        if number(&mut other, rows).await == 0 {
            break;
        }
        store.get(&key("late")).await.unwrap();
    }
    assert_eq!(number(&mut other, rows).await, 0);
    assert!(store.get(&key("late")).await.unwrap().is_some());
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a test's child is told by its environment what it is")]
#[tokio::test]
async fn a_file_that_may_only_be_read_serves_and_says_so() {
    use std::os::unix::fs::PermissionsExt;

    const TOLD: &str = "ENTRA_CACHE_SQL_TEST_READS_FROM";
    if let Some(file) = std::env::vars_os().find(|(name, _)| name == TOLD).map(|(_, file)| file) {
        let store = SqlStore::sqlite(file.to_str().unwrap()).unwrap().build().unwrap();
        assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"x");
        let error = store.put(&key("a"), entry(b"y")).await.unwrap_err();
        assert!(error.what().starts_with("is read-only: the file, or its directory"), "{error}");
        return;
    }
    let folder = TempDir::new().unwrap();
    open(&folder).put(&key("a"), entry(b"x")).await.unwrap();
    let permit = |file: &Path, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    permit(folder.path(), 0o777);
    for file in fs::read_dir(folder.path()).unwrap() {
        permit(&file.unwrap().path(), 0o444);
    }
    // Nothing is read-only to root, so nobody tries.
    let is_root = fs::OpenOptions::new().write(true).open(path(&folder)).is_ok();
    let test = std::env::current_exe().unwrap();
    let mut child = if is_root { Command::new("setpriv") } else { Command::new(&test) };
    if is_root {
        child.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&test);
    }
    let child = child
        .args(["--exact", "sqlite::a_file_that_may_only_be_read_serves_and_says_so"])
        .env(TOLD, path(&folder))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

/// Whoever runs this test as a program of its own writes until it is killed.
#[expect(clippy::disallowed_methods, reason = "a test's child is told by its environment what it is")]
#[tokio::test]
async fn killed_writers_leave_whole_entries() {
    const TOLD: &str = "ENTRA_CACHE_SQL_TEST_WRITES_TO";
    if let Some(file) = std::env::vars_os().find(|(name, _)| name == TOLD).map(|(_, file)| file) {
        let store = SqlStore::sqlite(file.to_str().unwrap()).unwrap().build().unwrap();
        for number in 0_u32.. {
            let bytes = [u8::try_from(number % 251).unwrap(); 5_000];
            store.put(&key((number % 40).to_be_bytes()), entry(&bytes)).await.unwrap();
        }
    }
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    for round in 0..15_u32 {
        let mut writers: Vec<_> = (0..2)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "sqlite::killed_writers_leave_whole_entries"])
                    .env(TOLD, path(&folder))
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        // Until both are at work: this process writes beside them, and reads what they wrote.
        let began = SystemClock.now();
        let mine = key("mine");
        for count in 0_u32.. {
            store.put(&mine, entry(&[9; 5_000])).await.unwrap();
            if let Some(found) = store.get(&key((count % 40).to_be_bytes())).await.unwrap() {
                assert!(found.bytes().len() == 5_000 && found.bytes().iter().all(|b| *b == found.bytes()[0]));
                if count > 20 + round * 7 {
                    break;
                }
            }
            assert!(began + Duration::from_secs(20) > SystemClock.now(), "no writer came up");
        }
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
    }
    let mut other = raw(&path(&folder)).await;
    assert_eq!(
        number(&mut other, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'").await,
        1
    );
    for number in 0..40_u32 {
        if let Some(found) = store.get(&key(number.to_be_bytes())).await.unwrap() {
            assert!(found.bytes().len() == 5_000 && found.bytes().iter().all(|b| *b == found.bytes()[0]));
        }
    }
}

async fn raw(file: &Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.connect().await.unwrap()
}

async fn execute(on: &mut sqlx::SqliteConnection, sql: impl Into<String>) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.into())).execute(on).await.unwrap();
}

async fn number(on: &mut sqlx::SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(on).await.unwrap()
}
