//! For tests: an acquirer without a network, a clock that stands still, a store in memory, and a
//! look for secrets where none may be.

mod conformance;
mod store;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use url::form_urlencoded::byte_serialize;

use crate::{AccessToken, AcquireToken, Acquiring, Clock, TokenError, TokenRequest};

pub use conformance::{Spoilt, store_conformance, store_outage_conformance, store_spoilt_conformance};
pub use store::{MemoryStore, share};

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    /// A clock that stands at this time.
    pub fn new(now: SystemTime) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Puts it to this time, be it in the past.
    pub fn set(&self, now: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Default for ManualClock {
    /// Stands at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An acquirer that answers by a function and remembers what it was asked.
///
/// ```
/// use std::time::SystemTime;
/// use entra_abstractions::{AccessToken, AcquireToken, Scheme, Scopes, Secret, TokenRequest, testing::FakeAcquirer};
///
/// let tokens = FakeAcquirer::new(|_| {
///     Ok(AccessToken::new(Scheme::Bearer, Secret::new("at-1"), SystemTime::UNIX_EPOCH)?)
/// });
/// let request = TokenRequest::as_app(Scopes::try_from("api://x/.default")?);
/// assert!(tokens.acquire(&request).now().is_ok());
/// assert_eq!(tokens.requests().len(), 1);
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
pub struct FakeAcquirer {
    answer: Answer,
    requests: Mutex<Vec<TokenRequest>>,
}

type Answer = Box<dyn Fn(&TokenRequest) -> Result<AccessToken, TokenError> + Send + Sync>;

impl FakeAcquirer {
    /// Answers every request by this function.
    pub fn new(
        answer: impl Fn(&TokenRequest) -> Result<AccessToken, TokenError> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Box::new(answer), requests: Mutex::default() }
    }

    /// What was asked so far, in order.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AcquireToken for FakeAcquirer {
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        Acquiring::ready((self.answer)(request))
    }
}

impl std::fmt::Debug for FakeAcquirer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeAcquirer")
    }
}

/// Fails when one of these secrets stands anywhere in a text: a log, an error, a `Debug`; also as a
/// form, a URL or a quoted text would spell it.
///
/// # Panics
/// When one does; the message tells where, not what.
#[expect(clippy::panic, reason = "this is an assertion of tests")]
pub fn assert_no_secrets<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) {
    for (index, secret) in secrets.into_iter().enumerate().filter(|(_, secret)| !secret.is_empty()) {
        let form: String = byte_serialize(secret.as_bytes()).collect();
        let url = form.replace('+', "%20");
        let quoted = secret.escape_debug().to_string();
        for spelling in [secret, &form, &url, &quoted] {
            if let Some(at) = text.find(spelling) {
                let before = text.get(at.saturating_sub(80)..at).unwrap_or_default();
                panic!("secret number {index} got out, behind: {before}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_spelled() {
        let is_found = |text: &str| {
            let text = text.to_owned();
            std::panic::catch_unwind(move || assert_no_secrets(&text, ["", "a \"s3cret\"?%G&="])).is_err()
        };
        for text in [
            "it is a \"s3cret\"?%G&=",
            "client_secret=a+%22s3cret%22%3F%25G%26%3D&x=1",
            "?code=a%20%22s3cret%22%3F%25G%26%3D",
            r#"Form { secret: "a \"s3cret\"?%G&=" }"#,
        ] {
            assert!(is_found(text), "{text}");
        }
        assert!(!is_found("client_secret=[secret]"));
    }
}
