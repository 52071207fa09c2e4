//! What a store that fails, hangs and comes back costs those who ask. The time is the runtime's, and
//! paused: it passes when nothing else happens.

use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use entra_abstractions::{
    StoreTokens,
    testing::{ManualClock, MemoryStore, share},
};
use tokio::runtime::Handle;

use super::*;

struct Bench {
    level: Arc<SecondLevel>,
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
}

fn bench() -> Bench {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<_>));
    let level = SecondLevel::new(share(Arc::clone(&store) as Arc<_>), Arc::clone(&clock) as Arc<_>);
    Bench { level, store, clock }
}

impl Bench {
    async fn look(&self) -> (Result<Kept, Looked>, Duration) {
        let began = Instant::now();
        let looked = self.level.look(&key(1), Duration::from_secs(30)).await;
        (looked, began.elapsed())
    }

    fn put(&self, number: u8, bytes: &[u8]) {
        let entry = StoredEntry::new(bytes, self.clock.now() + Duration::from_secs(3_600));
        self.level.write(key(number), Write::Put(entry), Rank::Fetchable);
    }

    async fn kept(&self, number: u8) -> Option<Vec<u8>> {
        let kept = self.level.store.get(&key(number)).await.unwrap();
        kept.entry().map(|entry| entry.bytes().to_vec())
    }

    fn counted<W: counts::Word>(tally: &counts::Tally<W>, word: &str) -> u64 {
        tally.read().find(|(known, _)| *known == word).unwrap().1
    }
}

fn key(number: u8) -> StoreKey {
    StoreKey::from_bytes([number; 32])
}

async fn pass(time: Duration) {
    tokio::time::sleep_until(Instant::now() + time).await;
}

const TENTH: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn three_wait_and_then_nobody() {
    let bench = bench();
    bench.store.hang();
    for _ in 0..3 {
        let (looked, took) = bench.look().await;
        assert!(matches!(looked, Err(Looked::Late)) && took >= TENTH && took < 2 * TENTH, "{took:?}");
    }
    assert!(bench.level.is_away());
    for _ in 0..100 {
        let (looked, took) = bench.look().await;
        assert!(matches!(looked, Err(Looked::Away)) && took.is_zero(), "{took:?}");
        pass(Duration::from_millis(50)).await;
    }
    assert_eq!(Bench::counted(&bench.level.counts().away, "reads"), 1);

    bench.store.come_back();
    let back = Instant::now();
    while bench.level.is_away() {
        drop(bench.look().await);
        pass(Duration::from_millis(10)).await;
    }
    assert!(back.elapsed() <= Duration::from_secs(1), "{:?}", back.elapsed());
    assert!(matches!(bench.look().await, (Ok(Kept::Nothing), _)));
    assert_eq!(Bench::counted(&bench.level.counts().back, "reads"), 1);
}

#[tokio::test(start_paused = true)]
async fn with_a_lease_a_busy_store_is_waited_for() {
    let Bench { store, clock, .. } = bench();
    let shared = share(Arc::clone(&store) as Arc<_>).lease(Duration::from_secs(10));
    let level = SecondLevel::new(shared, Arc::clone(&clock) as Arc<_>);
    let bench = Bench { level, store, clock };
    bench.store.hang();
    let (looked, took) = bench.look().await;
    assert!(matches!(looked, Err(Looked::Late)) && took.as_secs() == 1, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_waited_for_no_longer_than_the_caller_has() {
    let Bench { store, clock, .. } = bench();
    let shared = share(Arc::clone(&store) as Arc<_>).timeout(Duration::from_secs(3_600));
    let level = SecondLevel::new(shared, Arc::clone(&clock) as Arc<_>);
    let bench = Bench { level, store, clock };
    bench.store.hang();
    let (looked, took) = bench.look().await;
    assert!(matches!(looked, Err(Looked::Late)) && took.as_secs() == 30, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_for_a_store_that_nobody_asks() {
    let bench = bench();
    let alone = Handle::current().metrics().num_alive_tasks();
    bench.store.go_away();
    for _ in 0..3 {
        assert!(matches!(bench.look().await.0, Err(Looked::Failed)));
    }
    pass(Duration::from_secs(60)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), alone, "nobody has asked since");
    assert!(matches!(bench.look().await.0, Err(Looked::Away)));
    pass(Duration::from_millis(1)).await;
    assert!(Handle::current().metrics().num_alive_tasks() > alone, "it is looked for");
    pass(Duration::from_secs(4)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), alone, "not for long");
    bench.store.come_back();
    drop(bench.look().await);
    pass(Duration::from_millis(1)).await;
    assert!(!bench.level.is_away(), "the next who asks finds it");
}

#[tokio::test(start_paused = true)]
async fn where_it_is_the_only_source_it_is_asked_all_the_same() {
    let bench = bench();
    bench.store.hang();
    let ask = async || {
        let began = Instant::now();
        let error = bench.level.ask("sessions", bench.level.store().get(&key(1))).await.unwrap_err();
        (error.to_string(), began.elapsed().as_secs())
    };
    for _ in 0..3 {
        assert_eq!(ask().await, ("token store sessions: no answer in 5 s".into(), 5));
    }
    assert_eq!(ask().await, ("token store sessions: no answer in 1 s".into(), 1), "it is away");
    bench.store.come_back();
    bench.level.ask("sessions", bench.level.store().get(&key(1))).await.unwrap();
    assert!(!bench.level.is_away());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_read_on() {
    let bench = bench();
    bench.store.go_away();
    for _ in 0..5 {
        let entry = StoredEntry::new(*b"session", bench.clock.now() + Duration::from_secs(60));
        bench.level.ask_to_write("sessions", bench.level.store().put(&key(1), &entry)).await.unwrap_err();
    }
    assert!(!bench.level.is_away());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_late_takes_no_other_one() {
    let bench = bench();
    let lasts = Duration::from_secs(10);
    let lease = |clock: &ManualClock| StoredEntry::new(*b"lease", clock.now() + lasts);
    let ends_at = bench.clock.now() + lasts;
    let own = lease::Lease { level: Arc::clone(&bench.level), at: key(1), ends_at };
    bench.store.go_away();
    drop(own);
    pass(TENTH).await;
    assert_eq!(bench.level.waiting().0, 1);
    bench.clock.advance(lasts);
    bench.store.come_back();
    bench.level.store.put(&key(1), &lease(&bench.clock)).await.unwrap();
    bench.level.settled().await;
    assert_eq!(bench.kept(1).await.as_deref(), Some(b"lease".as_slice()));
    // One that took longer than the lease lasts has nothing to give back.
    drop(lease::Lease { level: Arc::clone(&bench.level), at: key(1), ends_at });
    bench.level.settled().await;
    assert_eq!(bench.kept(1).await.as_deref(), Some(b"lease".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_written_when_it_is_back() {
    let bench = bench();
    let alone = Handle::current().metrics().num_alive_tasks();
    bench.store.go_away();
    for number in 0..200 {
        bench.put(number, b"old");
    }
    bench.put(7, b"new");
    bench.level.forget(key(8));
    let began = Instant::now();
    bench.level.settled().await;
    assert_eq!(began.elapsed().as_secs(), 5, "not for ever");
    assert_eq!((bench.level.waiting().0, bench.store.entries().len()), (200, 0));

    bench.store.come_back();
    let back = Instant::now();
    bench.level.settled().await;
    assert!(back.elapsed() <= Duration::from_millis(200), "{:?}", back.elapsed());
    assert_eq!((bench.level.waiting(), bench.store.entries().len()), ((0, 0), 199));
    assert_eq!(bench.kept(7).await.as_deref(), Some(b"new".as_slice()));
    assert_eq!(bench.kept(8).await, None);
    let counts = bench.level.counts();
    assert_eq!((Bench::counted(&counts.away, "writes"), Bench::counted(&counts.back, "writes")), (1, 1));
    assert_eq!(Bench::counted(&counts.writes, "kept"), 199);
    pass(Duration::from_millis(1)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), alone, "the writer is gone");
}

/// A store that takes nothing under one key.
#[derive(Debug)]
struct Picky {
    store: Arc<MemoryStore>,
    tries: AtomicUsize,
}

#[async_trait]
impl StoreTokens for Picky {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.store.get(key).await
    }

    async fn put(&self, at: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        if *at == key(0) {
            self.tries.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::new("picky", "the value is too large"));
        }
        self.store.put(at, entry).await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.store.put_new(key, entry).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.store.remove(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_never_takes_keeps_nothing_else_waiting() {
    let Bench { store, clock, .. } = bench();
    let picky = Arc::new(Picky { store: Arc::clone(&store), tries: AtomicUsize::new(0) });
    let level = SecondLevel::new(share(Arc::clone(&picky) as Arc<_>), Arc::clone(&clock) as Arc<_>);
    let bench = Bench { level, store, clock };
    for number in 0..100 {
        bench.put(number, b"token");
    }
    bench.level.settled().await;
    assert_eq!((bench.level.waiting().0, bench.store.entries().len()), (0, 99));
    assert_eq!(picky.tries.load(Ordering::Relaxed), 4);
    assert_eq!(bench.level.counts().dropped.load(Ordering::Relaxed), 1);
    assert!(!bench.level.is_away(), "reads are answered all the while");
}

#[tokio::test]
async fn a_runtime_that_ends_leaves_the_rest_to_the_next() {
    let bench = bench();
    bench.store.hang();
    let level = Arc::clone(&bench.level);
    let entry = StoredEntry::new(*b"token", bench.clock.now() + Duration::from_secs(60));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            level.write(key(1), Write::Put(entry.clone()), Rank::Fetchable);
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            level.write(key(2), Write::Put(entry), Rank::Fetchable);
        });
    })
    .join()
    .unwrap();
    bench.store.come_back();
    bench.level.settled().await;
    for number in [1, 2] {
        assert_eq!(bench.kept(number).await.as_deref(), Some(b"token".as_slice()), "{number}");
    }
}
