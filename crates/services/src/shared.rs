//! A server that all tests of the gate share, because each of them runs in a process of its own.

use std::env;

use crate::Failure;

/// A server to use and to leave as it is.
#[derive(Debug)]
pub struct Shared<S> {
    url: String,
    /// Kept alive where nobody else has started one.
    _own: Option<S>,
}

impl<S> Shared<S> {
    #[expect(clippy::disallowed_methods, reason = "the gate tells its tests where its servers are")]
    pub(crate) fn find(
        variable: &str,
        start: impl FnOnce() -> Result<S, Failure>,
        url: impl FnOnce(&S) -> String,
    ) -> Result<Self, Failure> {
        if let Ok(url) = env::var(variable) {
            return Ok(Self { url, _own: None });
        }
        let own = start()?;
        Ok(Self { url: url(&own), _own: Some(own) })
    }

    /// Where it is, password and all.
    pub fn url(&self) -> &str {
        &self.url
    }
}
