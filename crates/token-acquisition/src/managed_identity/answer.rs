//! What a source answered: a token, or an error that says who must act. The sources spell both in
//! several ways.

use std::time::{Duration, SystemTime};

use entra_abstractions::{Exchange, Rejected, Secret, TokenError, Unavailable};
use serde::Deserialize;
use serde_json::Value;
use time::{
    OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

use crate::wire::Granted;

/// Reads the answer of a success.
///
/// # Errors
/// What is wrong with it.
pub(super) fn granted(body: &[u8], now: SystemTime) -> Result<Granted, &'static str> {
    let success: Success =
        serde_json::from_slice(body).map_err(|_malformed| "an answer that is no token answer")?;
    // RFC 6750 section 2.1: what is no printable ASCII could break out of its header.
    let is_token = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let access_token = success.access_token.filter(is_token).ok_or("an answer without an access token")?;
    if success.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return Err("an answer with a token of another type than was asked for");
    }
    // Hosts keep tokens, too: what they say of its end is true of a token that is not new.
    let ends_at = match (&success.expires_on, &success.expires_in) {
        (Value::Null, Value::Null) => return Err("an answer that does not say when its token ends"),
        (Value::Null, lifetime) => number(lifetime).map(|seconds| after(now, seconds)),
        (end, _) => end_of(end, now),
    };
    let ends_at = ends_at.ok_or("an answer with a time that is none")?;
    let life = ends_at.duration_since(now).unwrap_or_default();
    if life.is_zero() {
        return Err("an answer with a token that has ended");
    }
    let refresh_at = number(&success.refresh_in)
        .map(|seconds| after(now, seconds))
        // As MSAL does for tokens of a day: renewed at noon, whatever fails until the evening passes.
        .or_else(|| (life > LONG_LIFE).then(|| now + life / 2));
    Ok(Granted {
        access_token: Secret::new(access_token),
        came_at: now,
        ends_at,
        refresh_at,
        scopes: None,
        refresh_token: None,
        id_token: None,
        account: None,
        binding: None,
    })
}

/// Reads the answer of a refusal: for good, unless it passes.
pub(super) fn refused(body: &[u8], exchange: Exchange, passes: bool) -> TokenError {
    let failure: Failure = serde_json::from_slice(body).unwrap_or_default();
    let exchange = exchange.with_error(failure.code(), None);
    if passes {
        return Unavailable::new(exchange, "the managed identity endpoint fails").into();
    }
    let explanation = match exchange.status() {
        Some(400) => Some(
            "the identity is not assigned to this host, or the resource is unknown: assign it in the Azure \
             portal, and check its id and the scope",
        ),
        Some(401 | 403) => Some("the host does not let this process ask for it"),
        _ => None,
    };
    Rejected::new(exchange.with_explanation(explanation)).into()
}

#[derive(Deserialize)]
struct Success {
    access_token: Option<String>,
    token_type: Option<String>,
    #[serde(default)]
    expires_on: Value,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_in: Value,
}

/// `{error, error_description}`, `{error: {code, message}}` or `{statusCode, message}`; the text
/// of the other side is not repeated.
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: Value,
}

impl Failure {
    fn code(&self) -> Option<&str> {
        match &self.error {
            Value::Object(error) => error.get("code").and_then(Value::as_str),
            error => error.as_str(),
        }
    }
}

/// Seconds since 1970, seconds from now where they are few, or a date.
fn end_of(end: &Value, now: SystemTime) -> Option<SystemTime> {
    let seconds = match number(end) {
        Some(seconds) if seconds < YEAR_2001 => return Some(after(now, seconds)),
        Some(seconds) => seconds,
        None => {
            Duration::from_secs(date(end.as_str()?.trim())?.unix_timestamp().try_into().ok()?).as_secs_f64()
        }
    };
    Some(after(SystemTime::UNIX_EPOCH, seconds))
}

/// A date as RFC 3339 has it, or the American way, as App Service on Windows writes it, always in UTC.
fn date(text: &str) -> Option<OffsetDateTime> {
    if let Ok(date) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(date);
    }
    let text = text.strip_suffix("+00:00").unwrap_or(text).trim();
    let a_day = format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
    let half_a_day = format_description!(
        "[month padding:none]/[day padding:none]/[year] [hour repr:12 padding:none]:[minute]:[second] [period]"
    );
    let date = PrimitiveDateTime::parse(text, half_a_day).or_else(|_| PrimitiveDateTime::parse(text, a_day));
    Some(date.ok()?.assume_utc())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn after(start: SystemTime, seconds: f64) -> SystemTime {
    let wait = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST);
    start.checked_add(wait).unwrap_or(start)
}

/// A number below it is a lifetime, not a date.
const YEAR_2001: f64 = 978_307_200.0;

/// About the year 2286: nothing that is believed lies beyond.
const LONGEST: Duration = Duration::from_secs(10_000_000_000);

/// Of a token that lives longer, the next one is asked for in the middle of its life.
const LONG_LIFE: Duration = Duration::from_secs(7_200);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_795_000_000;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The life in seconds of the answer's token, or what is wrong with it.
    fn check(answer: &Value, expected: Result<u64, &str>) {
        let found = granted(answer.to_string().as_bytes(), at(NOW))
            .map(|granted| granted.ends_at.duration_since(at(NOW)).unwrap().as_secs());
        match (found, expected) {
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{answer}: {found}"),
            (found, expected) => assert_eq!(found, expected, "{answer}"),
        }
    }

    #[test]
    fn the_end_of_a_token_in_every_spelling() {
        let hour = NOW + 3_600;
        for on in [json!(hour), json!(hour.to_string()), json!(3_600), json!(" 3600 ")] {
            check(&json!({"access_token": "t", "expires_on": on}), Ok(3_600));
        }
        check(&json!({"access_token": "t", "expires_in": "3599"}), Ok(3_599));
        check(&json!({"access_token": "t", "expires_in": 86_399, "expires_on": hour}), Ok(3_600));
    }

    #[test]
    fn dates() {
        let parsed = |text: &str| {
            end_of(&json!(text), at(NOW)).map(|end| end.duration_since(at(0)).unwrap().as_secs())
        };
        for text in [
            "2017-09-14T12:00:00Z",
            "2017-09-14T14:00:00+02:00",
            "09/14/2017 12:00:00 +00:00",
            "9/14/2017 12:00:00 PM +00:00",
        ] {
            assert_eq!(parsed(text), Some(1_505_390_400), "{text}");
        }
        assert_eq!(parsed("9999-12-31T23:59:59Z"), Some(10_000_000_000), "nothing lasts for ever");
        for text in ["", "tomorrow", "14/09/2017 12:00:00", "NaN", "inf", "0001-01-01T00:00:00Z"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_token() {
        check(&json!({"expires_in": 1}), Err("without an access token"));
        check(&json!({"access_token": "", "expires_in": 1}), Err("without an access token"));
        check(&json!({"access_token": "a\r\nx: y", "expires_in": 1}), Err("without an access token"));
        check(&json!({"access_token": "t", "expires_on": NOW - 1}), Err("has ended"));
        check(&json!({"access_token": "t", "expires_in": -5}), Err("has ended"));
        check(&json!({"access_token": "t"}), Err("does not say when"));
        check(&json!({"access_token": "t", "expires_on": "soon"}), Err("a time that is none"));
        check(&json!({"access_token": "t", "expires_on": [1]}), Err("a time that is none"));
        check(&json!({"access_token": "t", "expires_in": 1, "token_type": "pop"}), Err("of another type"));
        check(&json!(["t"]), Err("no token answer"));
        assert!(granted(b"<html>", at(NOW)).is_err());
        check(&json!({"access_token": "t", "expires_on": 1e300}), Ok(10_000_000_000 - NOW));
    }

    #[test]
    fn a_long_life_is_renewed_in_its_middle() {
        let refresh = |answer: Value| {
            let granted = granted(answer.to_string().as_bytes(), at(NOW)).unwrap();
            granted.refresh_at.map(|at_| at_.duration_since(at(NOW)).unwrap().as_secs())
        };
        assert_eq!(refresh(json!({"access_token": "t", "expires_in": 86_400})), Some(43_200));
        assert_eq!(refresh(json!({"access_token": "t", "expires_in": 7_200})), None);
        assert_eq!(
            refresh(json!({"access_token": "t", "expires_in": 3_600, "refresh_in": "900"})),
            Some(900)
        );
    }

    #[test]
    fn a_refusal_in_every_spelling() {
        let check = |body: &str, passes: bool, expected: &str| {
            let exchange = Exchange::new("managed_identity", "169.254.169.254").with_status(400);
            let found = refused(body.as_bytes(), exchange, passes).to_string();
            assert!(found.starts_with(expected) && !found.contains("s3cret"), "{found}");
        };
        let at = "managed_identity at 169.254.169.254 answered 400";
        for body in [
            r#"{"error": "invalid_request", "error_description": "s3cret"}"#,
            r#"{"error": {"code": "invalid_request", "message": "s3cret"}}"#,
        ] {
            check(body, false, &format!("refused: {at} invalid_request, the identity is not assigned"));
        }
        for body in [r#"{"statusCode": 400, "message": "s3cret"}"#, "<s3cret>", "", "[]"] {
            check(body, false, &format!("refused: {at}, the identity is not assigned"));
        }
        check("", true, &format!("the managed identity endpoint fails: {at}"));
    }
}
