//! The fuzz target of token answers: a line with status and content type, then the body.

use std::time::{Duration, SystemTime};

use entra_abstractions::{ClientId, CorrelationId, Exchange, Scheme, Scopes, TokenError};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{Form, Granted, Post, response::Answer};
use crate::{credential::proof_by_secret, fuzzing::spelled};

/// Only a success grants; what was granted can be written and read again; an error is one line of
/// bounded length, and repeats no token and no free text of the answer.
///
/// # Panics
/// Where that does not hold.
pub fn token_response(input: &[u8]) {
    let split = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, body) = input.split_at(split);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let line = String::from_utf8_lossy(line);
    let (status, kind) = line.split_once(' ').unwrap_or((&line, ""));
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default();
    let kind = HeaderValue::from_str(kind).ok();
    let (Ok(client), Ok(scopes), Ok(url)) =
        (ClientId::new("client"), Scopes::new(["api://x/.default"]), Url::parse("https://login.example"))
    else {
        return;
    };
    for for_user in [false, true] {
        let post = post(&client, &scopes, url.clone(), for_user);
        match read(&post, status, kind.as_ref(), body) {
            Ok(granted) => {
                assert!(status.is_success(), "a token out of {status}");
                assert_granted(&post, &granted);
            }
            Err(error) => assert_told(&error, &post, body),
        }
    }
}

fn read(
    post: &Post<'_>,
    status: StatusCode,
    content_type: Option<&HeaderValue>,
    body: &[u8],
) -> Result<Granted, TokenError> {
    let answer = Answer { status, retry_after: None, skew: None, content_type, binding: None, body };
    answer.read(Exchange::new(post.grant, "login.example"), post, now())
}

fn assert_granted(post: &Post<'_>, granted: &Granted) {
    let token = granted.access_token.expose();
    assert!(!token.is_empty() && HeaderValue::from_str(token).is_ok(), "no token");
    assert_eq!(granted.came_at, now());
    let life = granted.ends_at.duration_since(now());
    assert!(life.is_ok_and(|life| life <= Duration::from_secs(11 * 365 * 86_400)), "an endless token");
    assert!(token.len() < 24 || !format!("{granted:?}").contains(token), "Debug shows the token");

    let seconds = |at: SystemTime| at.duration_since(now()).unwrap_or_default().as_secs_f64();
    let written = json!({
        "token_type": "Bearer",
        "access_token": token,
        "expires_in": seconds(granted.ends_at),
        "refresh_in": granted.refresh_at.map(seconds),
        "scope": granted.scopes,
        "refresh_token": granted.refresh_token.as_ref().map(|token| token.expose().to_owned()),
        "id_token": granted.id_token.as_ref().map(|token| token.expose().to_owned()),
    });
    let again = read(post, StatusCode::OK, None, written.to_string().as_bytes());
    let is_same = again.is_ok_and(|again| {
        let is_close = |a: SystemTime, b: SystemTime| (seconds(a) - seconds(b)).abs() < 0.001;
        again.access_token == granted.access_token
            && again.refresh_token == granted.refresh_token
            && again.id_token == granted.id_token
            && again.scopes == granted.scopes
            && is_close(again.ends_at, granted.ends_at)
            && again.refresh_at.is_some() == granted.refresh_at.is_some()
    });
    assert!(is_same, "another grant when it is written and read again");
}

fn assert_told(error: &TokenError, post: &Post<'_>, body: &[u8]) {
    let text = error.to_string();
    assert!(text.len() <= 1024 && !text.contains(char::is_control), "no line of a log: {text:?}");
    assert!(post.for_user || error.challenge().is_none(), "nobody is there to sign in: {text}");
    let told = spelled(error);
    let answer = serde_json::from_slice::<Value>(body).unwrap_or_default();
    for (name, value) in answer.as_object().into_iter().flatten() {
        let is_code = ["error", "suberror", "trace_id", "timestamp"].contains(&name.as_str());
        if let (false, Value::String(value)) = (is_code, value)
            // No word of our own is as long.
            && value.len() >= 24
            && !value.contains(char::is_whitespace)
            && !answer_repeats(&answer, name, value)
        {
            assert!(!told.contains(value.as_str()), "{name} is repeated: {told}");
        }
    }
}

/// Whether a value stands elsewhere in the answer too, where it may be told.
fn answer_repeats(answer: &Value, name: &str, value: &str) -> bool {
    answer
        .as_object()
        .into_iter()
        .flatten()
        .any(|(other, text)| other != name && text.as_str().is_some_and(|text| text.contains(value)))
}

fn post<'a>(client: &'a ClientId, scopes: &'a Scopes, url: Url, for_user: bool) -> Post<'a> {
    Post {
        grant: "test",
        url,
        form: Form::default(),
        proof: proof_by_secret("AzureAd.ClientSecret", "s3cret?%G&="),
        client,
        scopes,
        scheme: &Scheme::Bearer,
        headers: &[],
        for_user,
        correlation_id: CorrelationId::random(),
        routing_hint: None,
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}
