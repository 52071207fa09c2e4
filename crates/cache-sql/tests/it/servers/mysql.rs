//! MariaDB, which speaks MySQL's protocol and all of its statements that are used here.

use super::*;
use entra_services::{MariaDb, Proxy};

fn on(url: &str, table: &str) -> SqlStoreBuilder {
    SqlStore::mysql(url).unwrap().table_name(own(table))
}

fn dotnet(server: &MariaDb, rest: &str) -> String {
    let (port, password) = (server.port(), server.password());
    format!("Server=127.0.0.1;Port={port};Database=tokens;User ID=app;Password='{password}';{rest}")
}

#[tokio::test]
async fn it_does_what_every_store_must_do() {
    let server = MariaDb::shared().unwrap();
    conforms(on(server.url(), "conforms")).await;
}

#[tokio::test]
async fn ten_that_start_at_once_make_one_table() {
    let server = MariaDb::shared().unwrap();
    starts_ten_times(on(server.url(), "ten")).await;
}

#[tokio::test]
async fn writers_do_not_fail_for_each_other() {
    let server = MariaDb::shared().unwrap();
    writes_from_all_sides(on(server.url(), "writers")).await;
}

#[tokio::test]
async fn what_has_ended_is_cleaned_away() {
    let server = MariaDb::start().unwrap();
    let builder = SqlStore::mysql(&server.url()).unwrap().schema_name("tokens").table_name("o-select$1");
    let table = "`o-select$1`";
    let ended = format!("INSERT INTO {table} SELECT UNHEX(SHA2(seq, 256)), 'x', 1 FROM seq_1_to_2500");
    cleans_what_has_ended(builder, |statement| server.sql(statement).unwrap(), table, &ended).await;
}

#[tokio::test]
async fn a_refused_login_is_tried_seldom() {
    let server = MariaDb::start().unwrap();
    let proxy = Proxy::before(server.port()).unwrap();
    let text =
        format!("Server=127.0.0.1;Port={};Database=tokens;Uid=app;Pwd=wr0ng;SslMode=None", proxy.port());
    let store = SqlStore::mysql(&text).unwrap().create_if_not_exists(true).build().unwrap();
    let mend = || drop(server.sql("SET PASSWORD FOR app@'127.0.0.1' = PASSWORD('wr0ng')").unwrap());
    tries_a_refused_login_seldom(&store, &proxy, mend).await;
}

#[tokio::test]
async fn what_is_spoilt_does_not_open() {
    let server = MariaDb::start().unwrap();
    let spoilt = ["'{}'", "REPEAT('x', 1048577)"];
    let sql = |statement: &str| server.sql(statement).unwrap();
    opens_nothing_that_is_spoilt(SqlStore::mysql(&server.url()).unwrap(), sql, "token_cache", spoilt).await;
}

#[tokio::test]
async fn it_survives_outages() {
    let server = MariaDb::start().unwrap();
    let text = dotnet(&server, "SslMode=Preferred");
    survives_outages(SqlStore::mysql(&text).unwrap(), &server).await;

    let store = SqlStore::mysql(&text).unwrap().build().unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_some());
    server.refuse_writes().unwrap();
    let error = store.put(&key("a"), entry(b"x")).await.unwrap_err();
    assert!(error.what().starts_with("is read-only"), "{error}");
    assert!(store.get(&key("a")).await.unwrap().is_some(), "it serves what it has");
    server.accept_writes().unwrap();
    works_soon(&store).await;
}

#[tokio::test]
async fn refused_writes_leave_readers_alone() {
    let server = MariaDb::start().unwrap();
    let proxy = Proxy::before(server.port()).unwrap();
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let (refuse, accept) = (|| server.refuse_writes().unwrap(), || server.accept_writes().unwrap());
    refused_writes_cost_no_connection(SqlStore::mysql(&url).unwrap(), &proxy, refuse, accept).await;
}

#[tokio::test]
async fn tls_is_verified_where_it_is_asked_for() {
    let server = MariaDb::tls().unwrap();
    let ca = server.ca().unwrap().display().to_string();
    let verified = dotnet(&server, &format!("SslMode=VerifyFull;SslCa={ca}"));
    conforms(SqlStore::mysql(&verified).unwrap()).await;

    for (rest, told) in [
        ("SslMode=Required", "cannot be trusted: invalid peer certificate: UnknownIssuer"),
        ("SslMode=None", "refuses the login"),
    ] {
        let store = SqlStore::mysql(&dotnet(&server, rest)).unwrap().build().unwrap();
        let error = store.get(&key("a")).await.unwrap_err();
        assert!(error.what().starts_with(told), "{rest}: {error}");
        assert_no_secrets(&format!("{error:?}"), [PASSWORD]);
    }
    let plain = dotnet(&server, "").trim_end_matches(';').to_owned();
    trusts_the_authority_of_the_section("MySql", &plain, server.ca().unwrap()).await;
}

#[tokio::test]
async fn a_certificate_must_have_the_name() {
    let server = MariaDb::tls_named(&["other.example"]).unwrap();
    let ca = server.ca().unwrap().display();
    let on = |mode: &str| SqlStore::mysql(&dotnet(&server, &format!("SslMode={mode};SslCa={ca}"))).unwrap();
    is_refused_under_another_name(&on("VerifyFull"), on("VerifyCA")).await;
    is_refused_under_another_name(&on("Required"), on("VerifyCA")).await;
}

#[tokio::test]
async fn what_an_operator_must_know_is_told() {
    let server = MariaDb::start().unwrap();
    let url = server.url();
    let get = async |builder: SqlStoreBuilder| {
        let error = builder.build().unwrap().get(&key("a")).await.unwrap_err();
        assert_eq!(error.store(), format!("mysql 127.0.0.1:{}/tokens", server.port()));
        assert_no_secrets(&format!("{error:?}"), [PASSWORD, "wr0ng"]);
        error.what().to_owned()
    };
    let builder = |text: &str| SqlStore::mysql(text).unwrap();

    let missing = get(builder(&url)).await;
    assert!(missing.contains("CREATE TABLE IF NOT EXISTS `token_cache` (id BINARY(32)"), "{missing}");
    server.sql(missing.split("somebody run: ").nth(1).unwrap()).unwrap();
    assert!(builder(&url).build().unwrap().get(&key("a")).await.unwrap().is_none());
    let elsewhere = builder(&url).schema_name("tokens").build().unwrap();
    assert!(elsewhere.get(&key("a")).await.unwrap().is_none());

    let wrong = get(builder(&format!("mysql://app:wr0ng@127.0.0.1:{}/tokens", server.port()))).await;
    assert!(wrong.starts_with("refuses the login, check the user and the password"), "{wrong}");
    assert!(!wrong.contains("app"), "{wrong}");

    server
        .sql(
            "CREATE TABLE dotnet (Id VARCHAR(449) PRIMARY KEY, Value LONGBLOB NOT NULL, ExpiresAtTime DATETIME(6) \
             NOT NULL, SlidingExpirationInSeconds BIGINT, AbsoluteExpiration DATETIME(6))",
        )
        .unwrap();
    server.sql("CREATE TABLE mine (id INT)").unwrap();
    let theirs = get(builder(&url).table_name("dotnet").create_if_not_exists(true)).await;
    assert!(theirs.contains("a distributed cache of .NET, which is left as it is"), "{theirs}");
    let mine = get(builder(&url).table_name("mine").create_if_not_exists(true)).await;
    assert!(mine.contains("not one of this library"), "{mine}");

    server.sql("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'wr0ng'; GRANT SELECT ON tokens.* TO reader@'127.0.0.1'").unwrap();
    let reader = builder(&format!("mysql://reader:wr0ng@127.0.0.1:{}/tokens", server.port()));
    let error = reader.build().unwrap().put(&key("a"), entry(b"x")).await.unwrap_err();
    assert!(error.what().starts_with("does not permit this to the user"), "{error}");

    let store = builder(&url).table_name("lost").create_if_not_exists(true).build().unwrap();
    store.put(&key("a"), entry(b"x")).await.unwrap();
    server.sql("DROP TABLE lost").unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_none());
}

#[tokio::test]
async fn each_new_connection_asks_for_the_current_token() {
    let server = MariaDb::start().unwrap();
    let text = format!("Server=127.0.0.1;Port={};Database=tokens;User ID=app;SslMode=None", server.port());
    let tokens = numbered_tokens();
    server.sql("SET PASSWORD FOR app@'127.0.0.1' = PASSWORD('s3cret-token-1')").unwrap();
    let builder = SqlStore::mysql(&text).unwrap().credential(tokens.clone()).create_if_not_exists(true);
    let store = builder.max_connections(1).build().unwrap();
    store.put(&key("a"), entry(b"x")).await.unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_some());
    assert_eq!(tokens.requests().len(), 1);
    server
        .sql("SET PASSWORD FOR app@'127.0.0.1' = PASSWORD('s3cret-token-2'); KILL USER app@'127.0.0.1'")
        .unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_some());
    assert_eq!(tokens.requests().len(), 2);
}
