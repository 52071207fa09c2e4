//! When a request is sent again, and after what time: the one room that waits.
//! <https://learn.microsoft.com/graph/throttling>

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header::RETRY_AFTER};

/// How often a request is sent at most.
pub(crate) const TRIES: u32 = 4;

/// Longer than that nobody waits here: the caller is told, and may come again.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait before a request is sent again, or nothing where it must not be.
///
/// A throttled request (429) was not carried out, whatever it is. What failed for a while (503, 504)
/// may have been, so only requests are repeated that may be.
pub(crate) fn after(
    method: &Method,
    status: StatusCode,
    retry_after: Option<Duration>,
    tried: u32,
) -> Option<Duration> {
    let may_be_repeated = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => method.is_idempotent(),
        _ => false,
    };
    if !may_be_repeated || tried >= TRIES {
        return None;
    }
    let wait = retry_after.unwrap_or_else(|| Duration::from_secs(1 << tried.min(4)));
    (wait <= LONGEST).then_some(wait)
}

/// What an answer says of when to come again. Graph says it in seconds.
pub(crate) fn said(headers: &HeaderMap) -> Option<Duration> {
    seconds(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

pub(crate) fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[expect(clippy::disallowed_methods, reason = "this is the crate's one door to waiting")]
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_done_again() {
        let seconds = |method: Method, status: u16, said: Option<u64>, tried: u32| {
            let status = StatusCode::from_u16(status).unwrap();
            after(&method, status, said.map(Duration::from_secs), tried).map(|wait| wait.as_secs())
        };
        assert_eq!(seconds(Method::POST, 429, Some(7), 1), Some(7));
        assert_eq!(seconds(Method::GET, 503, None, 1), Some(2));
        assert_eq!(seconds(Method::GET, 503, None, 3), Some(8));
        assert_eq!(seconds(Method::POST, 503, Some(1), 1), None);
        assert_eq!(seconds(Method::PATCH, 504, None, 1), None);
        assert_eq!(seconds(Method::GET, 500, None, 1), None);
        assert_eq!(seconds(Method::GET, 429, Some(3600), 1), None);
        assert_eq!(seconds(Method::GET, 429, Some(1), TRIES), None);
    }
}
