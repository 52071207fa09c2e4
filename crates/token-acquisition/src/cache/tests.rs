//! What the cache keeps, for how long, and what it lets go.

mod sums;

use entra_abstractions::{
    ClientId, CorrelationId, Exchange, InteractionRequired, Rejected, Scheme, Scopes, Secret, TenantId,
    TokenRequest, Unavailable, testing::ManualClock,
};

use super::*;
use crate::plan::key_of;

struct Fixture {
    clock: Arc<ManualClock>,
    cache: Cache,
    identity: Arc<Identity>,
}

impl Fixture {
    fn new(budget: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        let (client, tenant) = (ClientId::new("client").unwrap(), TenantId::new("contoso.example").unwrap());
        let instance = "https://login.example/".into();
        let identity = Identity::new(instance, client, tenant.clone(), tenant, String::new());
        let cache = Cache::new(Arc::clone(&clock) as Arc<dyn Clock>, budget);
        Self { clock, cache, identity: Arc::new(identity) }
    }

    fn key(&self, resource: &str) -> Key {
        let request =
            TokenRequest::as_app(Scopes::try_from(format!("api://{resource}/.default").as_str()).unwrap());
        key_of(&self.identity, &request).unwrap().to_key()
    }

    fn put(&self, resource: &str, secret: &str, life: u64) {
        let now = self.clock.now();
        let ends_at = now + Duration::from_secs(life);
        let token = AccessToken::new(Scheme::Bearer, Secret::new(secret), ends_at).unwrap();
        let window = Window::new(now, ends_at, None, 0, Duration::ZERO);
        self.cache.put(&self.key(resource).as_ref(), token, None, window);
    }

    fn look(&self, resource: &str) -> String {
        match self.cache.get(&self.key(resource).as_ref()) {
            Cached::Fresh(token) => format!("fresh {}", token.secret().expose()),
            Cached::Aging(token, due) => format!("aging {} {due}", token.secret().expose()),
            Cached::Last(token, due) => format!("last {} {due}", token.secret().expose()),
            Cached::Missing => String::from("missing"),
        }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn fail(&self, resource: &str, error: impl Into<TokenError>) {
        self.cache.failed(&self.key(resource), &error.into());
    }
}

fn exchange(error: &str) -> Exchange {
    Exchange::new("test", "login.example")
        .with_correlation_id(CorrelationId::random())
        .with_error(Some(error), None)
}

#[test]
fn a_token_ages() {
    let fixture = Fixture::new(1 << 20);
    fixture.put("a", "t1", 3_600);
    assert_eq!(fixture.look("a"), "fresh t1");
    assert_eq!(fixture.look("b"), "missing");
    fixture.advance(2_700);
    assert_eq!(fixture.look("a"), "aging t1 true");
    assert_eq!(fixture.look("a"), "aging t1 false", "one flight behind it is enough");
    fixture.advance(30);
    assert_eq!(fixture.look("a"), "aging t1 true");
    fixture.advance(820);
    assert_eq!(fixture.look("a"), "last t1 true");
    fixture.advance(50);
    assert_eq!(fixture.look("a"), "missing");
}

#[test]
fn failures_behind_a_good_token_wait_longer_each_time() {
    let fixture = Fixture::new(1 << 20);
    fixture.put("a", "t1", 3_600);
    fixture.advance(2_700);
    let mut waits = Vec::new();
    assert_eq!(fixture.look("a"), "aging t1 true");
    for _ in 0..3 {
        fixture.fail("a", Unavailable::new(exchange("x"), "away"));
        let mut waited = 0;
        while fixture.look("a") == "aging t1 false" {
            fixture.advance(1);
            waited += 1;
        }
        waits.push(waited);
    }
    assert_eq!(waits, [30, 60, 120]);
}

#[test]
fn who_must_act_decides_whether_the_token_stays() {
    let fixture = Fixture::new(1 << 20);
    for (resource, error, stays) in [
        ("down", TokenError::from(Unavailable::new(exchange("server_error"), "away")), true),
        ("secret", Rejected::new(exchange("invalid_client")).into(), true),
        ("gone", Rejected::new(exchange("invalid_grant")).into(), false),
        (
            "user",
            InteractionRequired::new(exchange("interaction_required"), Scopes::try_from("x").unwrap(), None)
                .into(),
            false,
        ),
    ] {
        fixture.put(resource, "t1", 3_600);
        fixture.fail(resource, error);
        assert_eq!(fixture.look(resource) == "fresh t1", stays, "{resource}");
    }
}

#[test]
fn only_retry_after_outlives_the_call_and_only_for_its_key() {
    let fixture = Fixture::new(1 << 20);
    let throttled =
        Unavailable::new(exchange("x"), "throttled").with_retry_after(Some(Duration::from_secs(20)));
    fixture.fail("a", throttled);
    fixture.fail("b", Unavailable::new(exchange("x"), "away"));
    fixture.advance(5);
    let Some(TokenError::Unavailable(left)) = fixture.cache.paused(&fixture.key("a")) else {
        panic!("the key is not paused");
    };
    assert_eq!(left.retry_after(), Some(Duration::from_secs(15)));
    assert!(fixture.cache.paused(&fixture.key("b")).is_none());
    fixture.advance(15);
    assert!(fixture.cache.paused(&fixture.key("a")).is_none());

    let asked = exchange("invalid_request").with_retry_after(Some(Duration::from_secs(20)));
    fixture.fail("c", Rejected::new(asked));
    assert!(matches!(fixture.cache.paused(&fixture.key("c")), Some(TokenError::Rejected(_))));
    fixture.advance(20);
    assert!(fixture.cache.paused(&fixture.key("c")).is_none());
}

#[test]
fn tokens_leave_with_their_end_and_the_longest_unused_with_the_budget() {
    let fixture = Fixture::new(40_000);
    fixture.put("short", "t", 60);
    fixture.advance(400);
    fixture.put("kept", "t", 86_400);
    assert_eq!(fixture.cache.statistics().entries, 1, "an ended token leaves with a later write");

    for index in 0..200 {
        fixture.advance(1);
        assert_eq!(fixture.look("kept"), "fresh t");
        fixture.put(&format!("r{index}"), "t", 86_400);
    }
    let statistics = fixture.cache.statistics();
    assert!(statistics.bytes <= 40_000, "{statistics:?}");
    assert!(statistics.evicted > 100, "{statistics:?}");
    assert_eq!(fixture.look("kept"), "fresh t");
    assert_eq!(fixture.look("r199"), "fresh t");
    assert_eq!(fixture.look("r0"), "missing");
}

#[test]
fn tokens_leave_with_their_end_however_often_others_come() {
    let fixture = Fixture::new(1 << 20);
    fixture.put("short", "t", 60);
    for _ in 0..40 {
        fixture.advance(10);
        fixture.put("kept", "t", 86_400);
    }
    assert_eq!(fixture.cache.statistics().entries, 1);
}

#[test]
fn one_write_lets_go_of_all_that_ended_whoever_asked_for_it() {
    // As large as where nothing is said: the ended ones are in sixty-four parts.
    let fixture = Fixture::new(256 << 20);
    for index in 0..500 {
        fixture.put(&format!("r{index}"), "t", 600);
    }
    fixture.advance(3_600);
    assert_eq!(fixture.cache.statistics().entries, 500, "no task runs where nobody asks");
    fixture.put("another", "t", 3_600);
    assert_eq!(fixture.cache.statistics().entries, 1);
    assert_eq!(fixture.cache.reason(&fixture.key("r7").as_ref()), Reason::Ended);
}

#[test]
fn replacing_does_not_count_twice() {
    let fixture = Fixture::new(1 << 20);
    fixture.put("a", "t1", 3_600);
    let once = fixture.cache.statistics().bytes;
    fixture.put("a", "t2", 3_600);
    assert_eq!(fixture.cache.statistics().bytes, once);
    assert_eq!(fixture.look("a"), "fresh t2");
    fixture.put("a", "dead", 0);
    assert_eq!(fixture.look("a"), "fresh t2", "a token without a life replaces nothing");
}

#[test]
fn a_token_that_is_asked_for_twice_within_a_second_is_woken() {
    let fixture = Fixture::new(1 << 20);
    fixture.put("a", "t1", 3_600);
    let resting = fixture.cache.statistics().bytes;
    for _ in 0..3 {
        fixture.advance(1);
        assert_eq!(fixture.look("a"), "fresh t1");
    }
    assert_eq!(fixture.cache.statistics().bytes, resting, "now and then is not often");
    assert_eq!(fixture.look("a"), "fresh t1");
    let awake = fixture.cache.statistics().bytes;
    assert!(awake > resting, "its copies are counted");
    let entry = fixture.cache.entry(&fixture.key("a").as_ref()).unwrap();
    assert!(!entry.is_replaced());
    fixture.put("a", "t2", 3_600);
    assert!(entry.is_replaced(), "whoever has it looks again");
    assert_eq!(fixture.cache.statistics().bytes, resting, "the next one rests");
}

#[test]
fn a_budget_of_nothing_keeps_nothing() {
    let fixture = Fixture::new(0);
    fixture.put("a", "t1", 3_600);
    assert_eq!(fixture.look("a"), "missing");
    let statistics = fixture.cache.statistics();
    assert_eq!((statistics.entries, statistics.bytes, statistics.evicted), (0, 0, 1));
}

#[test]
fn the_budget_holds_over_all_parts_and_what_is_used_stays() {
    let budget = 8 * SHARE;
    let fixture = Fixture::new(budget);
    assert_eq!(fixture.cache.shards().count(), 8);
    let secret = "x".repeat(16 * 1024);
    fixture.put("used", "t", 86_400);
    for index in 0..4_000 {
        if index % 100 == 0 {
            fixture.advance(1);
            assert_eq!(fixture.look("used"), "fresh t");
        }
        fixture.put(&format!("r{index}"), &secret, 86_400);
        assert!(fixture.cache.statistics().bytes <= budget);
    }
    let statistics = fixture.cache.statistics();
    assert!(statistics.bytes > budget / 10 * 8, "{statistics:?}");
    assert_eq!(statistics.entries as u64 + statistics.evicted, 4_001);
    assert_eq!(fixture.look("used"), "fresh t");
    assert_eq!(fixture.cache.reason(&fixture.key("r0").as_ref()), Reason::Evicted);
}

#[test]
fn users_of_one_api_share_all_but_their_digest() {
    let fixture = Fixture::new(1 << 20);
    let scopes = Scopes::try_from("api://orders/read").unwrap();
    let put = |user: u32| {
        let assertion = entra_abstractions::UserAssertion::new(format!("a.{user}.c")).unwrap();
        let request = TokenRequest::on_behalf_of(scopes.clone(), &assertion);
        let now = fixture.clock.now();
        let ends_at = now + Duration::from_secs(3_600);
        let token = AccessToken::new(Scheme::Bearer, Secret::new(format!("t{user:04}")), ends_at)
            .unwrap()
            .with_scopes("read write");
        let window = Window::new(now, ends_at, None, 0, Duration::ZERO);
        fixture.cache.put(&key_of(&fixture.identity, &request).unwrap(), token, None, window);
        fixture.cache.statistics().bytes
    };
    let (first, second, third) = (put(1), put(2), put(3));
    assert_eq!(third - second, second - first);
    assert!(second - first < first, "what they share is counted once");
    assert!(second - first <= 240, "a user takes {} bytes", second - first);
}
