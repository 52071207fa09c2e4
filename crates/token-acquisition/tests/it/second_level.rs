//! Instances that share a store: what one fetched serves on all, and no store is why a call fails.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use entra_abstractions::{
    AccessToken, AcquireToken, Claims, EncryptionKeys, ManagedIdentityId, Parameter, Place, SessionKey,
    SharedStore, StoreError, StoreKey, StoreTokens, StoredEntry, TokenError, TokenRequest,
    testing::{MemoryStore, assert_no_secrets, share},
};
use entra_emulator::{Fault, Grant, ManagedIdentityHost, ids};
use entra_token_acquisition::{AnsweredBy, Application, Reason, StoreFinding, TokenAcquirer};
use futures_util::future::join_all;
use tokio::task::yield_now;

use crate::{
    kit::{GRAPH, Kit, ORDERS, READ, as_app, at_once, claims, every_text, scopes, who},
    observability::Told,
};

const LIFE: u64 = 3_700;
const AGING: u64 = 3_000;

async fn get(tokens: &TokenAcquirer, request: &TokenRequest) -> AccessToken {
    let token = tokens.acquire(request).await.unwrap();
    tokens.settled().await;
    token
}

fn facts(token: &AccessToken) -> impl PartialEq + std::fmt::Debug {
    let scopes: Vec<_> = token.scopes().map(str::to_owned).collect();
    let whose = (token.tenant().cloned(), token.account(), token.correlation_id());
    (token.secret().expose().to_owned(), token.expires_at(), scopes, whose, token.id_token().is_some())
}

#[tokio::test]
async fn what_one_instance_fetched_serves_on_all() {
    let kit = Kit::new();
    let store = kit.store();
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    let alice = kit.caller("alice");
    let requests = [as_app(ORDERS), TokenRequest::on_behalf_of(scopes(READ), &alice)];
    for (asked, request) in (1..).zip(&requests) {
        let first = get(&one, request).await;
        let second = get(&other, request).await;
        assert_eq!(facts(&second), facts(&first));
        assert_eq!(kit.count(), asked, "Entra is asked by one of them");
        assert_eq!(at_once(&other, request).secret(), first.secret(), "it is in memory by now");
    }
    assert_eq!(store.entries().len(), 2, "one record for each token");
    // Encrypted, and under a digest.
    let user = kit.emulator.directory().user("alice").unwrap().clone();
    for entry in store.entries().values() {
        let text = String::from_utf8_lossy(entry.bytes());
        assert_no_secrets(&text, [ids::API_SECRET, alice.token().expose(), &user.upn, ids::ALICE]);
        assert!(!text.contains("eyJ") && !text.contains("access_token"));
    }
    // Another application, another user and other scopes have their own.
    let application = kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET);
    let daemon = kit.builder(application).store(share(Arc::clone(&store) as Arc<_>)).build().unwrap();
    get(&daemon, &as_app(ORDERS)).await;
    get(&other, &TokenRequest::on_behalf_of(scopes(READ), &kit.caller("bob"))).await;
    get(&other, &TokenRequest::on_behalf_of(scopes("User.Read"), &alice)).await;
    assert_eq!(kit.count(), 5);
}

#[tokio::test]
async fn a_record_ends_with_its_token_and_one_instance_renews_it_for_all() {
    let kit = Kit::new();
    let store = kit.store();
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    let request = as_app(ORDERS);
    let first = get(&one, &request).await;
    let ends_at: Vec<_> = store.entries().values().map(StoredEntry::expires_at).collect();
    assert_eq!(ends_at, [first.expires_at()]);
    get(&other, &request).await;

    kit.advance(AGING);
    assert_eq!(get(&one, &request).await.secret(), first.secret(), "the old one serves");
    assert_eq!(kit.count(), 2, "and the next one is fetched behind it");
    assert_eq!(get(&other, &request).await.secret(), first.secret());
    assert_eq!(kit.count(), 2, "or found");
    let second = at_once(&one, &request);
    assert_eq!(at_once(&other, &request).secret(), second.secret());

    kit.advance(LIFE);
    assert_ne!(get(&other, &request).await.secret(), second.secret());
    get(&one, &request).await;
    assert_eq!((kit.count(), store.entries().len()), (3, 1));
}

#[tokio::test]
async fn ten_cold_instances_with_a_lease_make_one_request() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::slow(Duration::from_millis(150)).always());
    let request = as_app(ORDERS);
    for lease in [true, false] {
        let before = kit.count();
        let store = share(kit.store());
        let store = if lease { store.lease(Duration::from_secs(10)) } else { store };
        let instances: Vec<_> = (0..10).map(|_| kit.sharing(store.clone())).collect();
        let tokens = join_all(instances.iter().map(|tokens| tokens.acquire(&request))).await;
        let different: BTreeSet<_> =
            tokens.iter().map(|token| token.as_ref().unwrap().secret().expose().to_owned()).collect();
        assert_eq!(kit.count() - before, different.len());
        if lease {
            assert_eq!(different.len(), 1);
        } else {
            assert!(different.len() <= 10);
        }
    }
}

#[tokio::test]
async fn whoever_has_the_lease_and_fails_hands_it_on() {
    let kit = Kit::new();
    let store = kit.store();
    let shared = share(Arc::clone(&store) as Arc<_>).lease(Duration::from_secs(10));
    let (one, other) = (kit.sharing(shared.clone()), kit.sharing(shared));
    kit.emulator.faults().add(Fault::refuse(7_000_215, "invalid_client"));
    let request = as_app(ORDERS);
    let both = join_all([one.acquire(&request), other.acquire(&request)]).await;
    let failed = both.iter().filter(|result| result.is_err()).count();
    assert_eq!((failed, kit.count()), (1, 2), "{both:?}");
    one.settled().await;
    other.settled().await;
    assert_eq!(store.entries().len(), 1, "no lease is left behind");
}

#[tokio::test]
async fn without_its_store_nothing_fails_that_can_be_fetched() {
    let kit = Kit::new();
    let store = kit.store();
    store.go_away();
    let tokens = kit.instance(&store);
    let told = Told::default();
    let _listening = told.listen();
    let (alice, bob) = (kit.caller("alice"), kit.caller("bob"));
    let requests = [
        as_app(ORDERS),
        as_app(GRAPH),
        TokenRequest::on_behalf_of(scopes(READ), &alice),
        TokenRequest::on_behalf_of(scopes(READ), &bob),
        TokenRequest::on_behalf_of(scopes("User.Read"), &alice),
    ];
    for request in &requests {
        tokens.acquire(request).await.unwrap();
    }
    assert_eq!(told.lines("store.away").iter().filter(|line| line.contains("side=\"reads\"")).count(), 1);
    let away = &told.lines("store.away")[0];
    assert!(away.contains("token store memory: was told to fail"), "{away}");
    let session = SessionKey::allocate();
    let error = tokens.acquire(&TokenRequest::for_session(scopes(READ), &session)).await.unwrap_err();
    assert_eq!(error.store().unwrap().store(), "memory", "{error}");
    let explained = tokens.explain(&as_app(ORDERS)).store.unwrap();
    assert!(explained.is_away && explained.is_shared && explained.waiting == requests.len(), "{explained}");

    store.come_back();
    tokens.settled().await;
    assert_eq!(store.entries().len(), requests.len(), "what was fetched meanwhile is there for the others");
    let other = kit.instance(&store);
    for request in &requests {
        get(&other, request).await;
    }
    assert_eq!(kit.count(), requests.len());
}

#[tokio::test]
async fn what_cannot_be_read_is_as_if_it_were_not_there() {
    let kit = Kit::new();
    let store = kit.store();
    let request = as_app(ORDERS);
    get(&kit.instance(&store), &request).await;
    let (at, whole) = store.entries().into_iter().next().unwrap();
    let open = kit.store();
    get(&kit.sharing(SharedStore::unencrypted(Arc::clone(&open) as Arc<_>)), &request).await;
    let in_the_open = open.entries().into_values().next().unwrap();
    let spoilt = |bytes: &[u8]| StoredEntry::new(bytes, whole.expires_at());
    let mut altered = whole.bytes().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    let all = [
        spoilt(b""),
        spoilt(b"\x09of the future"),
        spoilt(&whole.bytes()[..40]),
        spoilt(&altered),
        in_the_open,
    ];
    for (asked, bad) in (kit.count() + 1..).zip(all) {
        store.put(&at, bad).await.unwrap();
        let told = Told::default();
        let _listening = told.listen();
        let tokens = kit.instance(&store);
        get(&tokens, &request).await;
        assert_eq!(kit.count(), asked);
        assert!(told.lines("store.asked")[0].contains("found=\"unreadable\""));
        assert_eq!(told.lines("store.unreadable").len(), 1);
        assert_eq!(get(&kit.instance(&store), &request).await.secret(), at_once(&tokens, &request).secret());
        assert_eq!(kit.count(), asked, "it is whole again");
    }

    // A store that takes two keys for one hands nobody another's token, even where nothing is sealed.
    let unsealed = || SharedStore::unencrypted(Arc::clone(&open) as Arc<_>);
    let other = as_app(GRAPH);
    let before = kit.count();
    get(&kit.sharing(unsealed()), &other).await;
    let entries = open.entries();
    let keys: Vec<_> = entries.keys().copied().collect();
    for (at, from) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        open.put(&at, entries[&from].clone()).await.unwrap();
    }
    for request in [&request, &other] {
        get(&kit.sharing(unsealed()), request).await;
    }
    assert_eq!(kit.count(), before + 3);
}

const MARCH: &str = "TWFyY2ggTWFyY2ggTWFyY2ggTWFyY2ggTWFyY2ggTWE=";
const APRIL: &str = "QXByaWwgQXByaWwgQXByaWwgQXByaWwgQXByaWwgQXA=";

#[tokio::test]
async fn keys_rotate_without_losing_a_session() {
    let kit = Kit::new();
    let store = kit.store();
    let with = |current: &str, previous: Option<&str>| {
        let keys = EncryptionKeys::new(current).unwrap();
        let keys = previous.into_iter().fold(keys, |keys, key| keys.previous(key).unwrap());
        kit.sharing(SharedStore::encrypted(Arc::clone(&store) as Arc<_>, keys))
    };
    let keys: Vec<_> = (0..5).map(|_| SessionKey::allocate()).collect();
    let old = with(MARCH, None);
    for key in &keys {
        get(&old, &TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")).keep_as(key.clone())).await;
    }
    get(&old, &as_app(ORDERS)).await;
    // Both sides of a roll-out: each reads what the other wrote.
    let both = [with(MARCH, Some(APRIL)), with(APRIL, Some(MARCH))];
    for tokens in &both {
        kit.advance(LIFE);
        for key in &keys {
            get(tokens, &TokenRequest::for_session(scopes(READ), key)).await;
        }
    }
    let new = with(APRIL, None);
    kit.advance(LIFE);
    for key in &keys {
        get(&new, &TokenRequest::for_session(scopes(READ), key)).await;
    }
    // Who lacks the key says so.
    let late = with(MARCH, None);
    let error = late.acquire(&TokenRequest::for_session(scopes(READ), &keys[0])).await.unwrap_err();
    assert_eq!(who(&error), "the user");
    assert!(error.to_string().contains("sealed with a key that is not among"), "{error}");
}

#[tokio::test]
async fn a_sign_in_serves_on_every_instance_and_after_a_restart() {
    let kit = Kit::new();
    let store = kit.store();
    let first = kit.instance(&store);
    let signed_in = first.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap();
    first.settled().await;
    drop(first);
    let request = |wanted: &str| TokenRequest::for_account(scopes(wanted), signed_in.account.clone());

    let second = kit.instance(&store);
    assert_eq!(get(&second, &request(READ)).await.secret(), signed_in.token.secret());
    assert_eq!(kit.count(), 1);
    assert_eq!(claims(&get(&second, &request("User.Read")).await)["oid"], ids::ALICE);
    kit.advance(LIFE);
    get(&kit.instance(&store), &request(READ)).await;
    assert_eq!(kit.legs()[1..], ["refresh token", "refresh token"]);

    // Where memory has nothing and the store cannot say, nobody is sent to sign in.
    kit.advance(LIFE);
    let third = kit.instance(&store);
    store.go_away();
    let error = third.acquire(&request(READ)).await.unwrap_err();
    assert_eq!(who(&error), "nobody");
    assert!(
        error.store().is_some() && error.to_string().starts_with("the store of sign-ins is away"),
        "{error}"
    );
    get(&second, &request(READ)).await;
    store.come_back();
    second.settled().await;
    get(&third, &request(READ)).await;

    let stranger = entra_abstractions::AccountId::new("uid", "utid").unwrap();
    let error = third.acquire(&TokenRequest::for_account(scopes(READ), stranger)).await.unwrap_err();
    assert_eq!(who(&error), "the user");
    assert!(error.to_string().contains("in the shared store"), "{error}");
}

#[tokio::test]
async fn a_refresh_token_that_another_instance_replaced_is_no_end_of_a_sign_in() {
    let kit = Kit::new();
    let store = kit.store();
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    let signed_in = one.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap();
    one.settled().await;
    let request = |wanted: &str| TokenRequest::for_account(scopes(wanted), signed_in.account.clone());
    get(&other, &request("User.Read")).await;
    // As of a server that takes each refresh token once: the first one's is spent.
    kit.emulator.faults().add(Fault::refuse(70_000, "invalid_grant").grant(Grant::RefreshToken));
    get(&one, &request("User.Read").force_refresh()).await;
    assert_eq!(kit.count(), 4);

    kit.emulator.end_sessions("alice");
    let error = one.acquire(&request("User.Read").force_refresh()).await.unwrap_err();
    assert_eq!(who(&error), "the user");
    one.settled().await;
    let fresh = kit.instance(&store);
    let before = kit.count();
    let error = fresh.acquire(&request(GRAPH)).await.unwrap_err();
    assert_eq!((who(&error), kit.count()), ("the user", before), "a dead one is not kept: {error}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_for_all() {
    let kit = Kit::new();
    let store = kit.store();
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    let plain = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    let first = get(&one, &plain).await;
    get(&other, &plain).await;
    let asked = Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#).unwrap();
    let again = plain.clone().claims(asked).replacing(first.to_hash());
    let second = get(&one, &again).await;
    assert_ne!(second.secret(), first.secret());
    assert_eq!(
        get(&other, &again).await.secret(),
        second.secret(),
        "another token that met the same challenge"
    );
    assert_eq!(kit.count(), 2);
    // Another challenge, one that names no token, and a forced refresh are Entra's to answer.
    let otherwise = Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"2"}}}"#).unwrap();
    let third = get(&other, &plain.clone().claims(otherwise.clone()).replacing(second.to_hash())).await;
    get(&one, &plain.clone().claims(otherwise)).await;
    get(&one, &plain.clone().force_refresh()).await;
    assert_eq!(kit.count(), 5);
    assert_ne!(at_once(&one, &plain).secret(), third.secret());
}

#[tokio::test]
async fn what_is_over_is_over_for_all() {
    let kit = Kit::new();
    let store = kit.store();
    let tokens = kit.instance(&store);
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    get(&tokens, &request).await;
    assert_eq!(store.entries().len(), 1);
    kit.emulator.faults().add(Fault::refuse(50_173, "invalid_grant"));
    tokens.acquire(&request.clone().force_refresh()).await.unwrap_err();
    tokens.settled().await;
    assert!(store.entries().is_empty());
    // Of what was never there nothing is removed.
    kit.emulator.faults().add(Fault::refuse(50_173, "invalid_grant"));
    tokens.acquire(&request).await.unwrap_err();
    let explained = tokens.explain(&request).store.unwrap();
    assert_eq!(explained.waiting, 0);
}

#[tokio::test]
async fn tokens_of_hosts_and_of_sessions_stay_in_the_process() {
    let kit = Kit::new();
    let store = kit.store();
    let host = kit.emulator.managed_identity_environment(ManagedIdentityHost::AppService);
    let application = kit.client(ids::API).secret(ids::API_SECRET);
    let tokens = kit
        .builder(application)
        .environment(entra_abstractions::Environment::from_pairs(host))
        .store(share(Arc::clone(&store) as Arc<_>))
        .build()
        .unwrap();
    let request = TokenRequest::as_managed_identity(scopes(ORDERS), ManagedIdentityId::System);
    get(&tokens, &request).await;
    assert!(store.entries().is_empty());
    assert!(!tokens.explain(&request).store.unwrap().is_shared);

    let key = SessionKey::allocate();
    get(&tokens, &TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")).keep_as(key.clone())).await;
    get(&tokens, &TokenRequest::for_session(scopes("User.Read"), &key)).await;
    assert_eq!(store.entries().len(), 1, "the session's own record");
    let other = kit.instance(&store);
    tokens.end_session(&key).await.unwrap();
    assert!(other.acquire(&TokenRequest::for_session(scopes(READ), &key)).await.is_err());
}

#[tokio::test]
async fn a_token_in_its_last_minute_serves_a_new_instance_while_entra_is_away() {
    let kit = Kit::new();
    let store = kit.store();
    let request = as_app(ORDERS);
    let first = get(&kit.instance(&store), &request).await;
    kit.emulator.faults().add(Fault::status(503).always());
    kit.advance(3_560);
    assert_eq!(get(&kit.instance(&store), &request).await.secret(), first.secret());
    kit.advance(60);
    assert_eq!(who(&kit.instance(&store).acquire(&request).await.unwrap_err()), "nobody");
}

#[tokio::test]
async fn an_explanation_can_ask_the_store() {
    let kit = Kit::new();
    let store = kit.store();
    let request = as_app(ORDERS);
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    let explained = other.explain_with_store(&request).await;
    assert_eq!(explained.answered_by, Some(AnsweredBy::Entra));
    assert_eq!(explained.store.unwrap().found, Some(StoreFinding::Nothing));
    get(&one, &request).await;
    let explained = other.explain_with_store(&request).await;
    assert_eq!(explained.answered_by, Some(AnsweredBy::Store));
    let text = explained.to_string();
    assert!(text.starts_with("from the shared store: "), "{text}");
    assert!(text.contains("it has a token: fresh, 3599 s left; 0 writes wait; encrypted"), "{text}");
    assert_eq!(other.explain(&request).answered_by, Some(AnsweredBy::Entra), "nobody is asked");
    assert_eq!(other.explain(&request).reason, Some(Reason::Unseen), "nothing is remembered");
    assert_eq!(one.explain_with_store(&request).await.answered_by, Some(AnsweredBy::Memory));
    let maybe = other.explain(&request).to_string();
    assert!(maybe.starts_with("from the shared store if it is there, else from Entra: "), "{maybe}");

    let (at, whole) = store.entries().into_iter().next().unwrap();
    store.put(&at, StoredEntry::new(*b"\x09of the future", whole.expires_at())).await.unwrap();
    let unreadable = other.explain_with_store(&request).await;
    assert_eq!(unreadable.answered_by, Some(AnsweredBy::Entra));
    let why = "what it has cannot be read: it was written by another version or program";
    assert!(unreadable.to_string().contains(why), "{unreadable}");

    let session = TokenRequest::for_session(scopes(READ), &SessionKey::allocate());
    let text = other.explain(&session).to_string();
    let alone =
        "this token never leaves the process, and its refresh token is kept there alone; 0 writes wait";
    assert!(text.contains(&format!("store       {alone}")), "{text}");
    store.go_away();
    let failed = "; it did not answer; token store memory: was told to fail; 0 writes wait";
    for away in [false, false, true, true] {
        let explained = other.explain_with_store(&request).await;
        let text = explained.to_string();
        assert!(text.starts_with("from Entra: ") && text.contains(failed), "{text}");
        let store = explained.store.unwrap();
        assert_eq!((store.found, store.is_away), (Some(StoreFinding::NoAnswer), away), "{text}");
    }
    let text = other.explain(&request).to_string();
    assert!(text.starts_with("from Entra: "), "{text}");
    assert!(text.contains("away, so it is not waited for; token store memory: was told to fail"), "{text}");
    assert!(other.explain(&session).to_string().contains(&format!("away; {}", &alone[..40])), "{text}");
    assert_eq!(kit.count(), 1);
}

#[test]
fn regional_and_global_tokens_have_one_key() {
    let key = |region: Option<&str>| {
        let application =
            Application::builder().tenant(ids::TENANT).client_id("client").secret("s3cret?%G&=");
        let application =
            region.into_iter().fold(application, entra_token_acquisition::ApplicationBuilder::region);
        let tokens = TokenAcquirer::builder(application.build().unwrap()).build().unwrap();
        tokens.explain(&as_app(ORDERS)).key.unwrap()
    };
    assert_eq!(key(Some("westus2")).as_bytes(), key(None).as_bytes());
}

#[tokio::test]
async fn each_call_says_which_level_answered() {
    let kit = Kit::new();
    let store = kit.store();
    let request = as_app(ORDERS);
    let told = Told::default();
    let _listening = told.listen();
    let (one, other) = (kit.instance(&store), kit.instance(&store));
    get(&one, &request).await;
    get(&other, &request).await;
    get(&other, &request).await;
    let missed = told.lines("token.missed");
    assert!(
        missed.len() == 2 && missed[0].contains("from=\"entra\"") && missed[1].contains("from=\"store\"")
    );
    assert!(told.lines("token.served")[0].contains("from=\"memory\""));
    let asked = told.lines("store.asked");
    assert!(asked[0].contains("found=\"miss\"") && asked[1].contains("found=\"hit\""), "{asked:?}");
}

/// Whatever happens at once, nobody is given another's token.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_users_never_get_each_others_tokens() {
    let kit = Kit::new();
    let store = kit.store();
    let instances = [kit.instance(&store), kit.instance(&store), kit.instance(&store)];
    let people = [("alice", ids::ALICE), ("bob", ids::BOB)];
    let callers: Vec<_> = people
        .iter()
        .flat_map(|(name, oid)| (0..3).map(|_| (kit.caller(name), *oid)).collect::<Vec<_>>())
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for step in 0..400_usize {
        let tokens = instances[step % 3].clone();
        let (caller, oid) = callers[(step / 2 * 7) % callers.len()].clone();
        let wanted = if step % 2 == 0 { READ } else { "User.Read" };
        let request = TokenRequest::on_behalf_of(scopes(wanted), &caller);
        let request = if step % 11 == 0 { request.force_refresh() } else { request };
        let store: Option<Arc<MemoryStore>> = (step % 40 == 0).then(|| Arc::clone(&store));
        tasks.spawn(async move {
            if let Some(store) = &store {
                store.go_away();
            }
            let token = tokens.acquire(&request).await;
            if let Some(store) = store {
                store.come_back();
            }
            let token = token.unwrap_or_else(|error: TokenError| panic!("{}", every_text(&error)));
            let claims = claims(&token);
            assert_eq!(claims["oid"], oid);
            assert!(claims["scp"].as_str().unwrap().contains(wanted.rsplit('/').next().unwrap()));
        });
    }
    tasks.join_all().await;
    for tokens in &instances {
        tokens.settled().await;
    }
    let cold = kit.instance(&store);
    let before = kit.count();
    for (caller, oid) in &callers {
        let token = get(&cold, &TokenRequest::on_behalf_of(scopes(READ), caller)).await;
        assert_eq!(claims(&token)["oid"], *oid);
    }
    assert_eq!(kit.count(), before, "all of them are in the store");
}

#[tokio::test]
async fn a_thousand_callers_ask_the_store_once() {
    let kit = Kit::new();
    let store = kit.store();
    let request = as_app(ORDERS);
    get(&kit.instance(&store), &request).await;
    let told = Told::default();
    let _listening = told.listen();
    let cold = kit.instance(&store);
    let tokens = join_all((0..1_000).map(|_| cold.acquire(&request))).await;
    assert!(tokens.iter().all(Result::is_ok));
    assert_eq!((told.lines("store.asked").len(), kit.count()), (1, 1));
}

async fn others_go_on(rounds: usize) {
    for _ in 0..rounds {
        yield_now().await;
    }
}

/// A store that takes its time, and counts who asks.
#[derive(Debug)]
struct Unhurried {
    store: Arc<MemoryStore>,
    asked: AtomicUsize,
}

impl Unhurried {
    fn over(store: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { store, asked: AtomicUsize::new(0) })
    }

    /// With what another instance fetched for this request.
    async fn with(kit: &Kit, request: &TokenRequest) -> Arc<Self> {
        let store = kit.store();
        get(&kit.instance(&store), request).await;
        Self::over(store)
    }
}

#[async_trait]
impl StoreTokens for Unhurried {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        others_go_on(50).await;
        self.store.get(key).await
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

#[tokio::test]
async fn those_who_come_while_one_looks_share_what_it_finds() {
    let kit = Kit::new();
    let request = as_app(ORDERS);
    let store = Unhurried::with(&kit, &request).await;
    let cold = kit.instance(&store);
    let tokens = join_all((0..100).map(|_| cold.acquire(&request))).await;
    assert!(tokens.iter().all(Result::is_ok));
    assert_eq!((store.asked.load(Ordering::Relaxed), kit.count()), (1, 1));
}

#[tokio::test]
async fn whoever_stops_looking_takes_nothing_from_the_others() {
    let kit = Kit::new();
    let request = as_app(ORDERS);
    let store = Unhurried::with(&kit, &request).await;
    let cold = kit.instance(&store);
    let mut first = cold.acquire(&request);
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = tokio::spawn(cold.acquire_detached(&request));
    let third = tokio::spawn(cold.acquire_detached(&request));
    others_go_on(10).await;
    drop(first);
    assert!(second.await.unwrap().is_ok() && third.await.unwrap().is_ok());
    assert_eq!((store.asked.load(Ordering::Relaxed), kit.count()), (2, 1));
}

/// Where nothing is there, the one who looked alone and the flight of the others may both look.
#[tokio::test]
async fn a_crowd_that_finds_nothing_asks_the_store_twice_at_most_and_entra_once() {
    let kit = Kit::new();
    let store = Unhurried::over(kit.store());
    let cold = kit.instance(&store);
    let told = Told::default();
    let _listening = told.listen();
    let request = as_app(ORDERS);
    let tokens = join_all((0..100).map(|_| cold.acquire(&request))).await;
    assert!(tokens.iter().all(Result::is_ok));
    let asked = store.asked.load(Ordering::Relaxed);
    assert!((1..=2).contains(&asked) && kit.count() == 1, "{asked}, {}", kit.count());
    let recorded = told.recorded();
    let joined = recorded.iter().filter(|line| line.starts_with("token.acquire outcome=\"joined\""));
    assert_eq!(joined.count(), 1, "{recorded:?}");
}

/// Full, or a replica: it is read, and takes nothing.
#[derive(Debug)]
struct ReadOnly(Arc<MemoryStore>);

#[async_trait]
impl StoreTokens for ReadOnly {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, _: &StoreKey, _: StoredEntry) -> Result<(), StoreError> {
        Err(StoreError::new("replica", "is read-only"))
    }

    async fn put_new(&self, _: &StoreKey, _: StoredEntry) -> Result<bool, StoreError> {
        Err(StoreError::new("replica", "is read-only"))
    }

    async fn remove(&self, _: &StoreKey) -> Result<bool, StoreError> {
        Err(StoreError::new("replica", "is read-only"))
    }
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_read_on_with_leases_and_sessions() {
    let kit = Kit::new();
    let store = kit.store();
    let begun = SessionKey::allocate();
    let caller = kit.caller("alice");
    let keep = |key: &SessionKey| TokenRequest::on_behalf_of(scopes(READ), &caller).keep_as(key.clone());
    get(&kit.instance(&store), &keep(&begun)).await;
    let shared = share(Arc::new(ReadOnly(store))).lease(Duration::from_secs(10));
    let tokens = kit.sharing(shared);
    let told = Told::default();
    let _listening = told.listen();
    let apis: Vec<_> = (0..8).map(|api| as_app(ORDERS).parameter(slice(api))).collect();
    let fetched = join_all(apis.iter().map(|request| tokens.acquire(request))).await;
    assert!(fetched.iter().all(Result::is_ok), "{fetched:?}");
    let others: Vec<_> = (0..5).map(|_| SessionKey::allocate()).collect();
    for key in &others {
        let error = tokens.acquire(&keep(key)).await.unwrap_err();
        assert_eq!(error.store().unwrap().what(), "is read-only", "{error}");
    }
    for key in &others {
        assert!(tokens.end_session(key).await.unwrap_err().is_unavailable());
    }
    tokens.acquire(&TokenRequest::for_session(scopes(READ), &begun)).await.unwrap();
    let away = told.lines("store.away");
    assert!(!away.is_empty() && away.iter().all(|line| line.contains("side=\"writes\"")), "{away:?}");
}

/// A driver with a defect.
#[derive(Debug)]
struct Panics(Arc<MemoryStore>, &'static str);

#[async_trait]
impl StoreTokens for Panics {
    async fn get(&self, key: &StoreKey) -> Result<Option<StoredEntry>, StoreError> {
        assert_ne!(self.1, "get");
        self.0.get(key).await
    }

    async fn put(&self, _: &StoreKey, _: StoredEntry) -> Result<(), StoreError> {
        panic!("put")
    }

    async fn put_new(&self, _: &StoreKey, _: StoredEntry) -> Result<bool, StoreError> {
        panic!("put_new")
    }

    async fn remove(&self, _: &StoreKey) -> Result<bool, StoreError> {
        panic!("remove")
    }
}

#[tokio::test]
async fn not_even_a_store_that_panics_is_why_a_call_fails() {
    let kit = Kit::new();
    for at in ["get", "put_new"] {
        let store = Arc::new(Panics(kit.store(), at));
        let tokens = kit.sharing(share(store).lease(Duration::from_secs(10)));
        let apis: Vec<_> = (0..5).map(|api| as_app(ORDERS).parameter(slice(api))).collect();
        for request in &apis {
            get(&tokens, request).await;
        }
        let explained = tokens.explain(&apis[0]).store.unwrap();
        assert_eq!((explained.is_away, explained.waiting), (at == "get", 0), "{explained}");
    }
}

fn slice(number: usize) -> Parameter {
    Parameter::shaping(Place::Query, "slice", number.to_string())
}

/// They wait for less than a store may take that hangs, one after the other.
#[tokio::test]
async fn whoever_goes_away_while_looking_leaves_a_flight_to_the_next() {
    let kit = Kit::new();
    let store = kit.store();
    store.hang();
    let cold = kit.instance(&store);
    let requests = [as_app(ORDERS), as_app(GRAPH)];
    for request in &requests {
        let mut impatient = cold.acquire(request);
        assert!(futures_util::poll!(&mut impatient).is_pending());
        drop(impatient);
    }
    assert_eq!(cold.explain(&requests[0]).flights, 2);
    store.come_back();
    cold.settled().await;
    for request in &requests {
        at_once(&cold, request);
    }
    assert_eq!(kit.count(), 2);
}

/// Nothing is there: the one who looked says so to the flight that it begins.
#[tokio::test]
async fn a_lone_caller_asks_a_store_once_that_has_nothing() {
    let kit = Kit::new();
    let store = Unhurried::over(kit.store());
    get(&kit.instance(&store), &as_app(ORDERS)).await;
    assert_eq!((store.asked.load(Ordering::Relaxed), kit.count()), (1, 1));
}
