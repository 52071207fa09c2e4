//! The middleware in a real stack: retries before it, somebody else's middleware behind it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use entra_abstractions::{
    AgentId, AgentSubject, Exchange, Misconfigured, OnBehalfOf, Rejected, SessionKey, Subject, TokenError,
    TokenRequest, User, UserAssertion, testing::FakeAcquirer,
};
use entra_downstream_api::{AuthorizationMiddleware, AuthorizationOptions};
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};

use crate::server::{Server, answer_of, asked, challenge, tokens};

#[expect(clippy::disallowed_methods, reason = "the client is the user's own here")]
fn bare() -> Client {
    Client::new()
}

fn client(
    tokens: Arc<FakeAcquirer>,
    defaults: AuthorizationOptions,
) -> Result<ClientWithMiddleware, Misconfigured> {
    Ok(ClientBuilder::new(bare()).with(AuthorizationMiddleware::new(tokens, defaults)?).build())
}

fn defaults() -> AuthorizationOptions {
    AuthorizationOptions::new().scopes("api://orders/.default").as_app()
}

#[tokio::test]
async fn each_request_gets_a_token_of_the_defaults() {
    let (server, tokens) = (Server::start().await, tokens());
    let client = client(Arc::clone(&tokens), defaults()).unwrap();
    let forged = client.get(&server.url).header("authorization", "Bearer forged").send().await.unwrap();
    assert_eq!(forged.status(), 200);
    assert_eq!(server.last().headers.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer at-1"]);
    assert_eq!(asked(&tokens).subject, Subject::App);
}

#[tokio::test]
async fn a_request_says_otherwise() {
    let (server, tokens) = (Server::start().await, tokens());
    let client =
        client(Arc::clone(&tokens), AuthorizationOptions::new().scopes("api://orders/read").as_app())
            .unwrap();
    let agent = AgentId::new("33333333-3333-4333-8333-333333333333").unwrap();
    let as_agent = AuthorizationOptions::new().change(move |request| TokenRequest {
        subject: Subject::Agent(agent.clone(), AgentSubject::App),
        ..request
    });
    client.get(&server.url).with_extension(as_agent).send().await.unwrap();
    assert!(matches!(asked(&tokens).subject, Subject::Agent(..)));
    assert_eq!(asked(&tokens).scopes.as_str(), "api://orders/.default");
    let user = UserAssertion::new("h.p.s").unwrap();
    let as_user = AuthorizationOptions::new().on_behalf_of(&user).scopes("api://other/read");
    client.get(&server.url).with_extension(as_user).send().await.unwrap();
    assert_eq!(asked(&tokens).scopes.as_str(), "api://other/read");
    assert!(matches!(asked(&tokens).subject, Subject::User(_)));
    let key = SessionKey::new("job-17").unwrap();
    let kept = AuthorizationOptions::new().keep_as(key.clone()).on_behalf_of(&user);
    client.get(&server.url).with_extension(kept).send().await.unwrap();
    let expected = OnBehalfOf::new(user).keep_as(key.clone());
    assert_eq!(asked(&tokens).subject, Subject::User(User::OnBehalfOf(expected)));
    let later = AuthorizationOptions::new().for_session(&key);
    client.get(&server.url).with_extension(later).send().await.unwrap();
    assert_eq!(asked(&tokens).subject, Subject::User(User::Session(key)));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_before_anything_is_sent() {
    let (server, tokens) = (Server::start().await, tokens());
    let check = async |url: &str, defaults: AuthorizationOptions, told: &str| {
        let error = client(Arc::clone(&tokens), defaults).unwrap().get(url).send().await.unwrap_err();
        let found = TokenError::in_chain(&error).unwrap().to_string();
        assert!(found.contains(told), "{found}");
    };
    check(&server.url, AuthorizationOptions::new(), "whose token").await;
    check(&server.url, AuthorizationOptions::new().as_app(), "says scopes").await;
    check(&server.url, defaults().scopes("a/read b/read"), "several resources").await;
    let refused = |request: TokenRequest| request.refuse(Misconfigured::new("an agent without an id"));
    check(&server.url, defaults().change(refused), "an agent without an id").await;
    check("http://orders.example/", defaults(), "plain http").await;
    let error = client(Arc::clone(&tokens), defaults())
        .unwrap()
        .get(&server.url)
        .with_extension(AuthorizationOptions::new().scopes("api://orders/read"))
        .send()
        .await
        .unwrap_err();
    assert!(TokenError::in_chain(&error).unwrap().to_string().contains("api://orders/.default"));
    assert_eq!((server.sent().len(), tokens.requests().len()), (0, 0));
    let told =
        |defaults| AuthorizationMiddleware::new(Arc::clone(&tokens), defaults).unwrap_err().to_string();
    assert!(told(defaults().tenant("your-tenant-id")).contains("placeholder"));
    for defaults in [AuthorizationOptions::new().bound(), defaults().bound()] {
        assert!(told(defaults).contains("has no certificate to show"));
    }
}

#[tokio::test]
async fn a_claims_challenge_is_answered_once_and_the_second_answer_returned() {
    let (server, tokens) = (Server::start().await, tokens());
    let client = client(Arc::clone(&tokens), defaults()).unwrap();
    server.then(challenge());
    assert_eq!(client.post(&server.url).body("again").send().await.unwrap().status(), 200);
    let sent = server.sent();
    assert_eq!(sent.iter().map(|sent| &*sent.body).collect::<Vec<_>>(), [b"again", b"again"]);
    assert_eq!(sent[1].header("authorization"), Some("Bearer at-2"));
    assert!(asked(&tokens).claims.unwrap().as_str().contains("acrs"));
    server.then(challenge()).then(challenge());
    assert_eq!(client.get(&server.url).send().await.unwrap().status(), 401);
    let mut forbidden = challenge();
    *forbidden.status_mut() = axum::http::StatusCode::FORBIDDEN;
    server.then(forbidden);
    assert_eq!(client.get(&server.url).send().await.unwrap().status(), 403);
    server.then(challenge());
    let once = client.post(&server.url).body(reqwest::Body::wrap("once".to_owned())).send().await.unwrap();
    assert_eq!((once.status().as_u16(), once.headers().contains_key("www-authenticate")), (401, true));
    assert_eq!(server.sent().len(), 6);
}

#[tokio::test]
async fn a_token_that_cannot_be_had_is_found_in_the_clients_error() {
    let rejecting = FakeAcquirer::new(|_| {
        let exchange = Exchange::new("client_credentials", "login.example").with_aadsts(vec![7_000_215]);
        Err(Rejected::new(exchange).into())
    });
    let server = Server::start().await;
    let error = client(Arc::new(rejecting), defaults()).unwrap().get(&server.url).send().await.unwrap_err();
    assert!(matches!(TokenError::in_chain(&error), Some(TokenError::Rejected(_))), "{error:?}");
    assert_eq!(error.to_string(), "no token for the request: refused (AADSTS7000215)");
    assert!(server.sent().is_empty());
}

/// Tries once more after a 503, as retrying middleware does.
struct Retry;

#[async_trait]
impl Middleware for Retry {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let again = request.try_clone();
        let answer = next.clone().run(request, extensions).await?;
        match again {
            Some(again) if answer.status() == 503 => next.run(again, extensions).await,
            _ => Ok(answer),
        }
    }
}

/// Counts what goes by, as tracing middleware does: everything, and what carries a token.
#[derive(Clone, Default)]
struct Count {
    all: Arc<AtomicUsize>,
    authorized: Arc<AtomicUsize>,
}

impl Count {
    fn told(&self) -> (usize, usize) {
        (self.all.load(Ordering::Relaxed), self.authorized.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Middleware for Count {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        self.all.fetch_add(1, Ordering::Relaxed);
        let carries = request.headers().contains_key("authorization");
        self.authorized.fetch_add(usize::from(carries), Ordering::Relaxed);
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn other_middleware_stands_on_both_sides() {
    let (server, tokens) = (Server::start().await, tokens());
    let (before, behind) = (Count::default(), Count::default());
    let client = ClientBuilder::new(bare())
        .with(before.clone())
        .with(Retry)
        .with(AuthorizationMiddleware::new(Arc::clone(&tokens), defaults()).unwrap())
        .with(behind.clone())
        .build();
    server.then(answer_of(503, &[], "")).then(challenge());
    assert_eq!(client.get(&server.url).send().await.unwrap().status(), 200);
    let headers: Vec<_> =
        server.sent().iter().map(|sent| sent.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(headers, ["Bearer at-1", "Bearer at-2", "Bearer at-3"]);
    assert_eq!((before.told(), behind.told()), ((1, 0), (3, 3)));
}
