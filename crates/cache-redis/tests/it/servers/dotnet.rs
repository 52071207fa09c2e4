//! Beside the entries of .NET's `IDistributedCache`, under the same prefix.

use entra_abstractions::{Kept, Unreadable, testing::share};
use entra_services::Redis;

use super::*;

#[tokio::test]
async fn keys_stand_where_dotnet_has_them_and_its_own_are_left_alone() {
    let redis = Redis::start().unwrap();
    let ours = store(redis.url());
    // As Microsoft.Extensions.Caching.StackExchangeRedis writes: a hash behind the prefix.
    let theirs = ["HSET", "it:client_tenant_AppTokenCache", "absexp", "-1", "sldexp", "-1", "data", "{}"];
    redis.command(&theirs).unwrap();
    ours.put(&key("a"), entry(b"x")).await.unwrap();
    let keys = redis.command(&["KEYS", "it:*"]).unwrap();
    assert!(keys.lines().any(|line| line == format!("it:{}", key("a").to_text())), "{keys}");
    assert_eq!(redis.command(&["HGET", theirs[1], "data"]).unwrap().trim(), "{}");
    assert_eq!(redis.command(&["TTL", theirs[1]]).unwrap().trim(), "-1");

    // Nothing of .NET has a key of ours, which is a digest. If something does, it does not open.
    let shared = share(Arc::new(ours.clone()));
    let foreign = format!("it:{}", key("b").to_text());
    redis.command(&["HSET", &foreign, "absexp", "-1", "data", "{}"]).unwrap();
    assert_eq!(shared.get(&key("b")).await.unwrap(), Kept::Unreadable(Unreadable::UnknownVersion));
    assert!(!ours.put_new(&key("b"), entry(b"x")).await.unwrap(), "it is not replaced");
    assert_eq!(redis.command(&["TYPE", &foreign]).unwrap().trim(), "hash");

    // A text of somebody else, or of a later version: none of them opens, and none is a store that fails.
    let text = format!("it:{}", key("c").to_text());
    for value in ["s3cret", "e\u{2}a later version", "e"] {
        redis.command(&["SET", &text, value]).unwrap();
        assert_eq!(shared.get(&key("c")).await.unwrap(), Kept::Unreadable(Unreadable::UnknownVersion));
    }
    shared.put(&key("c"), &entry(b"x")).await.unwrap();
    assert!(shared.get(&key("c")).await.unwrap().entry().is_some(), "what is put takes its place");

    // One that never ends.
    redis.command(&["SETRANGE", &text, "5000000", "x"]).unwrap();
    assert!(
        ours.get(&key("c")).await.unwrap() == Some(StoredEntry::unreadable()),
        "no more is read than can be ours"
    );
}

#[tokio::test]
async fn a_read_and_a_write_are_one_command_each() {
    let redis = Redis::start().unwrap();
    let ours = store(redis.url());
    ours.get(&key("warm")).await.unwrap();
    let count = || {
        let stats = redis.command(&["INFO", "commandstats"]).unwrap();
        let calls = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let ours = ["getrange", "get", "set", "pttl", "exists", "del"].contains(&name);
            rest.split(',').next()?.parse::<u64>().ok().filter(|_| ours)
        };
        stats.lines().filter_map(calls).sum::<u64>()
    };
    let before = count();
    ours.put(&key("a"), entry(b"x")).await.unwrap();
    assert!(ours.get(&key("a")).await.unwrap().unwrap() == ours.get(&key("a")).await.unwrap().unwrap());
    assert!(!ours.put_new(&key("a"), entry(b"y")).await.unwrap());
    assert!(ours.remove(&key("a")).await.unwrap());
    assert_eq!(count() - before, 5);
}

#[tokio::test]
async fn a_clock_that_is_off_does_not_shorten_a_life() {
    use entra_abstractions::testing::ManualClock;

    let redis = Redis::start().unwrap();
    for off in [Duration::from_secs(600), Duration::ZERO] {
        // An hour is an hour, whatever time the writer or the server thinks it is.
        let clock = Arc::new(ManualClock::new(now() - Duration::from_secs(300) + off));
        let ours = RedisStore::builder(redis.url()).clock(clock.clone()).build().unwrap();
        let until = entra_abstractions::Clock::now(&*clock) + Duration::from_secs(3_600);
        ours.put(&key("off"), StoredEntry::new(*b"x", until)).await.unwrap();
        let left: u64 = redis.command(&["PTTL", &key("off").to_text()]).unwrap().trim().parse().unwrap();
        assert!((3_590_000..=3_600_000).contains(&left), "{left}");
        assert_eq!(ours.get(&key("off")).await.unwrap().unwrap().expires_at(), until, "to the nanosecond");
    }
}
