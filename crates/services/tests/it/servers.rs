//! Each server is started, killed, frozen, made to refuse, and comes back.

use std::{
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
};

use entra_services::{MariaDb, PostgreSql, Redis, RedisCluster, RedisSentinel};

#[test]
fn redis_comes_back_with_what_it_had() {
    let redis = Redis::start().unwrap();
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
    redis.command(&["SET", "key", "kept"]).unwrap();
    redis.kill();
    assert!(TcpStream::connect(("127.0.0.1", redis.port())).is_err());
    redis.restart().unwrap();
    assert_eq!(redis.command(&["GET", "key"]).unwrap().trim(), "kept");

    redis.refuse_writes().unwrap();
    let refused = redis.command(&["SET", "key", "new"]).unwrap_err();
    assert!(refused.to_string().contains("OOM"), "{refused}");
    redis.accept_writes().unwrap();
    redis.command(&["SET", "key", "new"]).unwrap();

    redis.freeze();
    redis.thaw();
    assert_eq!(redis.command(&["GET", "key"]).unwrap().trim(), "new");
}

#[test]
fn redis_with_tls_wants_a_password() {
    let redis = Redis::tls().unwrap();
    assert!(redis.url().starts_with("rediss://:s3cret%3F%25G%26%3D@127.0.0.1:"), "{}", redis.url());
    assert!(redis.ca().unwrap().is_file());
    assert_eq!(redis.command(&["PING"]).unwrap().trim(), "PONG");
}

#[test]
fn a_cluster_serves_all_slots() {
    let cluster = RedisCluster::start().unwrap();
    assert_eq!(cluster.urls().len(), 3);
    for node in cluster.nodes() {
        assert!(node.command(&["CLUSTER", "INFO"]).unwrap().contains("cluster_slots_ok:16384"));
    }
}

#[test]
fn a_replica_takes_the_place_of_its_master() {
    let redis = RedisSentinel::start().unwrap();
    let (first, second) = (redis.master().unwrap(), redis.replica().unwrap());
    assert_ne!(first.port(), second.port());
    first.kill();
    let is_master = || redis.master().unwrap().port() == second.port();
    assert!((0..5_000).any(|_| is_master()), "no failover");
}

#[test]
fn postgresql_comes_back_with_what_it_had() {
    let server = PostgreSql::start().unwrap();
    server.sql("CREATE TABLE x (y int)").unwrap();
    server.sql("INSERT INTO x VALUES (17)").unwrap();
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart().unwrap();
    assert_eq!(server.sql("SELECT y FROM x").unwrap().trim(), "17");

    server.refuse_writes().unwrap();
    let refused = (0..100).find_map(|_| server.sql("INSERT INTO x VALUES (1)").err());
    assert!(refused.as_ref().is_some_and(|error| error.to_string().contains("read-only")), "{refused:?}");
    server.accept_writes().unwrap();
    assert!((0..100).any(|_| server.sql("INSERT INTO x VALUES (2)").is_ok()));

    server.freeze();
    server.thaw();
    assert_eq!(server.sql("SELECT 1").unwrap().trim(), "1");
}

#[test]
fn mariadb_comes_back_with_what_it_had() {
    let server = MariaDb::start().unwrap();
    server.sql("CREATE TABLE x (y int)").unwrap();
    server.sql("INSERT INTO x VALUES (17)").unwrap();
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart().unwrap();
    assert_eq!(server.sql("SELECT y FROM x").unwrap().trim(), "17");

    server.refuse_writes().unwrap();
    assert_eq!(server.sql("SELECT @@read_only").unwrap().trim(), "1");
    server.accept_writes().unwrap();
    assert_eq!(server.sql("SELECT @@read_only").unwrap().trim(), "0");
}

#[test]
fn the_sql_servers_speak_tls() {
    let (postgresql, mariadb) = (PostgreSql::tls().unwrap(), MariaDb::tls().unwrap());
    assert!(postgresql.ca().unwrap().is_file() && mariadb.ca().unwrap().is_file());
    assert_eq!(postgresql.sql("SHOW ssl").unwrap().trim(), "on");
    assert_eq!(mariadb.sql("SELECT @@have_ssl").unwrap().trim(), "YES");
}

/// The test below starts itself with this variable, and kills what it started.
const DOOMED: &str = "ENTRA_SERVICES_DOOMED";

#[test]
fn a_server_dies_with_the_program_that_started_it() {
    #[expect(clippy::disallowed_methods, reason = "how the child knows that it is the child")]
    if let Ok(file) = std::env::var(DOOMED) {
        let redis = Redis::start().unwrap();
        std::fs::write(file, redis.port().to_string()).unwrap();
        loop {
            std::thread::park();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("port");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers::a_server_dies_with_the_program_that_started_it"])
        .env(DOOMED, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let port = || std::fs::read_to_string(&file).ok()?.parse::<u16>().ok();
    let port = (0..u64::MAX).find_map(|_| port()).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!((0..1_000_000).any(|_| TcpStream::connect(("127.0.0.1", port)).is_err()), "it lives on");
}
