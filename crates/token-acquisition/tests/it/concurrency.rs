//! Many callers at a time: one fetch for each key, and no key in the way of another.

use std::{pin::pin, sync::Arc, time::Duration};

use entra_abstractions::{AcquireToken, Claims, TenantId, TokenRequest};
use entra_emulator::{Fault, ids};
use futures_util::{future::join_all, poll};
use tokio::task::JoinSet;

use crate::{
    kit::{GRAPH, Kit, ORDERS, READ, as_app, at_once, builder, claims, scopes, who},
    wiretap::{Does, Wiretap},
};

#[tokio::test]
async fn ten_thousand_callers_of_a_cold_key_make_one_request() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let request = as_app(ORDERS);
    let callers = join_all((0..10_000).map(|_| tokens.acquire(&request))).await;
    let first = callers[0].as_ref().unwrap();
    assert!(callers.iter().all(|token| token.as_ref().unwrap().secret() == first.secret()));
    assert_eq!(kit.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_do_they_on_many_threads() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    let mut callers = JoinSet::new();
    for index in 0..10_000 {
        let (tokens, request) = (tokens.clone(), if index % 2 == 0 { as_app(ORDERS) } else { alice.clone() });
        callers.spawn(async move { tokens.acquire(&request).await });
    }
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn a_hanging_key_delays_no_other() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::slow(Duration::from_secs(3_600)).scope("graph"));
    let request = as_app(GRAPH);
    let mut hanging = pin!(tokens.acquire(&request));
    assert!(poll!(&mut hanging).is_pending());
    while kit.count() < 2 {
        tokio::task::yield_now().await;
    }
    // By order, not by time: all of these end while the first has not.
    at_once(&tokens, &as_app(ORDERS));
    let cold = as_app("https://management.azure.com/.default");
    tokens.acquire(&cold).await.unwrap();
    tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    kit.advance(2_790);
    at_once(&tokens, &as_app(ORDERS));
    while kit.count() < 5 {
        tokio::task::yield_now().await;
    }
    assert!(poll!(&mut hanging).is_pending());
}

#[tokio::test]
async fn a_leader_who_goes_away_loses_nothing() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let request = as_app(ORDERS);
    {
        let mut leader = pin!(tokens.acquire(&request));
        assert!(poll!(&mut leader).is_pending());
    }
    let mut waiter = pin!(tokens.acquire(&request));
    assert!(poll!(&mut waiter).is_pending());
    waiter.await.unwrap();
    assert_eq!(kit.count(), 1);

    // And where nobody waits any more, the token is there for the next.
    let graph = as_app(GRAPH);
    let mut leader = Box::pin(tokens.acquire(&graph));
    assert!(poll!(&mut leader).is_pending());
    drop(leader);
    tokens.settled().await;
    at_once(&tokens, &graph);
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn an_error_is_shared_by_those_who_waited_and_by_nobody_else() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    kit.emulator.faults().add(Fault::refuse(53_003, "access_denied"));
    let request = as_app(ORDERS);
    let errors = join_all((0..100).map(|_| tokens.acquire(&request))).await;
    let ids: Vec<_> =
        errors.into_iter().map(|error| error.unwrap_err().exchange().unwrap().correlation_id()).collect();
    assert!(ids.iter().all(|id| id.is_some() && *id == ids[0]), "one flight, one error");
    assert_eq!(kit.count(), 1);
    tokens.acquire(&request).await.unwrap();
    assert_eq!(kit.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tenants_at_once_do_not_mix() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let mut callers = JoinSet::new();
    for number in 0..400 {
        let (tokens, tenant) = (tokens.clone(), [ids::TENANT, ids::OTHER_TENANT][number % 2]);
        let request = as_app(ORDERS).tenant(TenantId::new(tenant).unwrap());
        callers.spawn(async move { (tenant, tokens.acquire(&request).await.unwrap()) });
    }
    while let Some(caller) = callers.join_next().await {
        let (tenant, token) = caller.unwrap();
        assert_eq!(claims(&token)["tid"], tenant);
    }
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn challenges_share_a_flight_only_with_their_like() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let claims = |value: &str| {
        Claims::new(&format!(r#"{{"access_token":{{"acrs":{{"value":"{value}"}}}}}}"#)).unwrap()
    };
    let (plain, forced) = (as_app(ORDERS), as_app(ORDERS).force_refresh());
    let (one, two) = (as_app(ORDERS).claims(claims("c1")), as_app(ORDERS).claims(claims("c2")));
    let all = [&plain, &forced, &one, &two].into_iter().cycle().take(40);
    join_all(all.map(|request| tokens.acquire(request)))
        .await
        .into_iter()
        .for_each(|token| drop(token.unwrap()));
    assert_eq!((kit.count(), tokens.cache_statistics().entries), (4, 1));
}

#[tokio::test]
async fn in_the_last_minute_all_wait_for_the_same_flight() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(3_545);
    let request = as_app(ORDERS);
    let news = join_all((0..1_000).map(|_| tokens.acquire(&request))).await;
    let served_old = news.iter().filter(|token| token.as_ref().unwrap().secret() == old.secret()).count();
    assert_eq!((kit.count(), served_old), (2, 0));
}

#[tokio::test]
async fn settled_waits_for_all_that_is_in_the_air() {
    let kit = Kit::new();
    let tokens = kit.api();
    tokens.settled().await;
    let requests =
        [as_app(ORDERS), as_app(GRAPH), TokenRequest::on_behalf_of(scopes(READ), &kit.caller("bob"))];
    for request in &requests {
        let mut leader = Box::pin(tokens.acquire(request));
        assert!(poll!(&mut leader).is_pending());
    }
    tokens.settled().await;
    for request in &requests {
        at_once(&tokens, request);
    }
}

#[test]
fn a_runtime_that_ends_in_mid_flight_leaves_the_key_usable() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let request = as_app(ORDERS);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let short_lived = runtime();
    short_lived.block_on(async {
        let mut leader = pin!(tokens.acquire(&request));
        assert!(poll!(&mut leader).is_pending());
    });
    drop(short_lived);
    runtime().block_on(async {
        tokens.settled().await;
        tokens.acquire(&request).await.unwrap();
    });
    // A token that ages is served outside of any runtime, too.
    kit.advance(2_790);
    at_once(&tokens, &request);
}

#[tokio::test]
async fn callers_of_a_provider_that_is_gone_are_told_together() {
    let kit = Kit::new();
    let wiretap = Wiretap::that([Does::Leaves]).await;
    let application = entra_token_acquisition::Application::builder();
    let application =
        application.instance(&*wiretap.url).tenant(ids::TENANT).client_id("client").secret("s3cret");
    let tokens = builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap();
    let request = as_app(ORDERS);
    let errors = join_all((0..50).map(|_| tokens.acquire(&request))).await;
    assert!(errors.into_iter().all(|error| who(&error.unwrap_err()) == "nobody"));
    assert_eq!(wiretap.heard().len(), 2, "one flight: a try and its repetition");
}
