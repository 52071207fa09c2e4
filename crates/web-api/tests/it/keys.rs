//! When keys are fetched, and when they are not.

use std::time::Duration;

use entra_web_api::{Denial, Flaw, TokenValidator};
use serde_json::json;

use crate::entra::{Entra, minutes};

#[derive(Debug, PartialEq)]
enum Seen {
    Good,
    Bad(Flaw),
    Later(u64),
}

async fn seen(validator: &TokenValidator, token: &str) -> Seen {
    match validator.validate(token).await {
        Ok(_) => Seen::Good,
        Err(Denial::InvalidToken(flaw)) => Seen::Bad(flaw),
        Err(Denial::Unavailable(outage)) => Seen::Later(outage.retry_after().unwrap_or_default().as_secs()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_fetched_before_a_token_comes_and_then_once_for_all() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let token = entra.token(0, &json!({}));
    assert!(validator.validate_now(&token).is_none());
    assert_eq!(entra.fetches(), 0);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (validator, token) = (validator.clone(), token.clone());
            tokio::spawn(async move { seen(&validator, &token).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Seen::Good);
    }
    assert_eq!(entra.fetches(), 1);
    assert!(validator.validate_now(&token).unwrap().is_ok());
}

#[tokio::test]
async fn tokens_that_would_be_refused_anyway_fetch_nothing() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let expired = entra.token(0, &json!({"nbf": 0, "exp": 1}));
    assert_eq!(seen(&validator, &expired).await, Seen::Bad(Flaw::Expired));
    let foreign = entra.token(0, &json!({"aud": "another"}));
    assert_eq!(seen(&validator, &foreign).await, Seen::Bad(Flaw::Audience));
    assert_eq!(entra.fetches(), 0);
}

#[tokio::test]
async fn a_new_key_passes_at_once_and_strangers_cannot_make_us_ask() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    assert_eq!(seen(&validator, &entra.token(0, &json!({}))).await, Seen::Good);
    entra.publish(&[0, 1]);
    assert_eq!(seen(&validator, &entra.token(1, &json!({}))).await, Seen::Good);
    assert_eq!(entra.fetches(), 2);
    for _ in 0..20 {
        assert_eq!(seen(&validator, &entra.token(2, &json!({}))).await, Seen::Bad(Flaw::UnknownKey));
    }
    assert_eq!(entra.fetches(), 0);
    entra.clock.advance(minutes(5));
    assert_eq!(seen(&validator, &entra.token(2, &json!({}))).await, Seen::Bad(Flaw::UnknownKey));
    assert_eq!(seen(&validator, &entra.token(2, &json!({}))).await, Seen::Bad(Flaw::UnknownKey));
    assert_eq!(entra.fetches(), 1);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_goes_with_the_next_look() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    assert_eq!(seen(&validator, &entra.token(0, &json!({}))).await, Seen::Good);
    entra.publish(&[1]);
    assert_eq!(seen(&validator, &entra.token(1, &json!({}))).await, Seen::Good);
    assert_eq!(seen(&validator, &entra.token(0, &json!({}))).await, Seen::Bad(Flaw::UnknownKey));
}

#[tokio::test]
async fn without_entra_nothing_can_be_said_and_soon_it_is_asked_again() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let token = entra.token(0, &json!({}));
    entra.answer_with(503);
    assert_eq!(seen(&validator, &token).await, Seen::Later(7));
    assert_eq!(seen(&validator, &token).await, Seen::Later(7));
    assert_eq!(entra.fetches(), 1);
    entra.answer_with(200);
    entra.clock.advance(Duration::from_secs(7));
    assert_eq!(seen(&validator, &token).await, Seen::Good);
}

#[tokio::test]
async fn known_keys_serve_while_entra_is_down() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    assert_eq!(seen(&validator, &entra.token(0, &json!({}))).await, Seen::Good);
    entra.answer_with(500);
    entra.clock.advance(minutes(13 * 60));
    let renewed = entra.token(0, &json!({}));
    assert_eq!(seen(&validator, &renewed).await, Seen::Good);
    let unknown = entra.token(1, &json!({}));
    assert!(matches!(seen(&validator, &unknown).await, Seen::Later(_)));
    assert_eq!(seen(&validator, &renewed).await, Seen::Good);
    entra.answer_with(200);
    entra.publish(&[0, 1]);
    entra.clock.advance(Duration::from_secs(30));
    assert_eq!(seen(&validator, &unknown).await, Seen::Good);
}

#[tokio::test]
async fn old_keys_are_looked_at_again_behind_the_callers() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    assert_eq!(seen(&validator, &entra.token(0, &json!({}))).await, Seen::Good);
    assert_eq!(entra.fetches(), 1);
    entra.clock.advance(minutes(12 * 60));
    entra.publish(&[0, 1]);
    assert!(validator.validate_now(&entra.token(0, &json!({}))).unwrap().is_ok());
    // The next unknown key joins the look that is under way, or finds it done.
    assert_eq!(seen(&validator, &entra.token(1, &json!({}))).await, Seen::Good);
    assert_eq!(entra.fetches(), 1);
}
