//! Long-running sessions: kept while the user is here, used when they are gone, ended once.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use entra_abstractions::{
    AcquireToken, LostSession, SessionKey, StoreError, StoreKey, StoreTokens, StoredEntry, TokenError,
    TokenRequest, UserAssertion,
    testing::{MemoryStore, assert_no_secrets, share},
};
use entra_emulator::{Fault, Grant, ids};
use entra_token_acquisition::Application;
use futures_util::future::{join, join_all};
use tokio::task::JoinSet;
use tracing_subscriber::fmt;

use crate::{
    kit::{GRAPH, Kit, READ, at_once, builder, claims, every_text, scopes, who},
    wiretap::{Wiretap, granted, json},
};

const KEY: &str = "job s3cret?%G&=17";
const HOUR: u64 = 3_700;

fn key() -> SessionKey {
    SessionKey::new(KEY).unwrap()
}

fn keep(user: &UserAssertion) -> TokenRequest {
    TokenRequest::on_behalf_of(scopes(READ), user).keep_as(key())
}

fn later(wanted: &str) -> TokenRequest {
    TokenRequest::for_session(scopes(wanted), &key())
}

fn lost(result: Result<entra_abstractions::AccessToken, TokenError>) -> Option<LostSession> {
    let error = result.unwrap_err();
    assert_no_secrets(&every_text(&error), [KEY]);
    error.challenge().unwrap_or_else(|| panic!("{error}")).lost_session()
}

#[tokio::test]
async fn a_session_outlives_the_token_it_began_with() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = kit.caller("alice");
    let first = tokens.acquire(&keep(&alice)).await.unwrap();
    assert_eq!(at_once(&tokens, &later(READ)).secret(), first.secret(), "the session has the token, too");

    kit.advance(HOUR);
    let plain = TokenRequest::on_behalf_of(scopes(READ), &alice);
    assert_eq!(who(&tokens.acquire(&plain).await.unwrap_err()), "the user", "the caller's token has ended");
    let next = tokens.acquire(&later(READ)).await.unwrap();
    assert_ne!(next.secret(), first.secret());
    assert_eq!(claims(&next)["oid"], ids::ALICE);
    // For any scopes that the user has consented to, and for weeks.
    let graph = tokens.acquire(&later("User.Read")).await.unwrap();
    assert_eq!(claims(&graph)["scp"], "User.Read");
    for _ in 0..50 {
        kit.advance(24 * HOUR);
        tokens.acquire(&later(READ)).await.unwrap();
    }
    let hint = kit.sent().last().unwrap().header("x-anchormailbox").map(str::to_owned);
    assert_eq!(hint, Some(format!("oid:{}@{}", ids::ALICE, ids::TENANT)));
}

#[tokio::test]
async fn it_belongs_to_one_user() {
    let kit = Kit::new();
    let tokens = kit.api();
    let (alice, bob) = (kit.caller("alice"), kit.caller("bob"));
    tokens.acquire(&keep(&alice)).await.unwrap();
    for request in [keep(&bob), keep(&bob).force_refresh()] {
        let error = tokens.acquire(&request).await.unwrap_err();
        assert_eq!(who(&error), "the developer");
        assert!(error.to_string().contains("this session key belongs to another user"), "{error}");
        assert_no_secrets(&every_text(&error), [KEY]);
    }
    kit.advance(HOUR);
    assert_eq!(claims(&tokens.acquire(&later(READ)).await.unwrap())["oid"], ids::ALICE);

    // The same user may call again, with another token: the session goes on from it.
    kit.emulator.end_sessions("alice");
    kit.advance(1);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    kit.advance(HOUR);
    tokens.acquire(&later(READ)).await.unwrap();

    // Once it has ended, the key is anybody's.
    tokens.end_session(&key()).await.unwrap();
    tokens.acquire(&keep(&kit.caller("bob"))).await.unwrap();
    assert_eq!(claims(&at_once(&tokens, &later(READ)))["oid"], ids::BOB);
}

#[tokio::test]
async fn users_who_come_at_once_with_one_key_do_not_share_a_flight() {
    let kit = Kit::new();
    let tokens = kit.api();
    let (alice, bob) = (keep(&kit.caller("alice")), keep(&kit.caller("bob")));
    let (one, other) = join(tokens.acquire(&alice), tokens.acquire(&bob)).await;
    let (token, error) = match (one, other) {
        (Ok(token), Err(error)) | (Err(error), Ok(token)) => (token, error),
        both => panic!("one of the two is first: {both:?}"),
    };
    assert_eq!(who(&error), "the developer");
    assert_eq!(at_once(&tokens, &later(READ)).secret(), token.secret());
}

#[tokio::test]
async fn of_users_who_begin_at_once_on_two_instances_one_is_refused() {
    let kit = Kit::new();
    let store = kit.store();
    let (alice, bob) = (keep(&kit.caller("alice")), keep(&kit.caller("bob")));
    for _ in 0..10 {
        let (first, second) = (kit.instance(&store), kit.instance(&store));
        let (one, other) = join(first.acquire(&alice), second.acquire(&bob)).await;
        let error = match (one, other) {
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
            both => panic!("one of the two is first: {both:?}"),
        };
        assert_eq!(who(&error), "the developer");
        assert!(first.end_session(&key()).await.unwrap());
    }
}

#[tokio::test]
async fn the_same_call_again_asks_nobody() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = kit.caller("alice");
    let first = tokens.acquire(&keep(&alice)).await.unwrap();
    let again = join_all((0..100).map(|_| async { tokens.acquire(&keep(&alice)).await.unwrap() })).await;
    assert!(again.iter().all(|token| token.secret() == first.secret()));
    assert_eq!(kit.count(), 1);
    tokens.acquire(&keep(&alice).force_refresh()).await.unwrap();
    assert_eq!(kit.legs(), ["on behalf of a user", "on behalf of a user"]);
    // Another call of the user is another: what they were asked meanwhile counts.
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    assert_eq!(kit.count(), 3);
}

#[tokio::test]
async fn an_ended_session_leaves_nothing() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    tokens.acquire(&later("User.Read")).await.unwrap();
    let before = tokens.cache_statistics();
    assert_eq!((store.entries().len(), before.entries), (1, 2));
    assert!(tokens.end_session(&key()).await.unwrap());
    let after = tokens.cache_statistics();
    assert_eq!((store.entries().len(), after.entries, after.bytes), (0, 0, 0));
    assert!(!tokens.end_session(&key()).await.unwrap(), "it ends once");
    assert_eq!(lost(tokens.acquire(&later(READ)).await), Some(LostSession::NotKept));
    assert_eq!(kit.count(), 2, "of what is not kept Entra is not asked");
}

#[tokio::test]
async fn a_handle_notices_that_its_session_ended() {
    let kit = Kit::new();
    let tokens = kit.api();
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    let handle = tokens.handle(later(READ)).unwrap();
    handle.token().await.unwrap();
    tokens.end_session(&key()).await.unwrap();
    assert_eq!(lost(handle.token().await), Some(LostSession::NotKept));
}

#[tokio::test]
async fn what_lands_after_the_end_brings_nothing_back() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    kit.advance(HOUR);
    kit.emulator.faults().add(Fault::slow(Duration::from_millis(200)).grant(Grant::RefreshToken));
    let in_the_air = {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.acquire(&later(READ)).await })
    };
    while kit.count() < 2 {
        tokio::task::yield_now().await;
    }
    tokens.end_session(&key()).await.unwrap();
    // Whoever takes the key up meanwhile is not given the other's session.
    tokens.acquire(&keep(&kit.caller("bob"))).await.unwrap();
    assert_eq!(lost(in_the_air.await.unwrap()), Some(LostSession::NotKept));
    kit.advance(HOUR);
    assert_eq!(claims(&tokens.acquire(&later(READ)).await.unwrap())["oid"], ids::BOB);
}

#[tokio::test]
async fn a_shared_store_carries_it_over_a_restart() {
    let kit = Kit::new();
    let store = kit.store();
    let allocated = SessionKey::allocate();
    let row = allocated.expose().to_owned();
    {
        let tokens = kit.instance(&store);
        let alice = kit.caller("alice");
        tokens.acquire(&keep(&alice)).await.unwrap();
        let request = TokenRequest::on_behalf_of(scopes(READ), &alice).keep_as(allocated);
        tokens.acquire(&request).await.unwrap();
    }
    kit.advance(HOUR);
    let tokens = kit.instance(&store);
    tokens.acquire(&later(READ)).await.unwrap();
    let request = TokenRequest::for_session(scopes(READ), &row.parse().unwrap());
    tokens.acquire(&request).await.unwrap();
    assert_eq!(&kit.legs()[2..], ["refresh token", "refresh token"]);

    // Neither the keys nor the digests by which they are found at hand stand in the store.
    let digest = key().sha256().to_vec();
    for (at, entry) in store.entries() {
        let text = String::from_utf8_lossy(entry.bytes()).into_owned();
        assert_no_secrets(&text, [KEY, &row]);
        assert!(at.as_bytes() != &*digest && !entry.bytes().windows(32).any(|bytes| bytes == digest));
    }
    // Another application's, and another client's of the same store, are their own.
    let application = kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET);
    let other = kit.builder(application).store(share(Arc::clone(&store) as Arc<_>)).build().unwrap();
    assert_eq!(lost(other.acquire(&later(READ)).await), Some(LostSession::NotKept));
}

#[tokio::test]
async fn memory_does_not_and_says_so_once() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let kit = Kit::new();
    let tokens = kit.api();
    {
        let _listening = tracing::subscriber::set_default(subscriber);
        for user in ["alice", "bob"] {
            let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller(user));
            tokens.acquire(&request.keep_as(SessionKey::allocate())).await.unwrap();
        }
        tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(logged.matches("in this process's memory alone").count(), 1, "{logged}");

    let restarted = kit.api();
    assert_eq!(lost(restarted.acquire(&later(READ)).await), Some(LostSession::NotKept));
}

#[tokio::test]
async fn a_refused_session_is_over_and_says_so() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    kit.advance(HOUR);
    kit.emulator.end_sessions("alice");
    let error = tokens.acquire(&later(READ)).await.unwrap_err();
    assert_eq!(error.challenge().unwrap().lost_session(), Some(LostSession::Refused));
    assert_eq!(error.exchange().unwrap().aadsts(), [50173]);
    assert!(error.to_string().starts_with("the session is over: the user must"), "{error}");
    assert!(store.entries().is_empty(), "a dead token is not kept");
    assert_eq!(lost(tokens.acquire(&later(READ)).await), Some(LostSession::NotKept));
    kit.advance(1);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    at_once(&tokens, &later(READ));
}

#[tokio::test]
async fn missing_consent_is_no_end() {
    let kit = Kit::new();
    let tokens = kit.api();
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    let error = tokens.acquire(&later("api://payroll/read")).await.unwrap_err();
    let challenge = error.challenge().unwrap();
    assert!(challenge.is_consent_required() && challenge.lost_session().is_none());
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    kit.emulator.faults().add(Fault::challenge(claims).grant(Grant::RefreshToken));
    let error = tokens.acquire(&later(READ).force_refresh()).await.unwrap_err();
    assert!(
        error.challenge().unwrap().claims().is_some() && error.challenge().unwrap().lost_session().is_none()
    );
    tokens.acquire(&later(READ)).await.unwrap();
}

#[tokio::test]
async fn a_session_that_nobody_used_is_let_go() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    kit.advance(91 * 86_400);
    assert_eq!(lost(tokens.acquire(&later(READ)).await), Some(LostSession::NotKept));
    assert!(store.entries().is_empty());
}

/// As AD FS does, which hands out no next refresh token.
#[tokio::test]
async fn a_session_lives_on_the_refresh_token_that_it_began_with() {
    let kit = Kit::new();
    let first = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t","refresh_token":"r"}"#;
    let wiretap = Wiretap::that([json(first), granted("next")]).await;
    let store = kit.store();
    let application = Application::builder().instance(&*wiretap.url).tenant("contoso.example");
    let application = application.client_id("client").secret("s3cret?%G&=").build().unwrap();
    let tokens = builder(application, kit.clock.clone() as _).store(share(Arc::clone(&store) as _));
    let tokens = tokens.build().unwrap();
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    for _ in 0..3 {
        kit.advance(80 * 86_400);
        tokens.acquire(&later(READ)).await.unwrap();
        assert!(wiretap.heard().last().unwrap().contains("refresh_token=r"));
    }
    kit.advance(91 * 86_400);
    assert_eq!(lost(tokens.acquire(&later(READ)).await), Some(LostSession::NotKept));
}

#[tokio::test]
async fn without_its_store_a_session_is_unavailable_not_lost() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    let alice = kit.caller("alice");
    let away = async |request: TokenRequest| {
        let error = tokens.acquire(&request).await.unwrap_err();
        let TokenError::Unavailable(outage) = &error else { panic!("{error}") };
        assert_eq!(outage.store().unwrap().store(), "memory", "{error}");
        assert!(error.to_string().starts_with("the store of sessions is away: "), "{error}");
        assert!(error.to_string().contains(" at memory as client "), "{error}");
    };
    store.go_away();
    away(keep(&alice)).await;
    assert_eq!(kit.count(), 0, "what cannot be kept is not asked for");
    store.come_back();
    tokens.acquire(&keep(&alice)).await.unwrap();

    store.go_away();
    at_once(&tokens, &later(READ));
    away(later("User.Read")).await;
    let error = tokens.end_session(&key()).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    away(later(READ)).await;
    store.come_back();
    tokens.acquire(&later(READ)).await.unwrap();
    assert!(tokens.end_session(&key()).await.unwrap());
}

#[tokio::test]
async fn a_store_that_goes_while_entra_answers_costs_no_token() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    kit.advance(HOUR);
    kit.emulator.faults().add(Fault::slow(Duration::from_millis(100)).grant(Grant::RefreshToken));
    let request = later(READ);
    let fetching = tokens.acquire(&request);
    let went = async {
        while kit.count() < 2 {
            tokio::task::yield_now().await;
        }
        store.go_away();
    };
    let (token, ()) = join(fetching, went).await;
    token.unwrap();
    // The token that was redeemed is still good, as Entra's are.
    store.come_back();
    kit.advance(HOUR);
    tokens.acquire(&later(READ)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_any_more_when_entra_has_answered_is_said_to_be_so() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    kit.advance(HOUR);
    kit.emulator.faults().add(Fault::slow(Duration::from_millis(100)).grant(Grant::RefreshToken));
    let request = later(READ);
    let spoilt = async {
        while kit.count() < 2 {
            tokio::task::yield_now().await;
        }
        let (at, entry) = store.entries().into_iter().next().unwrap();
        store.put(&at, StoredEntry::new(*b"\x01of another key", entry.expires_at())).await.unwrap();
    };
    let (result, ()) = join(tokens.acquire(&request), spoilt).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("what the store keeps under this session key"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_is_lost_and_begins_anew() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    let (at, entry) = store.entries().into_iter().next().unwrap();
    for spoilt in [&b""[..], b"\x02from the future", &entry.bytes()[..entry.bytes().len() - 9]] {
        store.put(&at, StoredEntry::new(spoilt, entry.expires_at())).await.unwrap();
        assert_eq!(lost(tokens.acquire(&later("User.Read")).await), Some(LostSession::NotKept));
    }
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    tokens.acquire(&later("User.Read")).await.unwrap();
}

#[tokio::test]
async fn a_thousand_workers_of_one_session_make_one_request() {
    let kit = Kit::new();
    let store = kit.store();
    kit.instance(&store).acquire(&keep(&kit.caller("alice"))).await.unwrap();
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    let request = later(READ);
    let workers = (0..500).flat_map(|_| [one.acquire(&request), other.acquire(&request)]);
    assert!(join_all(workers).await.iter().all(Result::is_ok));
    assert_eq!(kit.legs()[1..], ["refresh token", "refresh token"], "one for each instance");
}

#[tokio::test]
async fn of_two_scopes_at_once_the_newer_refresh_token_stays() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    tokens.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    for round in 0..10 {
        kit.advance(HOUR);
        let requests = [later(READ), later("User.Read"), later(GRAPH)];
        let answers = join_all(requests.iter().map(|request| tokens.acquire(request))).await;
        assert!(answers.iter().all(Result::is_ok), "round {round}: {answers:?}");
        assert_eq!(store.entries().len(), 1);
    }
    assert_eq!(kit.count(), 31);
}

/// A store whose first answer is what stood there before: another instance wrote meanwhile.
#[derive(Debug)]
struct Late {
    store: Arc<MemoryStore>,
    before: Mutex<Option<StoredEntry>>,
}

#[async_trait]
impl StoreTokens for Late {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        let before = self.before.lock().unwrap().take();
        if before.is_some() { Ok(before) } else { self.store.get(key).await }
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.store.put(key, entry).await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.store.put_new(key, entry).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.store.remove(key).await
    }
}

/// A store that hangs, from one kind of request on. It lets the time of the runtime fly meanwhile.
#[derive(Debug)]
struct Hanging {
    store: Arc<MemoryStore>,
    at: Mutex<&'static str>,
}

impl Hanging {
    async fn at(&self, what: &str) {
        if *self.at.lock().unwrap() == what {
            tokio::time::pause();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl StoreTokens for Hanging {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.at("get").await;
        self.store.get(key).await
    }

    async fn put(&self, key: &StoreKey, entry: StoredEntry) -> Result<(), StoreError> {
        self.at("put").await;
        self.store.put(key, entry).await
    }

    async fn put_new(&self, key: &StoreKey, entry: StoredEntry) -> Result<bool, StoreError> {
        self.at("put_new").await;
        self.store.put_new(key, entry).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<bool, StoreError> {
        self.at("remove").await;
        self.store.remove(key).await
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_away() {
    let kit = Kit::new();
    let store = Arc::new(Hanging { store: kit.store(), at: Mutex::new("") });
    let hang = |at| {
        *store.at.lock().unwrap() = at;
    };
    let tokens = kit.instance(&store);
    let alice = kit.caller("alice");
    for at in ["get", "put_new"] {
        hang(at);
        let error = tokens.acquire(&keep(&alice)).await.unwrap_err();
        tokio::time::resume();
        let TokenError::Unavailable(outage) = &error else { panic!("{error}") };
        assert_eq!(outage.store().unwrap().to_string(), "token store sessions: no answer in 5 s", "{at}");
        assert!(error.to_string().contains("is away: on_behalf_of at sessions as client "), "{error}");
    }
    hang("");
    let first = tokens.acquire(&keep(&alice)).await.unwrap();
    hang("remove");
    let error = tokens.end_session(&key()).await.unwrap_err();
    tokio::time::resume();
    assert!(error.to_string().starts_with("the session may not have ended: "), "{error}");
    // What was granted is not lost where only the next refresh token cannot be kept.
    hang("put");
    let next = tokens.acquire(&later(READ)).await.unwrap();
    tokio::time::resume();
    assert_ne!(next.secret(), first.secret());
    hang("");
    assert!(tokens.end_session(&key()).await.unwrap());
    assert_eq!(lost(tokens.acquire(&later(READ)).await), Some(LostSession::NotKept));
}

#[tokio::test]
async fn a_refresh_token_that_another_instance_replaced_is_no_end() {
    let kit = Kit::new();
    let store = kit.store();
    let first = kit.instance(&store);
    first.acquire(&keep(&kit.caller("alice"))).await.unwrap();
    let before = store.entries().into_values().next();
    kit.advance(HOUR);
    first.acquire(&later(READ)).await.unwrap();
    let late = Arc::new(Late { store: Arc::clone(&store), before: Mutex::new(before) });
    let second = kit.instance(&late);
    // As of a server that takes each refresh token once.
    kit.emulator.faults().add(Fault::refuse(70_000, "invalid_grant").grant(Grant::RefreshToken));
    second.acquire(&later("User.Read")).await.unwrap();
    assert_eq!(kit.legs().len(), 4);
    first.acquire(&later("User.Read")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_that_happens_at_once_leaves_each_session_its_users() {
    let kit = Kit::new();
    let store = kit.store();
    let instances = [kit.instance(&store), kit.instance(&store)];
    let people = [(kit.caller("alice"), ids::ALICE), (kit.caller("bob"), ids::BOB)];
    let keys: Vec<_> = (0..4).map(|number| SessionKey::new(format!("job-{number}")).unwrap()).collect();
    let begin = |which: usize, whose: usize| {
        TokenRequest::on_behalf_of(scopes(READ), &people[whose].0).keep_as(keys[which].clone())
    };
    let go_on = |which: usize| TokenRequest::for_session(scopes(READ), &keys[which]).force_refresh();
    for which in 0..keys.len() {
        instances[0].acquire(&begin(which, which % 2)).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for step in 0..200 {
        let (tokens, which) = (instances[step % 2].clone(), step / 2 % keys.len());
        let (owner, oid) = (which % 2, people[which % 2].1);
        let (request, is_owner) = match step % 7 {
            0 | 1 => (begin(which, owner).force_refresh(), true),
            2 => (begin(which, 1 - owner), false),
            _ => (go_on(which), true),
        };
        tasks.spawn(async move {
            match tokens.acquire(&request).await {
                Ok(token) => assert!(is_owner && claims(&token)["oid"] == oid),
                Err(error) => assert!(!is_owner && who(&error) == "the developer", "{error}"),
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(store.entries().len(), keys.len());

    // What is in the air when a session ends does not bring it back.
    let [tokens, _] = &instances;
    for (which, key) in keys.iter().enumerate() {
        let request = go_on(which);
        let (_, ended) = join(tokens.acquire(&request), tokens.end_session(key)).await;
        assert!(ended.unwrap());
    }
    tokens.settled().await;
    assert!(store.entries().is_empty(), "an ended session came back");
    for key in &keys {
        let request = TokenRequest::for_session(scopes(READ), key);
        assert_eq!(lost(tokens.acquire(&request).await), Some(LostSession::NotKept));
    }
}

#[tokio::test]
async fn only_a_caller_begins_a_session() {
    let kit = Kit::new();
    let tokens = kit.api();
    for request in [TokenRequest::as_app(scopes(GRAPH)), later(READ)] {
        let error = tokens.acquire(&request.keep_as(key())).await.unwrap_err();
        assert!(error.to_string().contains("begin with on_behalf_of"), "{error}");
    }
    assert_eq!(kit.count(), 0);
}
