//! What the cache says that it takes is what it takes, whatever came, went and met on the way.

use std::{collections::BTreeMap, thread};

use allocation_counter::measure;
use entra_abstractions::{
    AccountId, FmiPath, ManagedIdentityId, Parameter, Place, SessionKey, UserAssertion,
};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

impl Cache {
    /// What is kept, looked at anew: each entry, and once each what entries share.
    fn counted(&self) -> usize {
        let shared: BTreeMap<usize, usize> = self
            .shards()
            .flat_map(|shard| shard.tokens.pin().keys().map(Slot::shares).collect::<Vec<_>>())
            .collect();
        self.shards().map(Shard::counted).sum::<usize>() + shared.values().sum::<usize>()
    }
}

/// Whose token, for what: each kind of key, some of which share all but a digest.
fn request(at: usize) -> TokenRequest {
    let scopes = Scopes::try_from(["api://a/.default", "api://b/.default api://b/x"][at / 10 % 2]).unwrap();
    let user = || UserAssertion::new(format!("a.{}.c", at / 20)).unwrap();
    let session = || SessionKey::new(format!("job-{:032}", at / 20)).unwrap();
    let tenant = || TenantId::new(format!("t{}.example", at / 20)).unwrap();
    match at % 10 {
        0 => TokenRequest::on_behalf_of(scopes, &user()),
        1 => TokenRequest::for_session(scopes, &session()),
        2 => TokenRequest::as_app(scopes).tenant(tenant()),
        3 => TokenRequest::as_app(scopes).fmi_path(FmiPath::new(format!("a/{at}")).unwrap()),
        4 => TokenRequest::as_app(scopes).parameter(Parameter::shaping(
            Place::Body,
            "slice",
            format!("s3cret?%G&={at}"),
        )),
        5 => TokenRequest::for_account(scopes, AccountId::new(&format!("u{at}"), "t").unwrap()),
        6 => {
            TokenRequest::as_managed_identity(scopes, ManagedIdentityId::client_id(format!("{at}")).unwrap())
        }
        _ => TokenRequest::on_behalf_of(scopes, &user()).tenant(tenant()),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put { key: Index, length: usize, life: u64, claims: bool },
    Get(Index),
    Fail(Index),
    EndSession(Index),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let put = (any::<Index>(), 1..300_usize, 0..9_000_u64, prop::bool::weighted(0.1));
    prop_oneof![
        6 => put.prop_map(|(key, length, life, claims)| Step::Put { key, length, life, claims }),
        6 => any::<Index>().prop_map(Step::Get),
        1 => any::<Index>().prop_map(Step::Fail),
        1 => any::<Index>().prop_map(Step::EndSession),
        1 => (0..400_u64).prop_map(Step::Pass),
    ]
}

/// So many keys there are.
const KEYS: usize = 600;

fn take(fixture: &Fixture, requests: &[TokenRequest], step: &Step) {
    let Fixture { clock, cache, identity } = fixture;
    match step {
        Step::Put { key, length, life, claims } => {
            let now = clock.now();
            let ends_at = now + Duration::from_secs(*life);
            let token = AccessToken::new(Scheme::Bearer, Secret::new("x".repeat(*length)), ends_at).unwrap();
            let claims =
                claims.then(|| Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap());
            let window = Window::new(now, ends_at, None, 0, Duration::ZERO);
            cache.put(&key_of(identity, key.get(requests)).unwrap(), token, claims, window);
        }
        Step::Get(key) => drop(cache.get(&key_of(identity, key.get(requests)).unwrap())),
        Step::Fail(key) => {
            let key = key_of(identity, key.get(requests)).unwrap().to_key();
            cache.failed(&key, &Rejected::new(exchange("invalid_grant")).into());
        }
        Step::EndSession(key) => {
            let session = SessionKey::new(format!("job-{:032}", key.index(KEYS) / 20)).unwrap();
            cache.end_session(identity, session.sha256());
        }
        Step::Pass(seconds) => clock.advance(Duration::from_secs(*seconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn after_whatever_happened_the_sum_is_that_of_the_entries(
        steps in vec(step(), 5_000), budget in prop_oneof![Just(100_000_usize), Just(1 << 24)],
    ) {
        let fixture = Fixture::new(budget);
        let requests: Vec<_> = (0..KEYS).map(request).collect();
        for step in &steps {
            take(&fixture, &requests, step);
            let held = fixture.cache.statistics().bytes;
            prop_assert!(held <= budget + 5_000, "{} of {}", held, budget);
        }
        prop_assert_eq!(fixture.cache.statistics().bytes, fixture.cache.counted());
    }
}

/// They put, find, wake, end and make room for the same few keys, at the same time.
#[test]
fn threads_that_meet_count_each_entry_once() {
    let fixture = Fixture::new(60_000);
    thread::scope(|scope| {
        for which in 0..4_usize {
            let fixture = &fixture;
            scope.spawn(move || {
                let requests: Vec<_> = (0..60).map(request).collect();
                for round in 0..5_000_usize {
                    let key = key_of(&fixture.identity, &requests[round * 7 % 60]).unwrap();
                    let now = fixture.clock.now();
                    if (round + which).is_multiple_of(3) {
                        drop(fixture.cache.get(&key));
                        continue;
                    }
                    let ends_at =
                        now + Duration::from_secs(if round.is_multiple_of(2) { 3_600 } else { 400 });
                    let token = "x".repeat(100 + round % 1_000);
                    let token = AccessToken::new(Scheme::Bearer, Secret::new(token), ends_at).unwrap();
                    let window = Window::new(now, ends_at, None, 0, Duration::ZERO);
                    fixture.cache.put(&key, token, None, window);
                    if round.is_multiple_of(50) {
                        fixture.clock.advance(Duration::from_secs(10));
                    }
                }
            });
        }
    });
    for shard in fixture.cache.shards() {
        assert_eq!(shard.bytes(), shard.counted());
    }
    assert!(fixture.cache.statistics().bytes < 120_000, "{:?}", fixture.cache.statistics());
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    let fixture = Fixture::new(usize::MAX);
    let fill = |kind: usize, from: usize| {
        for at in from..from + 400 {
            let request = request(at * 20 + kind);
            let now = fixture.clock.now();
            let ends_at = now + Duration::from_secs(3_600);
            let token = AccessToken::new(Scheme::Bearer, Secret::new("x".repeat(1_500)), ends_at)
                .unwrap()
                .with_tenant(request.tenant.clone())
                .with_scopes("api://a/read api://a/write");
            let window = Window::new(now, ends_at, None, 0, Duration::ZERO);
            fixture.cache.put(&key_of(&fixture.identity, &request).unwrap(), token, None, window);
        }
    };
    for kind in 0..8 {
        // What the table is, and what is set up once.
        fill(kind, 0);
        let before = fixture.cache.statistics();
        let taken = measure(|| fill(kind, 400));
        let after = fixture.cache.statistics();
        assert_eq!(after.entries - before.entries, 400, "kind {kind}");
        let told = i64::try_from(after.bytes - before.bytes).unwrap();
        // Each piece is rounded up to the next sixteen, eight of which nobody gets.
        let (least, most) = (taken.bytes_current, taken.bytes_current / 20 * 21 + 24 * taken.count_current);
        assert!((least..most).contains(&told), "kind {kind}: {told} for {taken:?}");
    }
}
