//! What a client is told when there is no token.

use std::error::Error;

use azure_core::{credentials::TokenCredential, error::ErrorKind};
use entra_abstractions::{
    AccessToken, Exchange, InteractionRequired, Misconfigured, PopKey, Scheme, Scopes, Secret, TokenError,
    Unavailable, testing::FakeAcquirer,
};
use entra_azure_credential::EntraCredential;

use crate::{STORAGE, giving};

async fn failing(error: TokenError) -> azure_core::Error {
    let tokens = FakeAcquirer::new(move |_| Err(error.clone()));
    EntraCredential::new(tokens).get_token(&[STORAGE], None).await.unwrap_err()
}

#[tokio::test]
async fn who_must_act_is_in_the_words_and_the_rest_in_the_source() {
    let exchange = Exchange::new("on_behalf_of", "login.example").with_status(400);
    let scopes = Scopes::try_from(STORAGE).unwrap();
    let error = failing(InteractionRequired::new(exchange.clone(), scopes, None).into()).await;
    assert_eq!(error.kind(), &ErrorKind::Credential);
    assert!(error.to_string().starts_with("no token: the user must sign in again"), "{error}");
    let found = TokenError::in_chain(&error).unwrap();
    assert_eq!(found.challenge().unwrap().scopes().as_str(), STORAGE);

    let error = failing(Unavailable::new(exchange, "throttled").into()).await;
    assert_eq!(error.to_string(), "no token: throttled (400)");
    assert!(error.downcast_ref::<TokenError>().unwrap().is_unavailable());
    assert!(error.source().unwrap().to_string().contains("login.example"));
}

#[tokio::test]
async fn what_cannot_be_asked_is_the_developers() {
    let credential = EntraCredential::new(giving("at-1"));
    let misconfigured = |error: azure_core::Error| {
        assert!(matches!(TokenError::in_chain(&error), Some(TokenError::Misconfigured(_))), "{error:?}");
        error.source().unwrap().to_string()
    };
    for scopes in [&[][..], &[" "], &["a\"b"]] {
        misconfigured(credential.get_token(scopes, None).await.unwrap_err());
    }
    let refused = credential.as_agent_user("<your-agent-identity>", "bob@contoso.example");
    for _ in 0..2 {
        let told = misconfigured(refused.get_token(&[STORAGE], None).await.unwrap_err());
        assert!(told.contains("placeholder"), "{told}");
    }
    let refused = credential.with(|request| request.refuse(Misconfigured::new("not so")));
    assert_eq!(misconfigured(refused.get_token(&[STORAGE], None).await.unwrap_err()), "not so");
}

#[tokio::test]
async fn a_token_that_is_not_shown_as_bearer_is_not_given() {
    let key = PopKey::of_claim(r#"{"kid":"1"}"#).unwrap();
    let shown_as = key.clone();
    let tokens = FakeAcquirer::new(move |_| {
        let ends = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_900_000_000);
        Ok(AccessToken::new(Scheme::Pop(shown_as.clone()), Secret::new("s3cret"), ends)?)
    });
    let credential = EntraCredential::new(tokens).with(|request| request.scheme(Scheme::Pop(key)));
    let error = credential.get_token(&[STORAGE], None).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("bearer tokens only"));
    assert!(!format!("{error:?}").contains("s3cret"));
}
