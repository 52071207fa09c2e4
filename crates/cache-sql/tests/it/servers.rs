//! Stores on real servers: what is the same for all of them.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use entra_abstractions::{
    AccessToken, Clock, Scheme, Secret, Section, StoreError, StoreKey, StoreTokens, StoredEntry, SystemClock,
    testing::{
        FakeAcquirer, ManualClock, Spoilt, assert_no_secrets, store_conformance, store_outage_conformance,
        store_spoilt_conformance,
    },
};
use entra_cache_sql::{SqlStore, SqlStoreBuilder};
use entra_services::{PASSWORD, Proxy, Server};
use futures_util::future::join_all;

const HOUR: Duration = Duration::from_hours(1);

/// Where the time of a store is not what is tried: longer than any machine needs.
const AGES: Duration = Duration::from_mins(1);

/// A name that no other test of a shared server has.
fn own(name: &str) -> String {
    format!("q_{name}_{}", std::process::id())
}

fn key(name: &str) -> StoreKey {
    StoreKey::digest([name])
}

fn entry(bytes: &[u8]) -> StoredEntry {
    StoredEntry::new(bytes, SystemClock.now() + HOUR)
}

async fn conforms(builder: SqlStoreBuilder) {
    let clock = Arc::new(ManualClock::default());
    let builder = builder.clock(clock.clone()).create_if_not_exists(true).timeout(AGES);
    let store = builder.build().unwrap();
    store_conformance(&store, &*clock, async |time| clock.advance(time)).await;
}

/// What lies there is none of ours, or larger than any of them. `large` is how the server writes that.
async fn opens_nothing_that_is_spoilt(
    builder: SqlStoreBuilder,
    sql: impl Fn(&str) -> String,
    table: &str,
    [foreign, large]: [&str; 2],
) {
    let store = builder.create_if_not_exists(true).timeout(AGES).build().unwrap();
    store_spoilt_conformance(store, &SystemClock, async |spoilt| {
        let value = if spoilt == Spoilt::TooLarge { large } else { foreign };
        sql(&format!("UPDATE {table} SET value = {value}"));
    })
    .await;
}

/// As an engine that asks on and on for a store whose password is wrong: few logins come to the server,
/// since many of them lock the account. Once the password is right it is found out.
async fn tries_a_refused_login_seldom(store: &SqlStore, proxy: &Proxy, mend: impl FnOnce()) {
    let began = clock_of_the_wall();
    while began.elapsed() < Duration::from_millis(1_200) {
        let error = store.get(&key("a")).await.unwrap_err();
        assert!(error.what().starts_with("refuses the login"), "{error}");
        assert_no_secrets(&format!("{error:?} {store:?}"), [PASSWORD, "wr0ng"]);
        pass(Duration::from_millis(20)).await;
    }
    assert!((1..=2).contains(&proxy.connections()), "{}", proxy.connections());
    mend();
    works_soon(store).await;
}

/// Ten instances that start at once on a server without a table: all of them work, and of those that
/// keep the same new entry one does, also where there is one that has ended.
async fn starts_ten_times(builder: SqlStoreBuilder) {
    let clock = Arc::new(ManualClock::default());
    let builder = builder.create_if_not_exists(true).clock(clock.clone()).timeout(AGES);
    let stores: Vec<SqlStore> = (0..10).map(|_| builder.clone().build().unwrap()).collect();
    let began = clock_of_the_wall();
    for round in 0..20 {
        let results = join_all(stores.iter().map(async |store| {
            let entry = StoredEntry::new(format!("{round}"), clock.now() + HOUR);
            store.put_new(&key("lease"), entry).await.unwrap()
        }));
        let kept = results.await.into_iter().filter(|kept| *kept).count();
        assert_eq!(kept, 1, "in round {round}");
        if round == 0 {
            println!("ten instances started in {:?}", began.elapsed());
        }
        let found = stores[0].get(&key("lease")).await.unwrap().unwrap();
        assert_eq!(found.bytes(), format!("{round}").as_bytes());
        clock.advance(2 * HOUR);
    }
}

/// Rows that ended long ago leave, batch by batch, once somebody writes; what has not ended stays. `sql`
/// asks the server as its administrator, and `ended` is how it makes 2,500 of them.
async fn cleans_what_has_ended(
    builder: SqlStoreBuilder,
    sql: impl Fn(&str) -> String,
    table: &str,
    ended: &str,
) {
    let clock = Arc::new(ManualClock::default());
    let store = builder.create_if_not_exists(true).clock(clock.clone()).timeout(AGES).build().unwrap();
    let late = || StoredEntry::new(*b"late", clock.now() + 10 * HOUR);
    // It makes the table; a first write might clean by chance.
    assert!(store.get(&key("late")).await.unwrap().is_none());
    sql(ended);
    let rows = || sql(&format!("SELECT count(*) FROM {table} WHERE expires_at = 1")).trim().to_owned();
    assert_eq!(rows(), "2500");
    store.put(&key("late"), late()).await.unwrap();
    clock.advance(HOUR);
    store.put(&key("late"), late()).await.unwrap();
    let began = clock_of_the_wall();
    while rows() != "0" {
        assert!(began.elapsed() < AGES, "{} are left", rows());
        pass(Duration::from_millis(20)).await;
    }
    println!("2,500 rows left in {:?}", began.elapsed());
    assert_eq!(store.get(&key("late")).await.unwrap().unwrap().bytes(), b"late");
}

/// Many writers of few keys on several instances: nobody fails, and what is read is whole.
async fn writes_from_all_sides(builder: SqlStoreBuilder) {
    let builder = builder.create_if_not_exists(true).timeout(AGES);
    let stores: Vec<SqlStore> = (0..3).map(|_| builder.clone().build().unwrap()).collect();
    let writing = stores.iter().flat_map(|store| (0..20_u8).map(move |writer| (store, writer)));
    join_all(writing.map(async |(store, writer)| {
        for round in 0..15_u8 {
            let key = key(&format!("{}", (writer + round) % 5));
            store.put(&key, entry(&[writer; 3_000])).await.unwrap();
            if round % 5 == 4 {
                store.remove(&key).await.unwrap();
            } else if let Some(found) = store.get(&key).await.unwrap() {
                assert!(found.bytes().len() == 3_000 && found.bytes().iter().all(|b| *b == found.bytes()[0]));
            }
        }
    }))
    .await;
}

/// The server is killed, stopped and started again: each question ends in time, is told what is
/// wrong, and works soon after the server does; the drill measures how soon.
async fn survives_outages(builder: SqlStoreBuilder, server: &Server) {
    let within = Duration::from_secs(4);
    let store = builder.create_if_not_exists(true).timeout(within).build().unwrap();
    let (kill, restart) = (async || server.kill(), async || server.restart().unwrap());
    store_outage_conformance(&store, &SystemClock, pass, within, kill, restart).await;

    store.put(&key("a"), entry(b"x")).await.unwrap();
    join_all((0..8).map(async |_| store.get(&key("a")).await.unwrap())).await;

    server.kill();
    let error = fails_in_time(&store).await;
    assert!(error.what().starts_with("cannot be reached"), "{error}");
    server.restart().unwrap();
    works_soon(&store).await;

    // A restart that nobody saw: idle connections are dead, and no question fails for it.
    join_all((0..8).map(async |_| store.get(&key("a")).await.unwrap())).await;
    server.restart().unwrap();
    for result in join_all((0..20).map(async |_| store.get(&key("a")).await)).await {
        assert!(result.unwrap().is_some());
    }

    server.freeze();
    let error = fails_in_time(&store).await;
    assert!(error.what().starts_with("did not answer in time"), "{error}");
    server.thaw();
    works_soon(&store).await;

    // Callers who do not wait, as the engine: what they began ends without them, and nothing is lost.
    server.freeze();
    for _ in 0..20 {
        let asked = tokio::time::timeout(Duration::from_millis(20), store.get(&key("a"))).await;
        assert!(asked.is_err());
    }
    server.thaw();
    works_soon(&store).await;
}

/// A server whose certificate an authority of one's own has signed, as the section `TokenCache` names
/// it: without a word about TLS in the connection string the certificate is looked at.
async fn trusts_the_authority_of_the_section(kind: &str, connection: &str, ca: &Path) {
    let builder = |connection: &str, authority: &Path| {
        let root = Section::new(
            "",
            serde_json::json!({"TokenCache": {
                "Kind": kind, "ConnectionString": connection, "CreateIfNotExists": true,
                "CertificateAuthority": authority.display().to_string(),
            }}),
        );
        SqlStoreBuilder::from_section(&root.section("TokenCache"), &root).and_then(SqlStoreBuilder::build)
    };
    let store = builder(connection, ca).unwrap();
    store.put(&key("ca"), entry(b"x")).await.unwrap();
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stranger.cert.pem()).unwrap();
    let error = builder(connection, file.path()).unwrap().get(&key("ca")).await.unwrap_err();
    assert!(error.what().starts_with("cannot be trusted"), "{error}");

    let told = |connection: &str, authority: &Path| {
        let error = builder(connection, authority).unwrap_err().to_string();
        assert_no_secrets(&error, [PASSWORD]);
        assert!(error.starts_with("TokenCache.CertificateAuthority: "), "{error}");
        error
    };
    assert!(told(connection, Path::new("nowhere/ca.pem")).contains("nowhere/ca.pem cannot be read"));
    assert!(told(connection, Path::new("Cargo.toml")).contains("Cargo.toml holds no certificate"));
    let untrusting = format!("{connection};SSL Mode=Disabled");
    assert!(told(&untrusting, ca).contains("no certificate is looked at"));
    let twice =
        format!("{connection};{}=/etc/ca.pem", if kind == "MySql" { "SslCa" } else { "Root Certificate" });
    assert!(told(&twice, ca).contains("names a root certificate as well"));
}

/// Somebody trusted signed its certificate, for another name.
async fn is_refused_under_another_name(named: &SqlStoreBuilder, signed: SqlStoreBuilder) {
    let error = named.clone().build().unwrap().get(&key("name")).await.unwrap_err();
    assert!(error.what().starts_with("cannot be trusted: invalid peer certificate"), "{error}");
    assert!(error.what().contains("not valid for name"), "{error}");
    assert_no_secrets(&format!("{error:?}"), [PASSWORD]);
    let store = signed.create_if_not_exists(true).build().unwrap();
    assert!(store.get(&key("name")).await.unwrap().is_none(), "the name is not looked at");
}

/// A server that refuses writes for long is read from as before: what it refuses costs it, and those
/// who read, no connection, but for one now and then that looks for a server that takes writes.
async fn refused_writes_cost_no_connection(
    builder: SqlStoreBuilder,
    proxy: &Proxy,
    refuse: impl FnOnce(),
    accept: impl FnOnce(),
) {
    let store = builder.create_if_not_exists(true).build().unwrap();
    store.put(&key("a"), entry(b"x")).await.unwrap();
    refuse();
    // It may take a moment until every session has heard of it.
    while store.put(&key("a"), entry(b"x")).await.is_ok() {}
    let (before, began) = (proxy.connections(), clock_of_the_wall());
    for _ in 0..300 {
        let error = store.put(&key("a"), entry(b"y")).await.unwrap_err();
        assert!(error.what().starts_with("is read-only"), "{error}");
        assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"x");
    }
    let (opened, took) = (proxy.connections() - before, began.elapsed());
    println!("600 questions, 300 refused, in {took:?}: {opened} connections");
    assert!(u128::from(opened) <= 1 + took.as_millis() / 500, "{opened} in {took:?}");
    accept();
    works_soon(&store).await;
}

#[expect(clippy::disallowed_methods, reason = "nobody holds the clock of a server that comes back")]
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn fails_in_time(store: &SqlStore) -> StoreError {
    let began = clock_of_the_wall();
    let error = store.get(&key("a")).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_no_secrets(&format!("{error} {error:?} {store:?}"), [PASSWORD]);
    error
}

async fn works_soon(store: &SqlStore) {
    let began = clock_of_the_wall();
    while let Err(error) = store.put(&key("a"), entry(b"again")).await {
        assert!(began.elapsed() < Duration::from_secs(15), "{error}");
    }
    println!("works again after {:?}", began.elapsed());
}

#[expect(clippy::disallowed_methods, reason = "how long an outage takes is measured by the wall clock")]
fn clock_of_the_wall() -> Instant {
    Instant::now()
}

/// An acquirer whose tokens are numbered.
fn numbered_tokens() -> Arc<FakeAcquirer> {
    let count = std::sync::atomic::AtomicU32::new(0);
    Arc::new(FakeAcquirer::new(move |_| {
        let number = 1 + count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let token = Secret::new(format!("s3cret-token-{number}"));
        Ok(AccessToken::new(Scheme::Bearer, token, SystemClock.now() + HOUR)?)
    }))
}
