//! The server away, frozen, full, read-only, of another opinion: each is told in its own words, in
//! time, and nothing of it is secret.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{
    AccessToken, Clock, Scheme, Secret, Section, StoreError, StoreKey, StoreTokens, StoredEntry,
    testing::{FakeAcquirer, ManualClock, assert_no_secrets},
};
use entra_cache_sqlserver::SqlServerStore;
use futures_util::FutureExt;

use crate::{
    bench::{Bench, builder},
    double::{Double, PASSWORD, Refusal, TOKEN, Table, USER},
};

fn key() -> StoreKey {
    StoreKey::digest(["failures"])
}

fn entry(clock: &ManualClock) -> StoredEntry {
    StoredEntry::new(*b"s3cret value", clock.now() + Duration::from_secs(60))
}

/// The words of an error, which hold no secret, nor does what is beneath.
fn words(error: &StoreError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    assert_no_secrets(&format!("{text} {error:?}"), [PASSWORD, USER, TOKEN, "s3cret value", "7331"]);
    text.split_once(": ").map(|(_, what)| what.to_owned()).unwrap()
}

#[tokio::test]
async fn refusals_are_told_in_an_operators_words() {
    let Bench { double, clock, store } = Bench::start().await;
    store.put(&key(), entry(&clock)).await.unwrap();
    let check = async |number, class, expected: &str| {
        double.with(|table| table.refuses = Some(Refusal::Error(number, class)));
        let error = store.put(&key(), entry(&clock)).await.unwrap_err();
        assert_eq!(words(&error), expected);
        double.with(|table| table.refuses = None);
        store.put(&key(), entry(&clock)).await.unwrap();
    };
    check(229, 14, "refuses: the login has no permission (error 229, severity 14, state 1)").await;
    check(3_906, 16, "is read-only (error 3906, severity 16, state 1)").await;
    check(9_002, 17, "is full (error 9002, severity 17, state 1)").await;
    check(1_222, 16, "is busy: a lock was not to be had (error 1222, severity 16, state 1)").await;
    check(1_205, 13, "is busy: a lock was not to be had (error 1205, severity 13, state 1)").await;
    check(40_613, 20, "is away: the database is not online (error 40613, severity 20, state 1)").await;
    check(50_000, 16, "refuses (error 50000, severity 16, state 1)").await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_not_logged_in_to_for_each() {
    let Bench { double, clock, store } = Bench::start().await;
    store.put(&key(), entry(&clock)).await.unwrap();
    let before = double.with(|table| {
        table.refuses = Some(Refusal::Error(3_906, 16));
        table.logins
    });
    let began = tokio::time::Instant::now();
    for _ in 0..200 {
        assert!(words(&store.put(&key(), entry(&clock)).await.unwrap_err()).starts_with("is read-only"));
    }
    let logins = double.with(|table| table.logins) - before;
    assert!(u128::from(logins) <= 1 + began.elapsed().as_millis() / 500, "{logins}");
    double.with(|table| table.refuses = None);
    store.put(&key(), entry(&clock)).await.unwrap();
    assert!(store.get(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_refused_login_is_told() {
    let Bench { double, .. } = Bench::start().await;
    let check = async |number, expected: &str| {
        double.with(|table| table.refuses = Some(Refusal::Login(number)));
        let store = builder(&double).build().unwrap();
        assert_eq!(words(&store.get(&key()).await.unwrap_err()), expected);
    };
    check(18_456, "refuses the login (error 18456, severity 14, state 1)").await;
    check(
        40_615,
        "refuses the login: its firewall does not let this address in (error 40615, severity 14, state 1)",
    )
    .await;
    double.with(|table| table.refuses = None);
    let elsewhere = double.connection_string().replace("Database=Tokens", "Database=Other");
    let elsewhere =
        SqlServerStore::builder(&elsewhere).unwrap().root_certificates(double.certificate()).build().unwrap();
    assert_eq!(
        words(&elsewhere.get(&key()).await.unwrap_err()),
        "refuses the login: there is no such database, or it may not be opened (error 4060, severity 11, state 1)"
    );
}

/// A policy that locks accounts counts each login that it refuses.
#[tokio::test]
async fn a_refused_login_is_tried_seldom() {
    let Bench { double, store, .. } = Bench::start().await;
    let ask = async |refusal| {
        double.with(|table| table.refuses = Some(refusal));
        let began = tokio::time::Instant::now();
        while began.elapsed() < Duration::from_millis(1_200) {
            let error = store.get(&key()).await.unwrap_err();
            assert!(words(&error).starts_with("refuses the login"), "{error}");
        }
        double.with(|table| std::mem::take(&mut table.logins))
    };
    let others = ask(Refusal::Login(40_615)).await;
    assert!(others > 2, "a firewall locks nobody out: {others}");
    let logins = ask(Refusal::Login(18_456)).await;
    assert!((1..=2).contains(&logins), "{logins}");
    double.with(|table| table.refuses = None);
    let began = tokio::time::Instant::now();
    while store.get(&key()).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(15), "it is found out");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_no_password() {
    let double = Double::start(Arc::new(ManualClock::default())).await;
    let connections =
        [double.connection_string(), double.connection_string().replace("localhost", "127.0.0.1")];
    let stores = [
        SqlServerStore::builder(&connections[0]).unwrap(),
        // One who vouches, but for another host.
        SqlServerStore::builder(&connections[1]).unwrap().root_certificates(double.certificate()),
    ];
    for store in stores {
        let error = store.create_if_not_exists(true).build().unwrap().get(&key()).await.unwrap_err();
        assert!(words(&error).starts_with("its certificate is not trusted"), "{error}");
    }
    assert_eq!(double.with(|table| table.logins), 0);

    let trusting = format!("{};TrustServerCertificate=True", connections[1]);
    let store = SqlServerStore::builder(&trusting).unwrap().create_if_not_exists(true).build().unwrap();
    assert!(store.get(&key()).await.unwrap().is_none());
    let named = format!("{};HostNameInCertificate=localhost", connections[1]);
    let store =
        SqlServerStore::builder(&named).unwrap().root_certificates(double.certificate()).build().unwrap();
    assert!(store.get(&key()).await.unwrap().is_none());
}

/// The authority that the section names is the one that the server is known by.
#[tokio::test]
async fn the_authority_of_the_section_is_trusted() {
    let double = Double::start(Arc::new(ManualClock::default())).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let store = |content: &str| {
        std::fs::write(file.path(), content).unwrap();
        let cache = serde_json::json!({
            "ConnectionString": double.connection_string(), "CreateIfNotExists": true,
            "CertificateAuthority": file.path().display().to_string(),
        });
        let root = Section::new("", serde_json::json!({ "TokenCache": cache }));
        SqlServerStore::from_section(&root.section("TokenCache"), &root)
    };
    assert!(store(double.certificate()).unwrap().get(&key()).await.unwrap().is_none());
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let error = store(&stranger).unwrap().get(&key()).await.unwrap_err();
    assert!(words(&error).starts_with("its certificate is not trusted"), "{error}");
    let error = store("s3cret?%G&=").unwrap_err().to_string();
    assert!(error.starts_with("TokenCache.CertificateAuthority: the file "), "{error}");
    assert!(
        error.ends_with("holds no certificate (a PEM file with one or more certificates is expected)"),
        "{error}"
    );
}

#[tokio::test]
async fn it_starts_while_the_server_is_away_and_comes_back_with_it() {
    let Bench { double, clock, store } = Bench::start().await;
    double.go_away().await;
    assert_eq!(words(&store.get(&key()).await.unwrap_err()), "cannot be reached: nothing listens there");
    double.come_back().await;
    store.put(&key(), entry(&clock)).await.unwrap();

    // The connection that is idle now breaks: the next request opens another one.
    double.go_away().await;
    double.come_back().await;
    assert!(store.get(&key()).await.unwrap().is_some());
    assert_eq!(double.with(|table| table.logins), 2);
}

#[tokio::test]
async fn a_frozen_server_takes_no_longer_than_is_said() {
    let Bench { double, .. } = Bench::start().await;
    let store = builder(&double).create_if_not_exists(true).timeout(Duration::from_secs(2)).build().unwrap();
    assert!(store.get(&key()).await.unwrap().is_none());
    double.with(|table| table.refuses = Some(Refusal::Silence));
    let error = store.get(&key()).await.unwrap_err();
    assert_eq!(words(&error), "cannot be reached: no answer within 2s");
    double.with(|table| table.refuses = None);
    assert!(store.get(&key()).await.unwrap().is_none(), "on a new connection");
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves_a_connection_behind() {
    let Bench { double, store, clock } = Bench::start().await;
    assert!(store.put(&key(), entry(&clock)).now_or_never().is_none(), "nobody shakes hands that fast");
    // Nobody waits: while the table is looked at, and while a statement runs.
    while double.with(|table| table.rows.is_empty()) {
        tokio::task::yield_now().await;
    }
    assert!(store.get(&key()).now_or_never().is_none());
    assert!(store.get(&key()).await.unwrap().is_some());
    assert!(double.with(|table| table.logins) <= 2);
    assert!(store.get(&key()).await.unwrap().is_some());
    assert!(double.with(|table| table.logins) <= 2, "all that follow use what is there");
}

#[tokio::test]
async fn the_table_is_created_only_where_that_is_said() {
    let clock = Arc::new(ManualClock::default());
    let double = Double::start(clock.clone()).await;
    let store = builder(&double).build().unwrap();
    let error = words(&store.get(&key()).await.unwrap_err());
    assert!(
        error.starts_with("there is no table [dbo].[TokenCache], or this login may not see it"),
        "{error}"
    );
    assert!(error.ends_with(include_str!("../golden/create.sql")), "{error}");

    // Somebody made it.
    double.with(|table| table.columns = Table::ours());
    assert!(store.get(&key()).await.unwrap().is_none());
    // Somebody took it away: it is created by who may.
    double.with(|table| table.columns.clear());
    assert!(words(&store.get(&key()).await.unwrap_err()).starts_with("the table [dbo].[TokenCache] is gone"));
    let creating = builder(&double).create_if_not_exists(true).build().unwrap();
    creating.put(&key(), entry(&clock)).await.unwrap();
    assert!(store.get(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_table_of_dot_nets_is_refused_and_stays_as_it_is() {
    let Bench { double, store, clock } = Bench::start().await;
    let dot_nets = vec![
        ("Id", "nvarchar", 898),
        ("Value", "varbinary", -1),
        ("ExpiresAtTime", "datetimeoffset", 10),
        ("SlidingExpirationInSeconds", "bigint", 8),
        ("AbsoluteExpiration", "datetimeoffset", 10),
    ];
    let others = vec![("id", "int", 4)];
    for (columns, expected) in
        [(dot_nets, "is a cache of .NET's"), (others, "has other columns than a token cache")]
    {
        double.with(|table| table.columns.clone_from(&columns));
        let error = words(&store.put(&key(), entry(&clock)).await.unwrap_err());
        assert!(
            error.contains(expected) && error.ends_with("give another SchemaName or TableName"),
            "{error}"
        );
        double.with(|table| {
            assert_eq!(table.columns, columns);
            assert!(table.asked.iter().all(|it| it.contains("SELECT [name]")), "nothing is sent but a look");
        });
    }
}

#[tokio::test]
async fn one_logs_in_with_a_token() {
    let double = Double::start(Arc::new(ManualClock::default())).await;
    let text = format!(
        "Server=localhost,{};Initial Catalog=Tokens;Authentication=Active Directory Managed Identity;\
         User Id=11111111-1111-1111-1111-111111111111",
        double.address.port()
    );
    let acquirer = Arc::new(FakeAcquirer::new(|_| {
        Ok(AccessToken::new(
            Scheme::Bearer,
            Secret::new(TOKEN),
            SystemTime::UNIX_EPOCH + Duration::from_secs(3_600),
        )?)
    }));
    let store = SqlServerStore::builder(&text)
        .unwrap()
        .credential(acquirer.clone())
        .root_certificates(double.certificate())
        .create_if_not_exists(true)
        .build()
        .unwrap();
    assert!(acquirer.requests().is_empty(), "to build a store asks nobody");
    assert!(store.get(&key()).await.unwrap().is_none());
    let requests = format!("{:?}", acquirer.requests());
    assert!(requests.contains("https://database.windows.net/.default"), "{requests}");
    assert!(requests.contains("11111111-1111-1111-1111-111111111111"), "{requests}");
}

#[tokio::test]
async fn a_gateway_sends_on() {
    let clock = Arc::new(ManualClock::default());
    let (gateway, double) = (Double::start(clock.clone()).await, Double::start(clock.clone()).await);
    gateway.with(|table| table.refuses = Some(Refusal::Routing(double.address.port())));
    let roots = [gateway.certificate(), double.certificate()].concat();
    let store = builder(&gateway).root_certificates(roots).create_if_not_exists(true).build().unwrap();
    store.put(&key(), entry(&clock)).await.unwrap();
    assert_eq!((gateway.with(|table| table.rows.len()), double.with(|table| table.rows.len())), (0, 1));
}

#[tokio::test]
async fn no_more_is_read_than_can_be_an_entry() {
    let Bench { double, clock, store } = Bench::start().await;
    let of = |length| StoredEntry::new(vec![7; length], clock.now() + Duration::from_secs(60));
    store.put(&key(), of(1_048_576)).await.unwrap();
    assert_eq!(store.get(&key()).await.unwrap().unwrap().bytes().len(), 1_048_576);
    for error in
        [store.put(&key(), of(1_048_577)).await.err(), store.put_new(&key(), of(1_048_577)).await.err()]
    {
        assert_eq!(words(&error.unwrap()), "keeps no entry of more than 1 MiB");
    }
    // Somebody else wrote it.
    double.with(|table| table.rows.values_mut().for_each(|(value, _)| value.push(7)));
    assert!(store.get(&key()).await.unwrap() == Some(StoredEntry::unreadable()));
}

#[tokio::test]
async fn ended_rows_are_cleaned_away_by_use() {
    let Bench { double, clock, store } = Bench::start().await;
    double.with(|table| {
        table.columns = Table::ours();
        for number in 0..1_500_u16 {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            table.rows.insert(key, (vec![1], 0));
        }
    });
    store.put(&key(), entry(&clock)).await.unwrap();
    assert_eq!(double.with(|table| table.rows.len()), 501, "a thousand at the first write");
    for _ in 0..500 {
        store.put(&key(), entry(&clock)).await.unwrap();
    }
    assert_eq!(double.with(|table| table.rows.len()), 1, "and what is left five hundred writes later");
    assert_eq!(double.with(|table| table.logins), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_opened_than_is_said() {
    let clock = Arc::new(ManualClock::default());
    let double = Double::start(clock.clone()).await;
    let text = format!("{};Max Pool Size=2", double.connection_string());
    let store = SqlServerStore::builder(&text)
        .unwrap()
        .root_certificates(double.certificate())
        .create_if_not_exists(true)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|number: u8| {
            let (store, entry) = (store.clone(), entry(&clock));
            tokio::spawn(async move { store.put(&StoreKey::from_bytes([number; 32]), entry).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    double.with(|table| {
        assert_eq!(table.rows.len(), 64);
        assert!(table.logins <= 2, "{}", table.logins);
    });
}
