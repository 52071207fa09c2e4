//! What every store must do, by one server, by TLS, by a cluster and by Sentinels.

use entra_abstractions::{
    SystemClock,
    testing::{Spoilt, store_conformance, store_spoilt_conformance},
};
use entra_services::{Redis, RedisCluster, RedisSentinel};

use super::*;

#[tokio::test]
async fn one_server() {
    let redis = Redis::start().unwrap();
    store_conformance(&store(redis.url()), &SystemClock, pass).await;
    store_conformance(&store(format!("localhost:{}", redis.port())), &SystemClock, pass).await;
    let (database, name) = (store(format!("127.0.0.1:{},defaultDatabase=5,name=it", redis.port())), key("5"));
    database.put(&name, entry(b"fifth")).await.unwrap();
    assert!(store(redis.url()).get(&name).await.unwrap().is_none(), "databases are apart");
    assert!(redis.command(&["CLIENT", "LIST"]).unwrap().contains("name=it"));
}

#[tokio::test]
async fn what_is_spoilt_behind_its_back() {
    let redis = Redis::start().unwrap();
    let only = || redis.command(&["KEYS", "it:*"]).unwrap().trim().to_owned();
    store_spoilt_conformance(store(redis.url()), &SystemClock, async |spoilt| {
        let key = only();
        match spoilt {
            Spoilt::TooLarge => redis.command(&["SETRANGE", &key, "1100000", "x"]).unwrap(),
            _ => redis.command(&["SET", &key, "{}", "KEEPTTL"]).unwrap(),
        };
    })
    .await;
    // Not even a text.
    store_spoilt_conformance(store(redis.url()), &SystemClock, async |_| {
        let key = only();
        redis.command(&["DEL", &key]).unwrap();
        redis.command(&["HSET", &key, "data", "{}"]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn tls() {
    let redis = Redis::tls().unwrap();
    let ca = redis.ca().unwrap();
    let by_url = RedisStore::builder(redis.url()).certificate_authority(ca).build().unwrap();
    store_conformance(&by_url, &SystemClock, pass).await;

    let port = redis.port();
    let password = redis.password().unwrap();
    for protocols in ["tls12", "tls13", "tls12|tls13"] {
        let text = format!(
            "localhost:{port},password={password},ssl=True,abortConnect=False,sslProtocols={protocols}"
        );
        let by_string = RedisStore::builder(text).certificate_authority(ca).build().unwrap();
        by_string.put(&key(protocols), entry(b"x")).await.unwrap();
    }
    // Known by its address, and by its name for the certificate.
    let text = format!("127.0.0.1:{port},password={password},ssl=True,sslHost=localhost");
    let by_address = RedisStore::builder(text).certificate_authority(ca).build().unwrap();
    assert!(by_address.get(&key("tls12")).await.unwrap().is_some());

    let untrusted = store(format!("localhost:{port},password={password},ssl=True"));
    let error = untrusted.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("is not trusted"), "{error}");
    let wrong = format!("localhost:{port},password={password},ssl=True,sslHost=other.example");
    let wrong = RedisStore::builder(wrong).certificate_authority(ca).build().unwrap();
    let error = wrong.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("another name"), "{error}");
    let plain = store(format!("localhost:{port}"));
    let error = plain.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("closed the connection at once: it wants TLS"), "{error}");
}

#[tokio::test]
async fn a_cluster() {
    let cluster = RedisCluster::start().unwrap();
    // By one of its servers, or by several of them.
    let first = store(cluster.urls().remove(0));
    store_conformance(&first, &SystemClock, pass).await;
    let ports: Vec<String> =
        cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let all = store(ports.join(","));
    for index in 0..100 {
        let key = key(&index.to_string());
        all.put(&key, entry(b"spread")).await.unwrap();
        assert!(first.get(&key).await.unwrap().is_some());
    }
    let database = store(format!("{},defaultDatabase=1", ports.join(",")));
    let error = database.get(&key("1")).await.unwrap_err();
    assert!(error.what().contains("one database only: leave defaultDatabase out"), "{error}");
    for node in cluster.nodes() {
        let count: u64 = node.command(&["DBSIZE"]).unwrap().trim().parse().unwrap();
        assert!(count > 10, "each server keeps its share: {count}");
    }
}

#[tokio::test]
async fn a_cluster_that_moves_a_slot() {
    let cluster = RedisCluster::start().unwrap();
    // Braces keep all keys in one slot, which is moved while it is read and written.
    let moving = RedisStore::builder(cluster.urls().remove(0)).instance_name("{it}").build().unwrap();
    for index in 0..20 {
        moving.put(&key(&index.to_string()), entry(b"moving")).await.unwrap();
    }
    let nodes = cluster.nodes();
    let slot = nodes[0].command(&["CLUSTER", "KEYSLOT", "it"]).unwrap().trim().to_owned();
    let holds = |node: &&Redis| node.command(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).unwrap().trim() == "20";
    let from = nodes.iter().find(holds).unwrap();
    let to = nodes.iter().find(|node| node.port() != from.port()).unwrap();
    let id = |node: &Redis| node.command(&["CLUSTER", "MYID"]).unwrap().trim().to_owned();
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]).unwrap();
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]).unwrap();
    // New keys go to the server that imports them (ASK), old ones are where they were.
    assert!(moving.put_new(&key("new"), entry(b"asked")).await.unwrap());
    assert_eq!(to.command(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).unwrap().trim(), "1");
    assert_eq!(moving.get(&key("new")).await.unwrap().unwrap().bytes(), b"asked");
    assert_eq!(moving.get(&key("7")).await.unwrap().unwrap().bytes(), b"moving");
    let port = to.port().to_string();
    for index in 0..20 {
        let name = format!("{{it}}{}", key(&index.to_string()).to_text());
        from.command(&["MIGRATE", "127.0.0.1", &port, &name, "0", "5000"]).unwrap();
    }
    for node in nodes {
        node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]).unwrap();
    }
    for index in 0..20 {
        let found = moving.get(&key(&index.to_string())).await.unwrap();
        assert_eq!(found.unwrap().bytes(), b"moving", "a moved key is found (MOVED)");
    }
}

#[tokio::test]
async fn sentinels() {
    let redis = RedisSentinel::start().unwrap();
    let text = format!("127.0.0.1:{},serviceName={}", redis.sentinel().port(), redis.master_name());
    store_conformance(&store(&text), &SystemClock, pass).await;
    let unknown = store(format!("127.0.0.1:{},serviceName=other", redis.sentinel().port()));
    let error = unknown.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("no primary that is called other"), "{error}");
    let unsaid = store(format!("127.0.0.1:{}", redis.sentinel().port()));
    let error = unsaid.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("serviceName"), "{error}");

    // A password of the servers alone, which the Sentinel does not want.
    redis.master().unwrap().command(&["CONFIG", "SET", "requirepass", "s3cret?%G&="]).unwrap();
    store(format!("{text},password=s3cret?%G&=")).put(&key("a"), entry(b"x")).await.unwrap();
    let error = store(&text).get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("refuses the user or password"), "{error}");
}

#[tokio::test]
async fn the_primary_is_found_among_several() {
    let redis = RedisSentinel::start().unwrap();
    let (primary, replica) = (redis.master().unwrap().port(), redis.replica().unwrap().port());
    let both = store(format!("127.0.0.1:{replica},127.0.0.1:{primary}"));
    both.put(&key("a"), entry(b"x")).await.unwrap();
    let error = store(format!("127.0.0.1:{replica}")).get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("only replicas"), "{error}");
}
