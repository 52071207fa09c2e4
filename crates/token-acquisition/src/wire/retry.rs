//! How long to wait: before the second try, and where the server says so.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// The wait before the one repetition of a token request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryDelay(pub(crate) Duration);

impl RetryDelay {
    /// Waits, up to half as long again, so that those who failed together do not come again
    /// together.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    pub(crate) async fn wait(self) {
        if !self.0.is_zero() {
            tokio::time::sleep(self.0.mul_f64(1.0 + crate::jitter::fraction() / 2.0)).await;
        }
    }
}

/// What `Retry-After` says, in seconds or as a date (RFC 9110 section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &'static str, expected: Option<u64>) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static(value));
        assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn seconds_or_a_date() {
        check("2", Some(2));
        check("18446744073709551615", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("soon", None);
        check("-1", None);
    }

    proptest::proptest! {
        #[test]
        fn any_number_and_any_date_is_read(seconds in proptest::num::u64::ANY, ahead in -9_000_i64..9_000) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
            let read = |value: &str| {
                let mut headers = HeaderMap::new();
                headers.insert(header::RETRY_AFTER, http::HeaderValue::from_str(value).unwrap());
                retry_after(&headers, now)
            };
            proptest::prop_assert_eq!(read(&seconds.to_string()), Some(Duration::from_secs(seconds)));
            let wait = Duration::from_secs(ahead.unsigned_abs());
            let date = httpdate::fmt_http_date(if ahead < 0 { now - wait } else { now + wait });
            let expected = if ahead < 0 { Duration::ZERO } else { wait };
            proptest::prop_assert_eq!(read(&date), Some(expected));
        }

        #[test]
        fn any_text_stops_nobody_for_longer_than_an_hour(text in "[ -~]{0,40}|[0-9]{1,25}") {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, http::HeaderValue::from_str(&text).unwrap());
            let wait = retry_after(&headers, SystemTime::UNIX_EPOCH);
            let exchange = entra_abstractions::Exchange::new("client_credentials", "h").with_retry_after(wait);
            proptest::prop_assert!(exchange.retry_after().is_none_or(|wait| wait <= Duration::from_secs(3_600)));
            proptest::prop_assert_eq!(exchange.retry_after().is_some(), wait.is_some());
        }
    }
}
