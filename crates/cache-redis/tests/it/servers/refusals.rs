//! What an operator reads when a server refuses.

use entra_services::{Proxy, Redis};

use super::*;

fn check(error: &StoreError, words: &str) {
    let told = format!("{error} {error:?}");
    assert!(error.what().contains(words), "{words}: {error}");
    assert!(!told.contains("s3cret") && !told.contains("app-user"), "{told}");
    assert!(error.store().starts_with("redis "), "{told}");
}

#[tokio::test]
async fn full_or_without_a_disk() {
    let redis = Redis::start().unwrap();
    let store = store(redis.url());
    store.put(&key("a"), entry(b"x")).await.unwrap();
    redis.refuse_writes().unwrap();
    check(&store.put(&key("b"), entry(b"x")).await.unwrap_err(), "is full");
    assert!(store.get(&key("a")).await.unwrap().is_some(), "reads go on");
    redis.accept_writes().unwrap();
    store.put(&key("b"), entry(b"x")).await.unwrap();

    redis.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).unwrap();
    check(&store.put(&key("b"), entry(b"x")).await.unwrap_err(), "replication is broken");
    redis.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).unwrap();
    check(&store.put(&key("b"), entry(&vec![0; 1 << 20])).await.unwrap_err(), "an entry of more than");
    store.put(&key("b"), entry(b"x")).await.unwrap();
}

#[tokio::test]
async fn who_may_not() {
    let redis = Redis::start().unwrap();
    let port = redis.port();
    let rules = ["ACL", "SETUSER", "app-user", "on", ">s3cret?%G&=", "~it:*", "+getrange"];
    redis.command(&rules).unwrap();
    let four = ["+getrange", "+set", "+del", "+exists"];
    redis.command(&[&["ACL", "SETUSER", "app-four", "on", ">four", "~it:*"], &four[..]].concat()).unwrap();
    redis.command(&["CONFIG", "SET", "requirepass", "s3cret"]).unwrap();
    let wrong = store(format!("localhost:{port},user=app-user,password=s3cret-not"));
    check(&wrong.get(&key("a")).await.unwrap_err(), "refuses the user or password");
    check(&store(format!("localhost:{port}")).get(&key("a")).await.unwrap_err(), "refuses the user");
    // It may not even say HELLO, and can be read from all the same.
    let reader = store(format!("localhost:{port},user=app-user,password=s3cret?%G&="));
    assert!(reader.get(&key("a")).await.unwrap().is_none());
    check(&reader.put(&key("a"), entry(b"x")).await.unwrap_err(), "forbids it to this user");
    // Four commands are enough.
    let four = store(format!("localhost:{port},user=app-four,password=four"));
    four.put(&key("a"), entry(b"x")).await.unwrap();
    assert!(!four.put_new(&key("a"), entry(b"y")).await.unwrap());
    assert!(!four.put_new(&key("a"), StoredEntry::new(*b"ended", now())).await.unwrap());
    assert_eq!(four.get(&key("a")).await.unwrap().unwrap().bytes(), b"x");
    assert!(four.remove(&key("a")).await.unwrap());
}

/// Whoever asks all the time does not log in all the time.
#[tokio::test]
async fn who_is_refused_does_not_try_on_and_on() {
    let redis = Redis::start().unwrap();
    redis.command(&["ACL", "SETUSER", "app-user", "on", ">s3cret", "~it:*", "+@all"]).unwrap();
    let proxy = Proxy::before(redis.port()).unwrap();
    let store = store(format!("127.0.0.1:{},user=app-user,password=s3cret-not", proxy.port()));
    let began = watch();
    while began.elapsed() < Duration::from_millis(1_200) {
        check(&store.get(&key("a")).await.unwrap_err(), "refuses the user or password");
        pass(Duration::from_millis(20)).await;
    }
    assert!((1..=2).contains(&proxy.connections()), "{}", proxy.connections());
    redis.command(&["ACL", "SETUSER", "app-user", ">s3cret-not"]).unwrap();
    until_answered(&store, &key("a"), Duration::from_secs(15)).await;
    assert!(!format!("{store:?}").contains("app-user"));
}

#[tokio::test]
async fn a_password_more_and_a_database_too_many() {
    let redis = Redis::start().unwrap();
    let port = redis.port();
    let more = store(format!("localhost:{port},password=s3cret"));
    assert!(more.get(&key("a")).await.unwrap().is_none(), "as .NET: it is not needed, so it opens nothing");
    let database = store(format!("localhost:{port},defaultDatabase=4000"));
    check(&database.get(&key("a")).await.unwrap_err(), "no such database");
}

#[tokio::test]
async fn crowded() {
    let redis = Redis::start().unwrap();
    let first = store(redis.url());
    first.put(&key("a"), entry(b"x")).await.unwrap();
    redis.command(&["CONFIG", "SET", "maxclients", "1"]).unwrap();
    check(&store(redis.url()).get(&key("a")).await.unwrap_err(), "has too many clients");
    assert!(first.get(&key("a")).await.unwrap().is_some(), "who is in stays in");
}

#[tokio::test]
async fn a_replica_after_a_fail_over() {
    let redis = entra_services::RedisSentinel::start().unwrap();
    let port = redis.master().unwrap().port();
    let store = store(format!("localhost:{port}"));
    store.put(&key("a"), entry(b"x")).await.unwrap();
    // Demoted behind the back of the Sentinel, as an operator does it.
    let (master, replica) = (redis.master().unwrap(), redis.replica().unwrap().port().to_string());
    master.command(&["REPLICAOF", "127.0.0.1", &replica]).unwrap();
    let error = store.put(&key("a"), entry(b"y")).await.unwrap_err();
    check(&error, "a fail-over may be under way");
}
