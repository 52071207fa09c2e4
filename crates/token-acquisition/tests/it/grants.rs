//! Each grant, from the request to the token that a strict Entra gave for it.

use entra_abstractions::{AccountId, AcquireToken, Secret, TokenRequest};
use entra_emulator::{Grant, ids};

use crate::kit::{CALLBACK, Kit, ORDERS, READ, as_app, at_once, claims, scopes, who};

#[tokio::test]
async fn an_application_gets_its_own_token() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let token = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let claims = claims(&token);
    assert_eq!((claims["azp"].as_str(), claims["aud"].as_str()), (Some(ids::DAEMON), Some(ids::ORDERS)));
    assert_eq!(claims["roles"][0], "Orders.Read.All");
    assert_eq!((token.tenant().unwrap().as_str(), token.account()), (ids::TENANT, None));
    assert!(token.authorization_header().is_sensitive());

    let sent = &kit.sent()[0];
    assert_eq!((sent.scope.as_deref(), sent.field("client_info")), (Some(ORDERS), Some("2")));
    assert_eq!((sent.header("x-anchormailbox"), sent.field("claims")), (None, None));
    assert_eq!(
        (sent.header("accept"), sent.header("x-client-sku")),
        (Some("application/json"), Some("entra-rs"))
    );

    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), token.secret());
    assert_eq!(kit.count(), 1);
}

#[tokio::test]
async fn a_callers_token_becomes_the_next_apis() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = kit.caller("alice");
    let request = TokenRequest::on_behalf_of(scopes(READ), &alice);
    let token = tokens.acquire(&request).await.unwrap();
    let found = claims(&token);
    assert_eq!(
        (&found["oid"], &found["azp"], &found["scp"]),
        (&ids::ALICE.into(), &ids::API.into(), &"read".into())
    );
    assert_eq!(token.account().unwrap().as_str(), format!("{}.{}", ids::ALICE, ids::TENANT));
    assert!(token.id_token().is_some());
    assert!(token.scopes().any(|scope| scope == READ));

    let sent = &kit.sent()[0];
    assert_eq!(sent.scope.as_deref(), Some("api://orders/read openid profile offline_access"));
    assert_eq!((sent.grant, sent.field("client_info")), (Some(Grant::OnBehalfOf), Some("1")));

    // The same assertion is answered from the cache; another one of the same user is another user.
    at_once(&tokens, &request);
    let again = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    assert!(tokens.acquire(&again).now().is_err());
    let bob = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("bob"));
    assert_eq!(claims(&tokens.acquire(&bob).await.unwrap())["oid"], ids::BOB);
    assert_eq!(claims(&at_once(&tokens, &request))["oid"], ids::ALICE);
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn an_ended_token_on_behalf_of_a_user_is_exchanged_for_anew() {
    let kit = Kit::new();
    let tokens = kit.api();
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    kit.emulator.edit(|directory| directory.lifetimes.access_token = 600);
    let first = tokens.acquire(&request).await.unwrap();
    kit.advance(600);
    let second = tokens.acquire(&request).await.unwrap();
    assert_ne!(first.secret(), second.secret());
    // An exchange for one call keeps no refresh token of the user.
    let grants: Vec<_> = kit.sent().into_iter().map(|sent| sent.grant).collect();
    assert_eq!(grants, [Some(Grant::OnBehalfOf), Some(Grant::OnBehalfOf)]);
}

#[tokio::test]
async fn a_code_opens_an_account_and_its_refresh_token_every_api() {
    let kit = Kit::new();
    let tokens = kit.api();
    let code = kit.authorization_code("maeve", READ).await;
    let signed_in = tokens.redeem_code(code).await.unwrap();
    assert_eq!(claims(&signed_in.token)["oid"], ids::MAEVE);
    assert_eq!(signed_in.account, AccountId::new(ids::MAEVE, ids::TENANT).unwrap());
    assert_eq!(kit.sent()[0].field("redirect_uri"), Some(CALLBACK));

    let request = TokenRequest::for_account(scopes(READ), signed_in.account.clone());
    assert_eq!(at_once(&tokens, &request).secret(), signed_in.token.secret());
    assert_eq!(kit.count(), 1);

    // Another API, and the same one after the token's end: by the refresh token.
    let mail = TokenRequest::for_account(scopes("Mail.Read"), signed_in.account.clone());
    assert_eq!(claims(&tokens.acquire(&mail).await.unwrap())["scp"], "Mail.Read");
    kit.advance(3_600);
    tokens.acquire(&request).await.unwrap();
    for sent in &kit.sent()[1..] {
        assert_eq!(sent.grant, Some(Grant::RefreshToken));
        assert_eq!(sent.header("x-anchormailbox"), Some(&*format!("oid:{}@{}", ids::MAEVE, ids::TENANT)));
    }
    assert_eq!(kit.count(), 3);
}

#[tokio::test]
async fn a_code_is_of_no_use_without_its_verifier() {
    let kit = Kit::new();
    let tokens = kit.api();
    let code = kit
        .authorization_code("alice", READ)
        .await
        .verifier("another-verifier-of-forty-three-characters-too~~");
    let error = tokens.redeem_code(code).await.unwrap_err();
    assert_eq!((who(&error), error.exchange().unwrap().aadsts()), ("the user", &[501_481][..]));
    assert_eq!(tokens.cache_statistics().entries, 0);
}

#[tokio::test]
async fn a_refresh_token_from_elsewhere_is_taken_over() {
    let kit = Kit::new();
    let tokens = kit.api();
    let kept = Secret::new(kit.foreign_refresh_token("bob", READ).await);
    let signed_in = tokens.redeem_refresh_token(kept, scopes(READ)).await.unwrap();
    assert_eq!(signed_in.account.uid(), ids::BOB);
    kit.emulator.log().clear();
    at_once(&tokens, &TokenRequest::for_account(scopes(READ), signed_in.account.clone()));
    tokens.acquire(&TokenRequest::for_account(scopes("User.Read"), signed_in.account)).await.unwrap();
    assert_eq!(kit.legs(), ["refresh token"]);
}

#[tokio::test]
async fn who_never_signed_in_must_sign_in() {
    let kit = Kit::new();
    let stranger = AccountId::new(ids::ALICE, ids::TENANT).unwrap();
    let error = kit.api().acquire(&TokenRequest::for_account(scopes(READ), stranger)).await.unwrap_err();
    let challenge = error.challenge().unwrap();
    assert_eq!(challenge.scopes(), &scopes(READ));
    assert!(error.to_string().contains("never signed in here"), "{error}");
    assert_eq!(kit.count(), 0);
}

#[tokio::test]
async fn a_handle_serves_the_same_token_as_its_acquirer() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let handle = tokens.handle(as_app(ORDERS)).unwrap();
    let first = handle.token().await.unwrap();
    assert_eq!(handle.token().now().unwrap().unwrap().secret(), first.secret());
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), first.secret());
    let renewed = tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_ne!(renewed.secret(), first.secret());
    assert_eq!(handle.token().now().unwrap().unwrap().secret(), renewed.secret(), "the handle looks again");
    kit.advance(3_600);
    assert_ne!(handle.token().await.unwrap().secret(), renewed.secret());
    assert_eq!(kit.count(), 3);
    assert!(tokens.handle(as_app("User.Read")).is_ok(), "what is asked is judged where it is asked");
    assert_eq!(who(&tokens.handle(as_app("User.Read")).unwrap().token().await.unwrap_err()), "the developer");
}

#[tokio::test]
async fn two_applications_share_nothing() {
    let kit = Kit::new();
    let (daemon, api) = (kit.daemon(), kit.api());
    let one = daemon.acquire(&as_app(ORDERS)).await.unwrap();
    let two = api.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!((&claims(&one)["azp"], &claims(&two)["azp"]), (&ids::DAEMON.into(), &ids::API.into()));
}
