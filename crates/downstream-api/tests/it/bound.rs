//! What the middleware and an API ask for where tokens are bound, and what comes of what they get; the
//! connections themselves are looked at where there are some, in `conformance`.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{
    AccessToken, AcquireToken, Acquiring, BindTokens, Binding, Exchange, KeyForm, Misconfigured, Rejected,
    Scheme, Secret, Subject, TokenError, TokenRequest, UserAssertion, testing::FakeAcquirer,
};
use entra_downstream_api::{Api, AuthorizationMiddleware, AuthorizationOptions, CallError};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::json;

use crate::server::{Server, asked, challenge, section};

/// Gives tokens from a list, and can bind.
#[derive(Debug)]
struct Binder(Arc<FakeAcquirer>);

impl AcquireToken for Binder {
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        self.0.acquire(request)
    }

    fn binder(&self) -> Option<&dyn BindTokens> {
        Some(self)
    }
}

#[async_trait]
impl BindTokens for Binder {
    fn check(&self, request: &TokenRequest) -> Result<(), Misconfigured> {
        assert_eq!(request.scheme, Scheme::MtlsPop);
        Ok(())
    }

    async fn binding(&self) -> Result<Binding, TokenError> {
        Err(Misconfigured::new("the fake has no certificate").into())
    }
}

fn token(binding: Option<Binding>) -> Result<AccessToken, TokenError> {
    let token = AccessToken::new(Scheme::MtlsPop, Secret::new("at-1"), std::time::SystemTime::UNIX_EPOCH)?;
    Ok(token.with_binding(binding))
}

/// Tokens whose certificate nobody has looked at.
fn unbound() -> Arc<FakeAcquirer> {
    Arc::new(FakeAcquirer::new(|_| token(None)))
}

fn client(tokens: &Arc<FakeAcquirer>, defaults: AuthorizationOptions) -> ClientWithMiddleware {
    let middleware = AuthorizationMiddleware::new(Binder(Arc::clone(tokens)), defaults).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the client is the user's own here")]
    let own = reqwest::Client::new();
    ClientBuilder::new(own).with(middleware).build()
}

fn defaults() -> AuthorizationOptions {
    AuthorizationOptions::new().scopes("api://orders/read").as_app()
}

#[tokio::test]
async fn the_middleware_asks_for_a_bound_token_where_that_is_said_and_nowhere_else() {
    let (server, tokens) = (Server::start().await, unbound());
    let plain = client(&tokens, defaults());
    plain.get(&server.url).send().await.unwrap();
    assert_eq!(asked(&tokens).scheme, Scheme::Bearer);
    // For one request, for all, and for the application whoever was said before.
    let bound = AuthorizationOptions::new().bound().tenant("fabrikam.example");
    plain.get(&server.url).with_extension(bound).send().await.unwrap();
    let request = asked(&tokens);
    assert_eq!((&request.scheme, &request.subject), (&Scheme::MtlsPop, &Subject::App));
    assert_eq!(request.scopes.as_str(), "api://orders/.default");
    assert_eq!(request.tenant.unwrap().as_str(), "fabrikam.example");
    let user = UserAssertion::new("h.p.s").unwrap();
    let all = client(&tokens, defaults().on_behalf_of(&user).bound());
    all.get(&server.url).send().await.unwrap();
    assert_eq!((asked(&tokens).scheme, asked(&tokens).subject), (Scheme::MtlsPop, Subject::App));
    // What comes without a certificate goes over the client's own connections.
    assert_eq!(server.sent().len(), 3);
    assert_eq!(server.last().header("authorization"), Some("mtls_pop at-1"));
}

#[tokio::test]
async fn a_bound_token_that_cannot_be_had_is_found_in_the_error_of_either() {
    let server = Server::start().await;
    let rejecting = Arc::new(FakeAcquirer::new(|_| {
        let exchange = Exchange::new("client_credentials", "mtlsauth.example").with_aadsts(vec![392_196]);
        Err(Rejected::new(exchange).into())
    }));
    let error = client(&rejecting, defaults().bound()).get(&server.url).send().await.unwrap_err();
    assert!(matches!(TokenError::in_chain(&error), Some(TokenError::Rejected(_))), "{error:?}");
    let bound = json!({
        "BaseUrl": server.url.replace("http:", "https:"), "RequestAppToken": true,
        "ProtocolScheme": "MTLS_POP",
    });
    let api = Api::from_section(&section(&server, &bound), Binder(rejecting)).unwrap();
    let error = api.as_app().get("items").send().await.unwrap_err();
    assert!(matches!(error, CallError::Token { error: TokenError::Rejected(_), .. }), "{error:?}");
    assert!(server.sent().is_empty());
}

#[tokio::test]
async fn a_bound_token_is_not_sent_where_no_certificate_is_shown() {
    let server = Server::start().await;
    let binding = Binding::new(vec![vec![1, 2, 3]], &KeyForm::Pkcs8(vec![4].into())).unwrap();
    let bound = Arc::new(FakeAcquirer::new(move |_| token(Some(binding.clone()))));
    let error = client(&bound, defaults().bound()).get(&server.url).send().await.unwrap_err();
    let told = TokenError::in_chain(&error).unwrap().to_string();
    assert!(told.contains("a certificate is shown over https only"), "{told}");
    assert!(server.sent().is_empty());
}

#[tokio::test]
async fn a_challenge_of_a_bound_call_is_answered_once() {
    let (server, tokens) = (Server::start().await, unbound());
    server.then(challenge()).then(challenge());
    let answer = client(&tokens, defaults().bound()).post(&server.url).body("again").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), server.sent().len()), (401, 2));
    let schemes: Vec<_> = tokens.requests().into_iter().map(|request| request.scheme).collect();
    assert_eq!(schemes, [Scheme::MtlsPop, Scheme::MtlsPop]);
    assert!(asked(&tokens).claims.unwrap().as_str().contains("acrs"));
}
