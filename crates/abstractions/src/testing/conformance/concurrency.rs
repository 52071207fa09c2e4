//! Many at once: of one key, and of thousands.

use futures_util::{
    StreamExt,
    future::{join, join_all},
    stream,
};

use super::{HOUR, Trial};
use crate::StoreKey;

/// How many requests are under way at once.
const AT_ONCE: usize = 32;

impl Trial<'_> {
    pub(super) async fn one_of_many_wins(&self) {
        for round in 0..4 {
            let key = self.key(format!("contended {round}"));
            self.exactly_one_is_new(&key).await;
            let removals = join_all((0..8).map(|_| self.remove(&key))).await;
            let removed = removals.into_iter().filter(|was_there| *was_there).count();
            assert!(removed == 1, "of many that remove one entry at once one did: {removed} say so");
        }
    }

    /// Of many that put something new at once one does, and it is what is kept.
    pub(super) async fn exactly_one_is_new(&self, key: &StoreKey) {
        let values: Vec<Vec<u8>> = (0..8_u8).map(|writer| vec![writer; 64]).collect();
        let kept = join_all(values.iter().map(|value| self.put_new(key, value, HOUR))).await;
        let winners: Vec<&Vec<u8>> =
            values.iter().zip(kept).filter_map(|(value, kept)| kept.then_some(value)).collect();
        assert!(
            winners.len() == 1,
            "of many that put something new at once one does: {} say so",
            winners.len()
        );
        for winner in winners {
            self.holds(key, winner, "who says that theirs was kept is right").await;
        }
    }

    pub(super) async fn whole_entries_are_read_while_many_write(&self) {
        let key = self.key("written by many");
        self.put(&key, &[0; 1_000], HOUR).await;
        let writes = join_all((0..16_u8).map(async |writer| {
            for round in 0..4_usize {
                // Of many lengths, so that one written over another would show.
                let value = vec![writer; 1_000 + 500 * round + usize::from(writer)];
                self.put(&key, &value, HOUR).await;
            }
        }));
        let reads = join_all((0..8).map(async |_| {
            for _ in 0..8 {
                let entry = self.get(&key).await;
                let bytes = entry.as_ref().map_or(&[][..], |entry| entry.bytes());
                let is_whole = bytes.first().is_some_and(|first| bytes.iter().all(|byte| byte == first));
                assert!(is_whole, "an entry is read whole while others write it");
            }
        }));
        join(writes, reads).await;
        assert!(self.remove(&key).await, "an entry was removed");
    }

    pub(super) async fn many_keys(&self, keys: usize) {
        let key = |index: usize| self.key(format!("many {index}"));
        let value = |index: usize| format!("value of {index}").into_bytes();
        stream::iter(0..keys)
            .for_each_concurrent(AT_ONCE, async |index| self.put(&key(index), &value(index), HOUR).await)
            .await;
        // Each fifth: a round trip for each would only take longer.
        stream::iter((0..keys).step_by(5))
            .for_each_concurrent(AT_ONCE, async |index| {
                self.holds(&key(index), &value(index), "each of many keys has its own").await;
            })
            .await;
        let removed = stream::iter((0..keys).step_by(10)).map(async |index| self.remove(&key(index)).await);
        let removed =
            removed.buffer_unordered(AT_ONCE).filter(|was_there| std::future::ready(*was_there)).count();
        assert!(removed.await == keys.div_ceil(10), "each entry is removed");
        self.holds(&key(1), &value(1), "its neighbours stay").await;
    }
}
