//! PostgreSQL.

use super::*;
use entra_services::{PostgreSql, Proxy};

fn on(url: &str, schema: &str) -> SqlStoreBuilder {
    SqlStore::postgres(url).unwrap().schema_name(own(schema))
}

fn dotnet(server: &PostgreSql, rest: &str) -> String {
    let (port, password) = (server.port(), server.password());
    format!("Host=localhost;Port={port};Database=tokens;Username=app;Password='{password}';{rest}")
}

#[tokio::test]
async fn it_does_what_every_store_must_do() {
    let server = PostgreSql::shared().unwrap();
    conforms(on(server.url(), "conforms")).await;
}

#[tokio::test]
async fn ten_that_start_at_once_make_one_table() {
    let server = PostgreSql::shared().unwrap();
    starts_ten_times(on(server.url(), "ten")).await;
}

#[tokio::test]
async fn writers_do_not_fail_for_each_other() {
    let server = PostgreSql::shared().unwrap();
    writes_from_all_sides(on(server.url(), "writers")).await;
}

#[tokio::test]
async fn what_has_ended_is_cleaned_away() {
    let server = PostgreSql::start().unwrap();
    let builder = on(&server.url(), "x").schema_name("o-auth$1").table_name("sélect");
    let table = "\"o-auth$1\".\"sélect\"";
    let ended = format!(
        "INSERT INTO {table} SELECT sha256(i::text::bytea), 'x'::bytea, 1 FROM generate_series(1, 2500) AS i"
    );
    cleans_what_has_ended(builder, |statement| server.sql(statement).unwrap(), table, &ended).await;
}

#[tokio::test]
async fn a_refused_login_is_tried_seldom() {
    let server = PostgreSql::start().unwrap();
    let proxy = Proxy::before(server.port()).unwrap();
    let text = format!(
        "Host=127.0.0.1;Port={};Database=tokens;Username=app;Password=wr0ng;SSL Mode=Disable",
        proxy.port()
    );
    let store = SqlStore::postgres(&text).unwrap().create_if_not_exists(true).build().unwrap();
    let mend = || drop(server.sql("ALTER ROLE app PASSWORD 'wr0ng'").unwrap());
    tries_a_refused_login_seldom(&store, &proxy, mend).await;
}

#[tokio::test]
async fn what_is_spoilt_does_not_open() {
    let server = PostgreSql::start().unwrap();
    let spoilt = ["'{}'::bytea", "decode(repeat('07', 1048577), 'hex')"];
    let sql = |statement: &str| server.sql(statement).unwrap();
    opens_nothing_that_is_spoilt(SqlStore::postgres(&server.url()).unwrap(), sql, "token_cache", spoilt)
        .await;
}

#[tokio::test]
async fn it_survives_outages() {
    let server = PostgreSql::start().unwrap();
    let text = dotnet(&server, "SSL Mode=Prefer");
    survives_outages(SqlStore::postgres(&text).unwrap(), &server).await;

    let store = SqlStore::postgres(&text).unwrap().build().unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_some());
    server.refuse_writes().unwrap();
    let read_only = async || store.put(&key("a"), entry(b"x")).await.is_err();
    while !read_only().await {}
    let error = store.put(&key("a"), entry(b"x")).await.unwrap_err();
    assert!(error.what().starts_with("is read-only"), "{error}");
    assert!(store.get(&key("a")).await.unwrap().is_some(), "it serves what it has");
    server.accept_writes().unwrap();
    works_soon(&store).await;
}

#[tokio::test]
async fn refused_writes_leave_readers_alone() {
    let server = PostgreSql::start().unwrap();
    let proxy = Proxy::before(server.port()).unwrap();
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let on = || SqlStore::postgres(&url).unwrap();
    let (refuse, accept) = (|| server.refuse_writes().unwrap(), || server.accept_writes().unwrap());
    refused_writes_cost_no_connection(on(), &proxy, refuse, accept).await;

    // As after a fail-over: what is open leads to a server that takes no writes, what is new to one
    // that does.
    server.sql("ALTER ROLE app SET default_transaction_read_only = on").unwrap();
    // A connection goes back behind the call that had it: with more than one, a busy machine opens another.
    let store = on().max_connections(1).build().unwrap();
    assert!(store.put(&key("a"), entry(b"y")).await.is_err());
    server.sql("ALTER ROLE app RESET default_transaction_read_only").unwrap();
    let before = proxy.connections();
    store.put(&key("a"), entry(b"y")).await.unwrap();
    store.put(&key("a"), entry(b"z")).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"z");
    assert_eq!(proxy.connections() - before, 1, "the new one is used on");
}

#[tokio::test]
async fn tls_is_verified_where_it_is_asked_for() {
    let server = PostgreSql::tls().unwrap();
    let ca = server.ca().unwrap().display().to_string();
    let verified = dotnet(&server, &format!("SSL Mode=Require;Root Certificate={ca}"));
    conforms(SqlStore::postgres(&verified).unwrap()).await;

    for (rest, told) in [
        ("SSL Mode=Require", "cannot be trusted: invalid peer certificate: UnknownIssuer"),
        ("SSL Mode=VerifyCA", "cannot be trusted: invalid peer certificate: UnknownIssuer"),
        ("SSL Mode=Disable", "refuses the login"),
        (
            "SSL Mode=Require;Root Certificate=/nowhere/ca.pem",
            "cannot be trusted: the file /nowhere/ca.pem cannot be read",
        ),
    ] {
        let store = SqlStore::postgres(&dotnet(&server, rest)).unwrap().build().unwrap();
        let error = store.get(&key("a")).await.unwrap_err();
        assert!(error.what().starts_with(told), "{rest}: {error}");
        assert_no_secrets(&format!("{error:?}"), [PASSWORD]);
    }
    let plain = dotnet(&server, "").trim_end_matches(';').to_owned();
    trusts_the_authority_of_the_section("PostgreSql", &plain, server.ca().unwrap()).await;
    let trusting = dotnet(&server, "SSL Mode=Require;Trust Server Certificate=true");
    assert!(SqlStore::postgres(&trusting).unwrap().build().unwrap().get(&key("a")).await.is_ok());
}

#[tokio::test]
async fn a_certificate_must_have_the_name() {
    let server = PostgreSql::tls_named(&["other.example"]).unwrap();
    let ca = server.ca().unwrap().display();
    let on = |mode: &str| {
        SqlStore::postgres(&dotnet(&server, &format!("SSL Mode={mode};Root Certificate={ca}"))).unwrap()
    };
    is_refused_under_another_name(&on("VerifyFull"), on("VerifyCA")).await;
    is_refused_under_another_name(&on("Require"), on("VerifyCA")).await;
}

#[tokio::test]
async fn what_an_operator_must_know_is_told() {
    let server = PostgreSql::start().unwrap();
    let url = server.url();
    let get = async |builder: SqlStoreBuilder| {
        let error = builder.build().unwrap().get(&key("a")).await.unwrap_err();
        assert_eq!(error.store(), format!("postgresql 127.0.0.1:{}/tokens", server.port()));
        assert_no_secrets(&format!("{error:?}"), [PASSWORD, "wr0ng"]);
        error.what().to_owned()
    };
    let builder = |text: &str| SqlStore::postgres(text).unwrap();

    let missing = get(builder(&url)).await;
    assert!(missing.contains("CREATE TABLE IF NOT EXISTS \"public\".\"token_cache\" (id bytea"), "{missing}");
    server.sql("CREATE SCHEMA locked; GRANT USAGE ON SCHEMA locked TO app").unwrap();
    let denied = get(builder(&url).schema_name("locked").create_if_not_exists(true)).await;
    assert!(denied.contains("permit the user to make it, or let somebody run: CREATE TABLE"), "{denied}");
    // What is shown works.
    let statement = missing.split("somebody run: ").nth(1).unwrap();
    server.sql(statement).unwrap();
    let denied = get(builder(&url)).await;
    assert!(denied.starts_with("does not permit this to the user, grant SELECT"), "{denied}");
    server.sql("GRANT ALL ON token_cache TO app").unwrap();
    assert!(builder(&url).build().unwrap().get(&key("a")).await.unwrap().is_none());

    let password = entra_services::PASSWORD.replace('?', "%3F").replace('%', "%25");
    let wrong =
        get(builder(&format!("postgres://app:wr0ng{password}@127.0.0.1:{}/tokens", server.port()))).await;
    assert!(wrong.starts_with("refuses the login, check the user and the password"), "{wrong}");
    assert!(!wrong.contains("app"), "{wrong}");

    server
        .sql(
            "CREATE TABLE dotnet (id VARCHAR(449) PRIMARY KEY, value BYTEA NOT NULL, expiresattime TIMESTAMPTZ \
             NOT NULL, slidingexpirationinseconds BIGINT, absoluteexpiration TIMESTAMPTZ)",
        )
        .unwrap();
    server.sql("CREATE TABLE mine (id INT)").unwrap();
    let theirs = get(builder(&url).table_name("dotnet").create_if_not_exists(true)).await;
    assert!(theirs.contains("a distributed cache of .NET, which is left as it is"), "{theirs}");
    let mine = get(builder(&url).table_name("mine").create_if_not_exists(true)).await;
    assert!(mine.contains("not one of this library"), "{mine}");
    assert_eq!(
        server
            .sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'dotnet'::regclass AND attnum > 0")
            .unwrap()
            .trim(),
        "5"
    );

    // A table that is lost while the store is used is made again, where that was asked for.
    let store = builder(&url).table_name("lost").create_if_not_exists(true).build().unwrap();
    store.put(&key("a"), entry(b"x")).await.unwrap();
    server.sql("DROP TABLE lost").unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_none());
    store.put(&key("a"), entry(b"x")).await.unwrap();
}

#[tokio::test]
async fn each_new_connection_asks_for_the_current_token() {
    let server = PostgreSql::start().unwrap();
    let text = format!("Host=127.0.0.1;Port={};Database=tokens;Username=app", server.port());
    let tokens = numbered_tokens();
    server.sql("ALTER ROLE app PASSWORD 's3cret-token-1'").unwrap();
    let text = format!("{text};SSL Mode=Disable");
    let builder = SqlStore::postgres(&text).unwrap().credential(tokens.clone()).create_if_not_exists(true);
    // A connection goes back behind the call that had it: with more than one, a busy machine opens another.
    let store = builder.max_connections(1).build().unwrap();
    store.put(&key("a"), entry(b"x")).await.unwrap();
    store.put(&key("a"), entry(b"y")).await.unwrap();
    assert_eq!(tokens.requests().len(), 1, "a connection is used again");
    let asked = format!("{:?}", tokens.requests());
    assert!(asked.contains("https://ossrdbms-aad.database.windows.net/.default"), "{asked}");

    server.sql("ALTER ROLE app PASSWORD 's3cret-token-2'").unwrap();
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'").unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"y");
    assert_eq!(tokens.requests().len(), 2);

    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'").unwrap();
    let error = store.get(&key("a")).await.unwrap_err();
    assert!(error.what().starts_with("refuses the login"), "{error}");
    assert_no_secrets(&format!("{error:?} {store:?}"), ["s3cret-token"]);
}

#[test]
fn a_token_goes_to_a_server_that_is_verified_only() {
    let at = |text: &str| SqlStore::postgres(text).unwrap().credential(numbered_tokens()).build();
    let server = "Host=shop.postgres.database.azure.com;Database=tokens;Username=shop-api";
    assert!(at(server).is_ok() && at(&format!("{server};SSL Mode=Require")).is_ok());
    for (rest, told) in [
        ("SSL Mode=Disable", "a token goes to a server that is verified only"),
        ("SSL Mode=VerifyCA", "a token goes to a server that is verified only"),
        ("SSL Mode=Require;Trust Server Certificate=true", "a token goes to a server that is verified only"),
        ("Password=s3cret?", "contradicts the credential"),
    ] {
        let error = at(&format!("{server};{rest}")).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
