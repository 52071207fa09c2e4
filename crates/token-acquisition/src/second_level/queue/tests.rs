//! Of each key the newest, in its turn, and no more than there is room for.

use std::time::Duration;

use super::*;

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn key(number: u8) -> StoreKey {
    StoreKey::from_bytes([number; 32])
}

fn put(bytes: &[u8], seconds: u64) -> Write {
    Write::Put(StoredEntry::new(bytes, START + Duration::from_secs(seconds)))
}

fn remove() -> Write {
    Write::Remove { until: START + Duration::from_secs(100) }
}

/// What is taken: keys, and the bytes that are put.
fn taken(queue: &Queue, now: u64) -> Vec<(u8, Option<Vec<u8>>)> {
    let batch = queue.take(100, START + Duration::from_secs(now)).unwrap_or_default();
    let taken = batch.into_iter().map(|(key, waiting)| {
        queue.done(&key);
        let bytes = match &*waiting.write {
            Write::Put(entry) => Some(entry.bytes().to_vec()),
            Write::Remove { .. } => None,
        };
        (key.as_bytes()[0], bytes)
    });
    taken.collect()
}

#[test]
fn of_each_key_the_newest() {
    let queue = Queue::default();
    queue.push(key(1), put(b"old", 10), Rank::Fetchable);
    queue.push(key(2), put(b"two", 10), Rank::Fetchable);
    queue.push(key(1), put(b"new", 10), Rank::Fetchable);
    queue.push(key(3), put(b"three", 10), Rank::Fetchable);
    queue.push(key(3), remove(), Rank::Kept);
    assert_eq!(queue.len(), 3);
    let expected = [(3, None), (2, Some(b"two".to_vec())), (1, Some(b"new".to_vec()))];
    assert_eq!(taken(&queue, 0), expected);
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
}

#[test]
fn no_older_write_comes_after_a_newer() {
    let queue = Queue::default();
    queue.push(key(1), put(b"old", 10), Rank::Fetchable);
    let (at, old) = queue.take(16, START).unwrap().remove(0);
    // While it is written, it is said to be over; then the write fails.
    queue.push(key(1), remove(), Rank::Kept);
    queue.give_back(at, old);
    assert_eq!(taken(&queue, 0), [(1, None)]);

    queue.push(key(1), put(b"again", 10), Rank::Fetchable);
    let (at, again) = queue.take(16, START).unwrap().remove(0);
    assert!(queue.holds(&key(1)));
    queue.give_back(at, again);
    let (_, again) = queue.take(16, START).unwrap().remove(0);
    assert_eq!(again.tries, 1);
}

#[test]
fn what_has_ended_is_not_written() {
    let queue = Queue::default();
    queue.push(key(1), put(b"short", 10), Rank::Fetchable);
    queue.push(key(2), put(b"long", 20), Rank::Fetchable);
    assert_eq!(taken(&queue, 10), [(2, Some(b"long".to_vec()))]);
    queue.push(key(1), put(b"short", 10), Rank::Fetchable);
    assert!(queue.take(16, START + Duration::from_secs(11)).is_none());
    assert_eq!(queue.len(), 0);
}

#[test]
fn the_oldest_that_can_be_fetched_again_make_room() {
    let queue = Queue::bounded(4, 10_000);
    queue.push(key(1), put(b"sign-in", 10), Rank::Kept);
    for number in 2..=6 {
        queue.push(key(number), put(b"token", 10), Rank::Fetchable);
    }
    let keys = |queue: &Queue| taken(queue, 0).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(&queue), [1, 4, 5, 6]);
    let dropped = |number| queue.push(key(number), put(b"sign-in", 10), Rank::Kept).dropped;
    assert_eq!((1..=6).map(dropped).sum::<u64>(), 2);
    assert_eq!(keys(&queue), [3, 4, 5, 6], "where there is nothing else");

    let queue = Queue::bounded(100, 3_000);
    let big = [0; 1_000];
    assert_eq!(
        (1..=3).map(|number| queue.push(key(number), put(&big, 10), Rank::Fetchable).dropped).sum::<u64>(),
        1
    );
    assert!(queue.bytes() <= 3_000);
    assert_eq!(keys(&queue), [2, 3]);
}

#[tokio::test]
async fn one_writer_while_there_is_something() {
    let queue = Queue::default();
    assert!(queue.push(key(1), put(b"one", 10), Rank::Fetchable).needs_writer);
    assert!(!queue.push(key(2), put(b"two", 10), Rank::Fetchable).needs_writer);
    assert_eq!(taken(&queue, 0).len(), 2);
    assert!(!queue.push(key(3), put(b"three", 10), Rank::Fetchable).needs_writer, "it has not looked again");
    assert_eq!(taken(&queue, 0).len(), 1);
    assert!(queue.take(16, START).is_none());
    queue.is_drained().await;
    assert!(queue.push(key(4), put(b"four", 10), Rank::Fetchable).needs_writer);
    drop(queue.take(16, START));
    queue.push(key(4), put(b"newer", 10), Rank::Fetchable);
    queue.push(key(5), put(b"five", 10), Rank::Fetchable);
    drop(queue.take(1, START));
    queue.is_left_alone();
    assert!(queue.needs_writer());
    assert_eq!(taken(&queue, 0), [(4, Some(b"newer".to_vec())), (5, Some(b"five".to_vec()))]);
    queue.has_written(&key(4)).await;
}
