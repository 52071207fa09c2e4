//! Logging in with tokens of Entra: Redis cannot check one, but it takes it for a password.

use std::sync::Mutex;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{
    AccessToken, Clock, ObjectId, Scheme, Secret,
    testing::{FakeAcquirer, ManualClock},
};
use entra_services::Redis;

use super::*;

const OBJECT: &str = "11111111-2222-3333-4444-555555555555";

fn let_in(redis: &Redis, token: &str) {
    let password = format!(">{token}");
    redis.command(&["ACL", "SETUSER", OBJECT, "reset", "on", &password, "~*", "+@all"]).unwrap();
}

#[tokio::test]
async fn a_connection_is_replaced_before_its_token_ends() {
    let redis = Redis::start().unwrap();
    let clock = Arc::new(ManualClock::new(now()));
    let current = Arc::new(Mutex::new(("at-1-s3cret", clock.now() + Duration::from_secs(3_600))));
    let given = Arc::clone(&current);
    let tokens = Arc::new(FakeAcquirer::new(move |_| {
        let (token, until) = *given.lock().unwrap();
        Ok(AccessToken::new(Scheme::Bearer, Secret::new(token), until)?)
    }));
    let object = ObjectId::new(OBJECT).unwrap();
    let store = RedisStore::builder(format!("localhost:{}", redis.port()))
        .credential(tokens.clone(), object)
        .clock(clock.clone())
        .build()
        .unwrap();

    let error = store.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("access policy") && !format!("{error:?}").contains("s3cret"), "{error}");
    let_in(&redis, "at-1-s3cret");
    pass(Duration::from_millis(550)).await;
    store.put(&key("a"), entry(b"x")).await.unwrap();
    let asked = tokens.requests().last().map(|request| request.scopes.as_str().to_owned());
    assert_eq!(asked.as_deref(), Some("https://redis.azure.com/.default"));

    // Four minutes before its end: a newer token is used for a second connection, and nobody waits.
    let count = tokens.requests().len();
    clock.advance(Duration::from_secs(3_600 - 240));
    *current.lock().unwrap() = ("at-2-s3cret", clock.now() + Duration::from_secs(3_600));
    redis.command(&["ACL", "SETUSER", OBJECT, ">at-2-s3cret"]).unwrap();
    for _ in 0..50 {
        assert!(store.get(&key("a")).await.is_ok());
        pass(Duration::from_millis(5)).await;
    }
    assert_eq!(tokens.requests().len(), count + 1, "it is asked for once");
    // The old token ends, and what was opened with it. The store goes on without a fault.
    let_in(&redis, "at-2-s3cret");
    clock.advance(Duration::from_secs(300));
    assert!(store.get(&key("a")).await.is_ok());
    assert_eq!(tokens.requests().len(), count + 1, "the newer connection was there");

    // Nobody came for hours: the next one has a token fetched first.
    *current.lock().unwrap() = ("at-3-s3cret", clock.now() + Duration::from_secs(7_200));
    let_in(&redis, "at-3-s3cret");
    clock.advance(Duration::from_secs(3_600));
    assert!(store.get(&key("a")).await.is_ok());
    assert_eq!(tokens.requests().len(), count + 2);
}

/// Who logs in stands in the connection string, or in the token: then nobody needs to say it.
#[tokio::test]
async fn whose_token_it_is_need_not_be_said() {
    let redis = Redis::start().unwrap();
    let store = |connection: String, token: String| {
        let tokens = Arc::new(FakeAcquirer::new(move |_| {
            let until = now() + Duration::from_secs(3_600);
            Ok(AccessToken::new(Scheme::Bearer, Secret::new(token.clone()), until)?)
        }));
        let builder = RedisStore::builder(connection);
        assert!(!builder.wants_credential(), "a server on this machine has no identities");
        builder.credential(tokens, None).build().unwrap()
    };
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"aud":"https://redis.azure.com","oid":"{OBJECT}"}}"#));
    let token = format!("eyJhbGciOiJub25lIn0.{claims}.s3cret");
    let_in(&redis, &token);
    let at = format!("localhost:{}", redis.port());
    store(at.clone(), token.clone()).put(&key("a"), entry(b"x")).await.unwrap();
    // Azure's own tokens need not be readable.
    let error = store(at.clone(), "at-s3cret".to_owned()).get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("say user=<object id of the identity>"), "{error}");
    let_in(&redis, "at-s3cret");
    let text = format!("{at},user={OBJECT}");
    assert!(RedisStore::builder(&text).wants_credential());
    let tokens = FakeAcquirer::new(move |_| {
        Ok(AccessToken::new(Scheme::Bearer, Secret::new("at-s3cret"), now() + Duration::from_secs(3_600))?)
    });
    let store = RedisStore::builder(text).credential(Arc::new(tokens), None).build().unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_token_is_not_sent_in_the_clear() {
    let tokens = Arc::new(FakeAcquirer::new(|_| {
        Ok(AccessToken::new(Scheme::Bearer, Secret::new("at-s3cret"), now() + Duration::from_secs(60))?)
    }));
    let object = ObjectId::new(OBJECT).unwrap();
    let builder =
        RedisStore::builder("cache.contoso.example:6379").credential(tokens.clone(), object.clone());
    assert!(builder.build().unwrap_err().to_string().contains("without TLS"));
    let both = RedisStore::builder("localhost:6379,password=s3cret").credential(tokens, object);
    assert!(both.build().unwrap_err().to_string().contains("beside the credential"));
}

#[tokio::test]
async fn no_token_no_login() {
    let redis = Redis::start().unwrap();
    let tokens = FakeAcquirer::new(|_| Err(entra_abstractions::Misconfigured::new("no credential").into()));
    let store = RedisStore::builder(redis.url())
        .credential(Arc::new(tokens), ObjectId::new(OBJECT).unwrap())
        .build()
        .unwrap();
    let error = store.get(&key("a")).await.unwrap_err();
    assert!(error.what().contains("no token for it"), "{error}");
    assert!(entra_abstractions::TokenError::in_chain(&error).is_some());
}
