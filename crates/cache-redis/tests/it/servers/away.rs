//! Servers that are killed, frozen, started again, and taken over from.

use entra_abstractions::{SystemClock, testing::store_outage_conformance};
use entra_services::{Proxy, Redis, RedisCluster, RedisSentinel};
use tokio::time::timeout;

use super::*;

/// At once, on a machine that is busy; the drill measures how fast it is on one that is not.
const SOON: Duration = Duration::from_secs(15);

#[tokio::test]
async fn what_every_store_must_do_while_its_server_is_away() {
    let within = Duration::from_secs(1);
    let redis = Arc::new(Redis::start().unwrap());
    let store = RedisStore::builder(redis.url()).timeout(within).build().unwrap();
    let kill = async || redis.kill();
    let restart = async || apart(&redis, Redis::restarted).await;
    store_outage_conformance(&store, &SystemClock, pass, within, kill, restart).await;
    let (freeze, thaw) = (async || redis.freeze(), async || redis.thaw());
    store_outage_conformance(&store, &SystemClock, pass, within, freeze, thaw).await;

    let redis = Arc::new(Redis::tls().unwrap());
    let store = RedisStore::builder(redis.url()).certificate_authority(redis.ca().unwrap()).timeout(within);
    let store = store.build().unwrap();
    let kill = async || redis.kill();
    let restart = async || apart(&redis, Redis::restarted).await;
    store_outage_conformance(&store, &SystemClock, pass, within, kill, restart).await;
    let (freeze, thaw) = (async || redis.freeze(), async || redis.thaw());
    store_outage_conformance(&store, &SystemClock, pass, within, freeze, thaw).await;
}

#[tokio::test]
async fn a_program_starts_without_its_store() {
    let redis = Arc::new(Redis::start().unwrap());
    redis.kill();
    let store = store(redis.url());
    let start = watch();
    let error = store.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("nothing listens there") && start.elapsed() < SOON, "{error}");
    apart(&redis, Redis::restarted).await;
    until_answered(&store, &key("a"), SOON).await;
}

#[tokio::test]
async fn killed_and_started_again() {
    let redis = Arc::new(Redis::start().unwrap());
    let store = store(redis.url());
    store.put(&key("a"), entry(b"x")).await.unwrap();
    redis.kill();
    assert!(store.get(&key("a")).await.is_err());
    apart(&redis, Redis::restarted).await;
    let (took, _) = until_answered(&store, &key("a"), SOON).await;
    println!("after a restart: answered within {took:?}");
    // One that nobody saw go: the loss is noticed, and no request fails by it.
    redis.kill();
    apart(&redis, Redis::restarted).await;
    pass(Duration::from_millis(50)).await;
    store.put(&key("a"), entry(b"x")).await.unwrap();
}

#[tokio::test]
async fn frozen_while_callers_are_impatient() {
    let redis = Redis::start().unwrap();
    let store = store(redis.url());
    store.put(&key("a"), entry(b"x")).await.unwrap();
    redis.freeze();
    // As an acquirer asks: for a tenth of a second, again and again.
    for _ in 0..30 {
        let look = timeout(Duration::from_millis(100), store.get(&key("a"))).await;
        assert!(!matches!(look, Ok(Ok(_))), "nobody answers");
    }
    redis.thaw();
    let (took, errors) = until_answered(&store, &key("a"), SOON).await;
    println!("after a freeze of 3 s: answered within {took:?}, {} errors", errors.len());
    assert_eq!(
        store.get(&key("a")).await.unwrap().unwrap().bytes(),
        b"s3cret?%G&=",
        "and by the right answer"
    );
}

#[tokio::test]
async fn frozen_beyond_the_store_s_own_time() {
    let redis = Redis::start().unwrap();
    let store = RedisStore::builder(redis.url()).timeout(Duration::from_secs(1)).build().unwrap();
    store.put(&key("a"), entry(b"x")).await.unwrap();
    redis.freeze();
    let start = watch();
    let error = store.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("did not answer within 1000 ms") && start.elapsed() < SOON, "{error}");
    redis.thaw();
    until_answered(&store, &key("a"), SOON).await;
}

#[tokio::test]
async fn a_network_that_swallows_everything() {
    let redis = Redis::start().unwrap();
    let proxy = Proxy::before(redis.port()).unwrap();
    let store = store(format!("127.0.0.1:{}", proxy.port()));
    store.put(&key("a"), entry(b"x")).await.unwrap();
    proxy.freeze();
    for _ in 0..15 {
        assert!(timeout(Duration::from_millis(100), store.get(&key("a"))).await.is_err());
    }
    // The old connection stays silent for ever; a new one is opened because of the silence.
    proxy.pass();
    let (took, _) = until_answered(&store, &key("a"), SOON).await;
    println!("after a silent network: answered within {took:?}");
    proxy.cut();
    until_answered(&store, &key("a"), SOON).await;
}

#[tokio::test]
async fn dropped_requests_mix_up_no_answers() {
    let redis = Redis::start().unwrap();
    let proxy = Proxy::before(redis.port()).unwrap();
    let store = Arc::new(store(format!("127.0.0.1:{}", proxy.port())));
    for index in 0..50 {
        let name = index.to_string();
        store.put(&key(&name), entry(name.as_bytes())).await.unwrap();
    }
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut answered = 0;
                for round in 0..500_u64 {
                    let name = ((round * 7 + task) % 50).to_string();
                    let patience = Duration::from_micros(round % 400);
                    if let Ok(found) = timeout(patience, store.get(&key(&name))).await {
                        assert_eq!(found.unwrap().unwrap().bytes(), name.as_bytes());
                        answered += 1;
                    }
                }
                answered
            })
        })
        .collect();
    let mut answered = 0;
    for task in tasks {
        answered += task.await.unwrap();
    }
    assert!(answered > 0, "some had time");
    assert!(proxy.connections() < 5, "impatience alone costs no connection: {}", proxy.connections());
}

#[tokio::test]
async fn a_fail_over_by_a_sentinel() {
    let redis = RedisSentinel::start().unwrap();
    let text = format!("127.0.0.1:{},serviceName={}", redis.sentinel().port(), redis.master_name());
    let store = store(text);
    store.put(&key("a"), entry(b"x")).await.unwrap();
    let old = redis.master().unwrap();
    old.kill();
    let (took, errors) = until_answered(&store, &key("a"), SOON).await;
    println!("after a fail-over: answered within {took:?}, {} errors", errors.len());
    assert_ne!(redis.master().unwrap().port(), old.port(), "another one took over");
    assert!(store.get(&key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_fail_over_from_a_frozen_primary() {
    let redis = RedisSentinel::start().unwrap();
    let text = format!("127.0.0.1:{},serviceName={}", redis.sentinel().port(), redis.master_name());
    let store = store(text);
    store.put(&key("a"), entry(b"x")).await.unwrap();
    let old = redis.master().unwrap();
    old.freeze();
    let start = watch();
    // Callers who never stay long enough to see a connection fail. What was written last may be lost:
    // replicas follow behind the answer.
    while !matches!(timeout(Duration::from_millis(100), store.get(&key("a"))).await, Ok(Ok(_))) {
        assert!(start.elapsed() < SOON, "nobody takes over");
        pass(Duration::from_millis(20)).await;
    }
    println!("after a frozen primary: answered within {:?}", start.elapsed());
    old.thaw();
    assert_ne!(redis.master().unwrap().port(), old.port(), "another one took over");
    store.put(&key("a"), entry(b"y")).await.unwrap();
}

/// It became a replica, and nobody took over yet: what it has is served, and refused writes cost those
/// who read no connection.
#[tokio::test]
async fn a_replica_is_read_on() {
    let redis = Redis::start().unwrap();
    let proxy = Proxy::before(redis.port()).unwrap();
    let store = store(format!("127.0.0.1:{}", proxy.port()));
    store.put(&key("a"), entry(b"x")).await.unwrap();
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    let (before, began) = (proxy.connections(), watch());
    for _ in 0..300 {
        let error = store.put(&key("a"), entry(b"y")).await.unwrap_err();
        assert!(error.what().contains("a fail-over may be under way"), "{error}");
        assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"x");
    }
    let (opened, took) = (proxy.connections() - before, began.elapsed());
    assert!(u128::from(opened) <= 1 + took.as_millis() / 200, "{opened} in {took:?}");
    redis.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    while store.put(&key("a"), entry(b"y")).await.is_err() {
        assert!(began.elapsed() < SOON, "it takes writes again");
    }
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().bytes(), b"y");
}

#[tokio::test]
async fn a_server_of_a_cluster() {
    let cluster = Arc::new(RedisCluster::start().unwrap());
    let store = store(cluster.urls().remove(0));
    let keys: Vec<StoreKey> = (0..30).map(|index| key(&index.to_string())).collect();
    for key in &keys {
        store.put(key, entry(b"x")).await.unwrap();
    }
    // The first: the one that was configured. The others must go on.
    cluster.nodes()[0].kill();
    let mut served = 0;
    for key in &keys {
        served += usize::from(store.get(key).await.is_ok());
    }
    assert!((10..30).contains(&served), "the slots of the others are served: {served}");
    apart(&cluster, |cluster| cluster.nodes()[0].restart().unwrap()).await;
    let start = watch();
    for key in &keys {
        until_answered(&store, key, Duration::from_secs(10)).await;
    }
    println!("after a server of a cluster came back: all answered within {:?}", start.elapsed());
}

/// The server that was configured is gone for good, and its replica has its slots.
#[tokio::test]
async fn a_replica_of_a_cluster_takes_over() {
    let cluster = Arc::new(RedisCluster::with_replica().unwrap());
    let store = store(cluster.urls().remove(0));
    let keys: Vec<StoreKey> = (0..30).map(|index| key(&index.to_string())).collect();
    for key in &keys {
        store.put(key, entry(b"x")).await.unwrap();
    }
    cluster.nodes()[0].kill();
    let start = watch();
    for key in &keys {
        until_answered(&store, key, SOON).await;
    }
    println!("after a fail-over in a cluster: all answered within {:?}", start.elapsed());
    // It comes back as a replica of its replica, and sends on whoever asks it first.
    apart(&cluster, |cluster| cluster.nodes()[0].restart().unwrap()).await;
    let later = self::store(cluster.urls().remove(0));
    for key in &keys {
        assert!(store.get(key).await.unwrap().is_some());
        until_answered(&later, key, SOON).await;
    }
}

trait Restarted {
    fn restarted(&self);
}

impl Restarted for Redis {
    fn restarted(&self) {
        self.restart().unwrap();
    }
}
