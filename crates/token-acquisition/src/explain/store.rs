//! What an explanation says of the store that instances share.

use std::{fmt, time::Duration};

use entra_abstractions::TokenRequest;

use super::Explanation;
use crate::{
    acquirer::TokenAcquirer,
    cache::{AnsweredBy, Reason},
    plan::Plan,
    second_level::{self, Looked},
};

/// The store that instances share, as far as it concerns a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreReport {
    /// Whether the token of this request goes there. Those of managed identities and of
    /// long-running sessions never do.
    pub is_shared: bool,
    /// Whether what goes there is encrypted.
    pub is_encrypted: bool,
    /// Whether it is taken for away, so that it is not waited for.
    pub is_away: bool,
    /// How many writes wait, of all tokens.
    pub waiting: usize,
    /// What it has for the request, where it was asked: [`TokenAcquirer::explain_with_store`].
    pub found: Option<StoreFinding>,
}

/// What a shared store has for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFinding {
    /// A token: how old it is, and how long it is valid.
    Token {
        /// Fresh, aging, in its last minute, or ended.
        age: Reason,
        /// How long it is valid.
        left: Duration,
    },
    /// Nothing.
    Nothing,
    /// Something that cannot be opened with the keys at hand, or is no token.
    Unreadable,
    /// The store did not say: it failed, took too long, or is taken for away.
    NoAnswer,
}

impl StoreReport {
    pub(super) fn of(engine: &TokenAcquirer, plan: &Plan) -> Option<Self> {
        let level = engine.store()?;
        Some(Self {
            is_shared: second_level::is_shared(&plan.key.as_ref()),
            is_encrypted: level.store().is_encrypted(),
            is_away: level.is_away(),
            waiting: level.waiting().0,
            found: None,
        })
    }
}

impl TokenAcquirer {
    /// As [`explain`](Self::explain), but the shared store is asked, once, what it has for the
    /// request. Entra is not, and nothing is remembered of the answer.
    pub async fn explain_with_store(&self, request: &TokenRequest) -> Explanation {
        let mut explanation = self.explain(request);
        let Ok(plan) = self.plan(request) else { return explanation };
        let Some(answer) = second_level::look_once(self, &plan).await else { return explanation };
        let found = match answer {
            Ok(Some((age, ends_at))) => {
                let left = ends_at.duration_since(self.now()).unwrap_or_default();
                StoreFinding::Token { age, left }
            }
            Ok(None) => StoreFinding::Nothing,
            Err(Looked::Unreadable) => StoreFinding::Unreadable,
            Err(_) => StoreFinding::NoAnswer,
        };
        if let StoreFinding::Token { age: Reason::Fresh | Reason::Aging, .. } = found
            && explanation.asks_the_store_first()
        {
            explanation.answered_by = Some(AnsweredBy::Store);
        }
        if let Some(store) = &mut explanation.store {
            store.found = Some(found);
        }
        explanation
    }
}

impl Explanation {
    /// Whether memory has nothing that serves, and a token that is only found is as good as a new one.
    fn asks_the_store_first(&self) -> bool {
        let by_another = matches!(self.answered_by, Some(AnsweredBy::Memory | AnsweredBy::Flight));
        let any_will_do = matches!(
            self.reason,
            Some(Reason::Unseen | Reason::Ended | Reason::Evicted | Reason::Over | Reason::Last)
        );
        self.refused.is_none() && any_will_do && !by_another
    }
}

impl fmt::Display for StoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_shared, self.is_away) {
            (false, _) => "this token never leaves the process",
            (true, true) => "away, so it is not waited for",
            (true, false) => "asked before anybody else is",
        })?;
        match self.found {
            None => {}
            Some(StoreFinding::Token { age, left }) => {
                write!(f, "; it has a token: {age}, {} s left", left.as_secs())?;
            }
            Some(StoreFinding::Nothing) => f.write_str("; it has nothing")?,
            Some(StoreFinding::Unreadable) => f.write_str("; what it has cannot be read")?,
            Some(StoreFinding::NoAnswer) => f.write_str("; it did not answer")?,
        }
        let seal = if self.is_encrypted { "encrypted" } else { "not encrypted" };
        write!(f, "; {} writes wait; {seal}", self.waiting)
    }
}
