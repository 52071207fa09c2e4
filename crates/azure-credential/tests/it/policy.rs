//! The policy by itself: which requests it touches, and with what.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use azure_core::http::{
    Context, Method, Request, StatusCode, Transport, Url,
    headers::AUTHORIZATION,
    policies::{Policy, TransportPolicy},
};
use entra_abstractions::{Claims, TokenError, testing::FakeAcquirer};
use entra_azure_credential::EntraCredential;

use crate::{STORAGE, bearer, blobs::Blobs, giving};

fn through(blobs: &Arc<Blobs>) -> [Arc<dyn Policy>; 1] {
    let blobs: Arc<Blobs> = Arc::clone(blobs);
    [Arc::new(TransportPolicy::new(Transport::new(blobs)))]
}

fn request(url: &str, authorization: Option<&str>) -> Request {
    let mut request = Request::new(Url::parse(url).unwrap(), Method::Put);
    if let Some(value) = authorization {
        request.insert_header(AUTHORIZATION, value.to_owned());
    }
    request
}

const CONTAINER: &str = "https://contoso.blob.core.windows.net/orders?restype=container";

#[tokio::test]
async fn each_try_has_the_token_of_the_moment() {
    let count = AtomicUsize::new(0);
    let tokens =
        FakeAcquirer::new(move |_| Ok(bearer(&format!("at-{}", count.fetch_add(1, Ordering::Relaxed) + 1))?));
    let policy = EntraCredential::new(tokens).policy(STORAGE).unwrap();
    let blobs = Arc::new(Blobs::letting_in("at-1"));
    for valid in ["at-1", "at-2"] {
        blobs.let_in(valid);
        let mut request = request(CONTAINER, Some("Bearer stale"));
        let answer = policy.send(&Context::new(), &mut request, &through(&blobs)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::Created);
    }
    assert_eq!(blobs.shown(), ["at-1", "at-2"]);
}

#[tokio::test]
async fn requests_without_a_token_are_left_alone() {
    let tokens = giving("at-1");
    let policy = EntraCredential::new(Arc::clone(&tokens)).policy(STORAGE).unwrap();
    let blobs = Arc::new(Blobs::letting_in("at-1"));
    for (url, header) in [
        (CONTAINER, None),
        (CONTAINER, Some("SharedKey contoso:c2ln")),
        ("http://127.0.0.1:10000/orders", Some("Bearer stale")),
    ] {
        let mut request = request(url, header);
        let answer = policy.send(&Context::new(), &mut request, &through(&blobs)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::Unauthorized);
        assert_eq!(request.headers().get_optional_str(&AUTHORIZATION), header);
    }
    assert!(tokens.requests().is_empty());
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_no_more() {
    let tokens = giving("at-1");
    let policy = EntraCredential::new(Arc::clone(&tokens)).policy(STORAGE).unwrap();
    let blobs = Arc::new(Blobs::letting_in("another"));
    let mut request = request(CONTAINER, Some("Bearer stale"));
    let answer = policy.send(&Context::new(), &mut request, &through(&blobs)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::Unauthorized);
    assert_eq!(blobs.shown().len(), 2);
    let asked: Vec<bool> = tokens.requests().iter().map(|request| request.claims.is_some()).collect();
    assert_eq!(asked, [false, true]);
}

#[tokio::test]
async fn claims_of_the_call_and_a_missing_token() {
    let seen: Arc<Mutex<Vec<Option<Claims>>>> = Arc::default();
    let record = Arc::clone(&seen);
    let tokens = FakeAcquirer::new(move |request| {
        record.lock().unwrap().push(request.claims.clone());
        Err(TokenError::from(entra_abstractions::Misconfigured::new("no")))
    });
    let policy = EntraCredential::new(tokens).policy(STORAGE).unwrap();
    let blobs = Arc::new(Blobs::letting_in("at-1"));
    let claims = Claims::new(r#"{"access_token":{}}"#).unwrap();
    let context = Context::new().with_value(claims.clone());
    let mut request = request(CONTAINER, Some("Bearer stale"));
    let error = policy.send(&context, &mut request, &through(&blobs)).await.unwrap_err();
    assert!(TokenError::in_chain(&error).is_some());
    assert_eq!(*seen.lock().unwrap(), [Some(claims)]);
    assert!(blobs.shown().is_empty(), "a stale token does not go out");
}
