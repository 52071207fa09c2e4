//! Why a request is answered from where it is: what memory had for it.

use std::fmt;

/// What memory has for a request, or why that does not count.
///
/// The words of [`as_str`](Self::as_str) stand in events and metrics and stay as they are.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A token that is served at once.
    Fresh,
    /// A token that is served at once, while the next one is fetched behind it.
    Aging,
    /// A token in its last minute: it serves if no next one can be had.
    Last,
    /// The token that was there has ended.
    Ended,
    /// The token that was there had to go, so that the cache keeps within its budget.
    Evicted,
    /// Entra said that the grant of the token that was there is over, so it was let go.
    Over,
    /// No token was ever there; or it is so long gone that nothing is known of it.
    Unseen,
    /// The request carries claims that a cached token cannot have.
    Claims,
    /// The API refused the cached token, as the request says.
    Refused,
    /// The request wants a new token, whatever is cached.
    Forced,
    /// A session begins with the request, or goes on: its record is looked at first.
    Session,
}

impl Reason {
    /// All of them, in the order in which they are declared.
    pub const ALL: &[Self] = &[
        Self::Fresh,
        Self::Aging,
        Self::Last,
        Self::Ended,
        Self::Evicted,
        Self::Over,
        Self::Unseen,
        Self::Claims,
        Self::Refused,
        Self::Forced,
        Self::Session,
    ];

    /// The word in events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Aging => "aging",
            Self::Last => "last",
            Self::Ended => "ended",
            Self::Evicted => "evicted",
            Self::Over => "over",
            Self::Unseen => "unseen",
            Self::Claims => "claims",
            Self::Refused => "refused",
            Self::Forced => "forced",
            Self::Session => "session",
        }
    }

    /// For a person, after `because`.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Fresh => "the cached token is fresh",
            Self::Aging => "the cached token is valid; the next one is fetched behind it",
            Self::Last => "the cached token is in its last minute; it serves only if no next one can be had",
            Self::Ended => "the cached token has ended",
            Self::Evicted => "the cached token had to go, to keep the cache within its budget",
            Self::Over => "the cached token was let go when Entra said that its grant is over",
            Self::Unseen => "no token was cached under this key, as far as is remembered",
            Self::Claims => "the request carries claims that no cached token meets",
            Self::Refused => "the API refused the cached token",
            Self::Forced => "the request wants a new token whatever is cached",
            Self::Session => "a session begins or goes on, and its record is looked at first",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who answers a request. The words of [`as_str`](Self::as_str) stand in events and metrics.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnsweredBy {
    /// The cache in this process.
    Memory,
    /// A request to Entra that somebody else's call has begun: this one waits for the same.
    Flight,
    /// Entra, asked now.
    Entra,
    /// The store that instances share: another one fetched it.
    Store,
}

impl AnsweredBy {
    /// The word in events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Flight => "flight",
            Self::Entra => "entra",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for AnsweredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
