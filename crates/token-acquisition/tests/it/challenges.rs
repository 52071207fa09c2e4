//! A token that an API refused is fetched anew once, whoever's it is and however many were refused.

use entra_abstractions::{AccessToken, AcquireToken, Claims, SessionKey, TokenRequest};
use entra_token_acquisition::TokenAcquirer;
use futures_util::future::join_all;

use crate::kit::{Kit, READ, at_once, scopes};

fn challenge() -> Claims {
    Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"1796083100"}}}"#).unwrap()
}

async fn once(kit: &Kit, tokens: &TokenAcquirer, request: TokenRequest) -> AccessToken {
    let old = tokens.acquire(&request).await.unwrap();
    let before = kit.count();
    let challenged = request.claims(challenge()).replacing(old.to_hash());
    let news = join_all((0..1_000).map(|_| tokens.acquire(&challenged))).await;
    let new = news[0].as_ref().unwrap().clone();
    assert_ne!(new.secret(), old.secret());
    for _ in 0..100 {
        assert_eq!(tokens.acquire(&challenged).await.unwrap().secret(), new.secret());
    }
    assert_eq!(kit.count(), before + 1, "{challenged:?}");
    new
}

#[tokio::test]
async fn a_user_and_an_account() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    let new = once(&kit, &tokens, alice.clone()).await;
    assert_eq!(at_once(&tokens, &alice).secret(), new.secret());
    let account = tokens.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap().account;
    once(&kit, &tokens, TokenRequest::for_account(scopes(READ), account)).await;
}

#[tokio::test]
async fn a_session_while_it_begins_and_when_it_goes_on() {
    let kit = Kit::new();
    let tokens = kit.api();
    let key = SessionKey::allocate();
    let alice = kit.caller("alice");
    let begin = TokenRequest::on_behalf_of(scopes(READ), &alice).keep_as(key.clone());
    let new = once(&kit, &tokens, begin.clone()).await;
    assert_eq!(tokens.acquire(&begin).await.unwrap().secret(), new.secret());
    let later = TokenRequest::for_session(scopes(READ), &key);
    assert_eq!(at_once(&tokens, &later).secret(), new.secret());
    once(&kit, &tokens, later).await;
    // Nobody else is served by it.
    let bob = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("bob")).keep_as(key);
    let bob = bob.claims(challenge()).replacing(new.to_hash());
    assert!(tokens.acquire(&bob).await.unwrap_err().to_string().contains("belongs to another user"));
}
