//! One question for each document: no slow provider holds up another.

use entra_abstractions::{Authority, HttpSettings, TenantId};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    join,
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::http::build;

fn client(document: &Url) -> reqwest::Client {
    let authority = Authority::new(&document[..url::Position::BeforePath], TenantId::new("t").unwrap());
    build(&HttpSettings::default(), &authority.unwrap()).unwrap()
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let document = format!("http://127.0.0.1:{port}/.well-known/openid-configuration");
    (listener, document.parse().unwrap())
}

/// Answers each request with a status, the last one for ever, and counts them.
fn answering(listener: TcpListener, document: &Url, statuses: &'static [&str]) -> JoinHandle<()> {
    let origin = document[..url::Position::BeforePath].to_owned();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0, "a request came");
            let status = statuses.get(turn).copied().unwrap_or("200 OK");
            turn += 1;
            let body = format!(r#"{{"issuer":"{origin}","token_endpoint":"{origin}/token/{turn}"}}"#);
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
}

#[tokio::test]
async fn a_silent_provider_holds_up_nobody_else() {
    let ((silent, slow), (listener, quick)) = join!(listen(), listen());
    let answers = answering(listener, &quick, &[]);
    let (provider, client) = (Arc::new(Provider::default()), client(&quick));
    let waiting = {
        let (provider, client) = (Arc::clone(&provider), client.clone());
        tokio::spawn(async move { provider.token_endpoints(&slow, &client).await })
    };
    // It has been asked, and says nothing.
    let (_held, _) = silent.accept().await.unwrap();
    let endpoint = provider.token_endpoints(&quick, &client).await.unwrap().token;
    assert_eq!(endpoint.path(), "/token/1");
    assert!(!waiting.is_finished());
    waiting.abort();
    answers.abort();
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_is_given_up() {
    let (_silent, document) = listen().await;
    let (provider, client) = (Provider::default(), client(&document));
    let began = tokio::time::Instant::now();
    let error = provider.token_endpoints(&document, &client).await.unwrap_err();
    assert!(began.elapsed() <= BUDGET + Duration::from_millis(10));
    assert!(error.to_string().starts_with("no metadata in time: discovery at 127.0.0.1"), "{error}");
}

#[tokio::test]
async fn those_who_come_together_share_the_answer_and_the_failure() {
    let (listener, document) = listen().await;
    let answers = answering(listener, &document, &["503 Service Unavailable"]);
    let (provider, client) = (Provider::default(), client(&document));
    let ask = || provider.token_endpoints(&document, &client);
    let (first, second) = join!(ask(), ask());
    assert!(first.is_err() && second.is_err());
    // A failure is not kept, an answer is.
    let (third, fourth) = join!(ask(), ask());
    assert_eq!((third.unwrap().token.path(), fourth.unwrap().token.path()), ("/token/2", "/token/2"));
    assert_eq!(ask().await.unwrap().token.path(), "/token/2");
    answers.abort();
}
