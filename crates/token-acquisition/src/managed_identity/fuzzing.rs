//! The fuzz target of what hosts answer: a line with the status, then the body.

use std::time::{Duration, SystemTime};

use entra_abstractions::{Exchange, TokenError};
use http::HeaderValue;

use super::answer;
use crate::fuzzing::spelled;

/// What is granted can be shown, and ends, after now; what is refused is one line of bounded length,
/// and repeats nothing of the body but its code.
///
/// # Panics
/// Where that does not hold.
pub fn host_answer(input: &[u8]) {
    let split = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, body) = input.split_at(split);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let status = String::from_utf8_lossy(line).trim().parse().unwrap_or(200);
    if let Ok(granted) = answer::granted(body, now()) {
        let token = granted.access_token.expose();
        assert!(!token.is_empty() && HeaderValue::from_str(token).is_ok(), "no token");
        assert!(granted.ends_at > now(), "a token that has ended");
        assert!(granted.ends_at.duration_since(now()).is_ok_and(|life| life <= LONGEST), "an endless token");
        assert!(token.len() < 24 || !format!("{granted:?}").contains(token), "Debug shows the token");
    }
    for passes in [false, true] {
        let exchange = Exchange::new("managed_identity", "169.254.169.254").with_status(status);
        assert_told(&answer::refused(body, exchange, passes), body);
    }
}

fn assert_told(error: &TokenError, body: &[u8]) {
    let text = error.to_string();
    assert!(text.len() <= 1024 && !text.contains(char::is_control), "no line of a log: {text:?}");
    let (told, code) = (spelled(error), error.exchange().and_then(Exchange::error).unwrap_or_default());
    // No word of our own is as long.
    for word in String::from_utf8_lossy(body).split(|c: char| !c.is_ascii_graphic() || c == '"') {
        let is_theirs = word.len() >= 24 && !code.contains(word);
        assert!(!(is_theirs && told.contains(word)), "{word} is repeated: {told}");
    }
}

/// No date that is believed lies further away.
const LONGEST: Duration = Duration::from_secs(10_000_000_000);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}
