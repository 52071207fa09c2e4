//! Claims challenges and forced refresh: what is cached does not answer, and is replaced.

use entra_abstractions::{AcquireToken, Claims, TokenRequest, UserAssertion};
use entra_emulator::{Fault, ids};

use crate::kit::{Kit, ORDERS, READ, as_app, at_once, claims, scopes, who};

const STEP_UP: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

#[tokio::test]
async fn a_claims_challenge_replaces_the_cached_token() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let first = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let challenged = as_app(ORDERS).claims(Claims::new(STEP_UP).unwrap());
    let second = tokens.acquire(&challenged).await.unwrap();
    assert_ne!(first.secret(), second.secret());
    assert_eq!(
        at_once(&tokens, &as_app(ORDERS)).secret(),
        second.secret(),
        "else every later call is challenged again"
    );
    tokens.acquire(&challenged).await.unwrap();
    assert_eq!(
        (kit.count(), tokens.cache_statistics().entries),
        (3, 1),
        "a challenge is never answered from the cache"
    );
}

#[tokio::test]
async fn a_forced_refresh_replaces_the_cached_token() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let first = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let second = tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_ne!(first.secret(), second.secret());
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), second.secret());
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn a_challenge_that_the_user_met_goes_through() {
    let kit = Kit::new();
    let tokens = kit.api();
    let safe = |user: &UserAssertion| TokenRequest::on_behalf_of(scopes("api://safe/open"), user);
    let error = tokens.acquire(&safe(&kit.caller("alice"))).await.unwrap_err();
    let asked = error.challenge().unwrap().claims().unwrap().clone();
    // The client signs the user in again with the claims, and comes back with a better token.
    let scope = format!("api://{}/access_as_user", ids::API);
    let better = kit.emulator.mint().user("alice").scopes(&scope).claim("acrs", vec!["c1"]).build();
    let better = UserAssertion::new(better).unwrap();
    let token = tokens.acquire(&safe(&better).claims(asked)).await.unwrap();
    assert_eq!(claims(&token)["acrs"][0], "c1");
    at_once(&tokens, &safe(&better));
}

#[tokio::test]
async fn a_forced_refresh_that_fails_for_a_while_costs_nobody_their_token() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let first = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::status(503).times(2));
    let error = tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap_err();
    assert_eq!(who(&error), "nobody", "whoever forces wants the news, not the old token");
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), first.secret());
}

#[tokio::test]
async fn a_refused_challenge_takes_the_users_token_along() {
    let kit = Kit::new();
    let tokens = kit.api();
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    let other = TokenRequest::on_behalf_of(scopes("User.Read"), &kit.caller("alice"));
    tokens.acquire(&request).await.unwrap();
    tokens.acquire(&other).await.unwrap();
    kit.emulator.faults().add(Fault::challenge(STEP_UP));
    let challenged = request.clone().claims(Claims::new(STEP_UP).unwrap());
    let error = tokens.acquire(&challenged).await.unwrap_err();
    assert_eq!(error.challenge().unwrap().claims().unwrap().as_str(), STEP_UP);
    assert!(tokens.acquire(&request).now().is_err(), "the next caller asks for itself");
    at_once(&tokens, &other);
}

#[tokio::test]
async fn a_slow_answer_from_before_does_not_undo_a_challenge() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    kit.emulator.faults().add(Fault::slow(std::time::Duration::from_millis(300)));
    let (plain, challenged) = (as_app(ORDERS), as_app(ORDERS).claims(Claims::new(STEP_UP).unwrap()));
    let (_, second) = tokio::join!(tokens.acquire(&plain), async {
        // The slow request is on its way before the challenge's is made.
        while kit.count() == 0 {
            tokio::task::yield_now().await;
        }
        tokens.acquire(&challenged).await.unwrap()
    });
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), second.secret());
}
