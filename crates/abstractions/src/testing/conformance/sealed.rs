//! What was sealed comes back as it went, or is told apart from nothing; keys change, and no entry
//! is lost.

use super::{HOUR, Trial};
use crate::{EncryptionKeys, StoreKey, Unreadable};

const OLD: &str = "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZC4=";
const NEW: &str = "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldy4=";
const SECRET: &[u8] = b"a refresh token: s3cret?%G&=";

#[expect(clippy::expect_used, reason = "these are assertions of tests")]
impl Trial<'_> {
    pub(super) async fn what_is_spoilt_is_told_apart_from_nothing(&self) {
        let keys = EncryptionKeys::new(OLD).expect("it is a key");
        let (here, elsewhere) = (self.key("sealed"), self.key("elsewhere"));
        self.seal(&keys, &here).await;
        assert_eq!(self.open(&keys, &here).await, Some(Ok(())), "what was sealed is opened");
        let sealed = self.get(&here).await.expect("it was just put");
        assert!(!sealed.bytes().windows(6).any(|bytes| bytes == b"s3cret"), "a store sees nothing readable");

        self.put(&elsewhere, sealed.bytes(), HOUR).await;
        assert_eq!(self.open(&keys, &elsewhere).await, Some(Err(Unreadable::Altered)), "it was moved");
        let mut flipped = sealed.bytes().to_vec();
        if let Some(last) = flipped.last_mut() {
            *last ^= 1;
        }
        let cut = sealed.bytes().get(..9).unwrap_or_default();
        for (spoilt, why) in [
            (&*flipped, Unreadable::Altered),
            (cut, Unreadable::Altered),
            (b"", Unreadable::Altered),
            (b"\xffwritten by a later version", Unreadable::UnknownVersion),
            (b"{\"RefreshToken\":{}}", Unreadable::UnknownVersion),
        ] {
            self.put(&here, spoilt, HOUR).await;
            assert_eq!(
                self.open(&keys, &here).await,
                Some(Err(why)),
                "what is spoilt is told apart from nothing"
            );
        }
        self.seal(&keys, &here).await;
        assert_eq!(self.open(&keys, &here).await, Some(Ok(())), "what is put again is as good as new");
        for key in [here, elsewhere] {
            assert!(self.remove(&key).await, "an entry was removed");
            assert_eq!(self.open(&keys, &key).await, None, "what was removed is nothing");
        }
    }

    /// As an operator changes keys over several instances: at each step some are ahead of others.
    pub(super) async fn keys_are_rotated_and_nothing_is_lost(&self) {
        let one = |current: &str| EncryptionKeys::new(current).expect("it is a key");
        let two = |current: &str, previous: &str| one(current).previous(previous).expect("it is a key");
        let instances = [one(OLD), two(OLD, NEW), two(NEW, OLD)];
        let mut written: Vec<StoreKey> = Vec::new();
        for (step, behind_and_ahead) in instances.windows(2).enumerate() {
            for (instance, keys) in behind_and_ahead.iter().enumerate() {
                let key = self.key(format!("rotated {step} {instance}"));
                self.seal(keys, &key).await;
                written.push(key);
            }
            for (keys, key) in
                behind_and_ahead.iter().flat_map(|keys| written.iter().map(move |key| (keys, key)))
            {
                assert_eq!(
                    self.open(keys, key).await,
                    Some(Ok(())),
                    "at step {step} every instance reads every entry"
                );
            }
        }
        for key in &written {
            // Once the old key is gone, what it sealed is a miss, and not an error.
            let opened = self.open(&one(NEW), key).await;
            assert!(matches!(opened, Some(Ok(()) | Err(Unreadable::UnknownKey))), "{opened:?}");
            assert!(self.remove(key).await, "an entry was removed");
        }
    }

    async fn seal(&self, keys: &EncryptionKeys, key: &StoreKey) {
        let sealed = keys.seal(key, SECRET).expect("the system gives random bytes");
        self.put(key, &sealed, HOUR).await;
    }

    /// Whether what is there opens, and is what was sealed.
    async fn open(&self, keys: &EncryptionKeys, key: &StoreKey) -> Option<Result<(), Unreadable>> {
        let entry = self.get(key).await?;
        let mut bytes = entry.bytes().to_vec().into();
        let opened = keys.open(key, &mut bytes);
        assert!(opened.is_err() || *bytes == *SECRET, "what opens is what was sealed");
        Some(opened)
    }
}
