//! What attestation services said of keys: kept until it ends, and asked for once at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{AttestKey, AttestationContext, Misconfigured, Secret, TokenError};
use serde::Deserialize;
use tokio::sync;

/// One slot for each service and key.
#[derive(Default)]
pub(super) struct Attestations(Mutex<HashMap<Name, Arc<Slot>>>);

/// The service, and the digest of the key.
type Name = (String, Vec<u8>);

type Slot = sync::Mutex<Option<Kept>>;

#[derive(Clone)]
struct Kept {
    token: Secret,
    ends_at: SystemTime,
}

/// What ends sooner is not shown again: it must outlive its way.
const MARGIN: Duration = Duration::from_secs(60);

impl Attestations {
    /// What is kept, or what the service says now.
    pub(super) async fn of(
        &self,
        key: &dyn AttestKey,
        context: &AttestationContext,
        now: SystemTime,
    ) -> Result<Secret, TokenError> {
        let slot = self.slot(key, context);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now + MARGIN < kept.ends_at) {
            return Ok(kept.token.clone());
        }
        let token = key.attest(context).await.map_err(|error| {
            error.in_leg(format!("attesting the key of the managed identity {}", context.client))
        })?;
        if token.is_blank() {
            return Err(Misconfigured::new("the key's attestation is empty")
                .hint("AttestKey::attest must give the JWT of the attestation service, or an error")
                .into());
        }
        *kept = end_of(&token).map(|ends_at| Kept { token: token.clone(), ends_at });
        Ok(token)
    }

    fn slot(&self, key: &dyn AttestKey, context: &AttestationContext) -> Arc<Slot> {
        let name =
            (context.endpoint.as_str().to_owned(), digest(&SHA256, key.public_key()).as_ref().to_vec());
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name).or_default())
    }
}

#[derive(Deserialize)]
struct Ends {
    exp: u64,
}

/// When a JWT says that it ends. Whether it is one, the metadata service decides.
fn end_of(token: &Secret) -> Option<SystemTime> {
    let payload = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(1)?).ok()?;
    let Ends { exp } = serde_json::from_slice(&payload).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(exp))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use entra_abstractions::{ClientId, CorrelationId, HoldKey, RsaSignature};
    use futures_util::future::join_all;
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Key {
        public: Vec<u8>,
        asked: AtomicUsize,
        ends: Option<u64>,
    }

    impl Key {
        fn new(public: &[u8], ends: Option<u64>) -> Self {
            Self { public: public.to_vec(), asked: AtomicUsize::new(0), ends }
        }
    }

    impl HoldKey for Key {
        fn public_key(&self) -> &[u8] {
            &self.public
        }

        fn sign(&self, _: RsaSignature, _: &[u8]) -> Result<Vec<u8>, Misconfigured> {
            Err(Misconfigured::new("it signs nothing"))
        }
    }

    #[async_trait]
    impl AttestKey for Key {
        async fn attest(&self, _: &AttestationContext) -> Result<Secret, TokenError> {
            tokio::task::yield_now().await;
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let claims = self.ends.map_or(json!({}), |exp| json!({"exp": exp}));
            Ok(Secret::new(format!("{number}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()))))
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    async fn ask(attestations: &Attestations, key: &Key, host: &str, now: u64) -> String {
        let client = ClientId::new("66666666-6666-4666-8666-666666666666").unwrap();
        let endpoint = format!("https://{host}").parse().unwrap();
        let context = AttestationContext::new(endpoint, client, CorrelationId::random());
        let token = attestations.of(key, &context, at(now)).await.unwrap();
        token.expose().split('.').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn it_is_kept_to_its_end_for_each_service_and_key() {
        let (kept, key) = (Attestations::default(), Key::new(b"one", Some(5_000)));
        for (host, now, expected) in
            [("a", 1_000, "0"), ("a", 4_939, "0"), ("b", 4_000, "1"), ("a", 4_940, "2"), ("b", 4_900, "1")]
        {
            assert_eq!(ask(&kept, &key, host, now).await, expected, "{host} at {now}");
        }
        assert_eq!(ask(&kept, &Key::new(b"two", None), "a", 1_000).await, "0");
    }

    #[tokio::test]
    async fn those_who_come_together_ask_once() {
        let (kept, key) = (Attestations::default(), Key::new(b"one", Some(5_000)));
        let all = join_all((0..50).map(|_| ask(&kept, &key, "a", 1_000))).await;
        assert!(all.iter().all(|token| token == "0"));
    }

    #[tokio::test]
    async fn what_does_not_say_when_it_ends_is_not_kept() {
        let (kept, key) = (Attestations::default(), Key::new(b"one", None));
        assert_eq!(ask(&kept, &key, "a", 1_000).await, "0");
        assert_eq!(ask(&kept, &key, "a", 1_000).await, "1");
    }
}
