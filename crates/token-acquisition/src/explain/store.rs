//! What an explanation says of the store that instances share.

use std::{fmt, time::Duration};

use entra_abstractions::{StoreError, TokenRequest};

use super::Explanation;
use crate::{
    acquirer::TokenAcquirer,
    cache::{AnsweredBy, Reason},
    grant::Grant,
    plan::Plan,
    second_level::{self, Unseen},
};

/// The store that instances share, as far as it concerns a request.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
#[non_exhaustive]
pub struct StoreReport {
    /// Whether the token of this request goes there. Those of managed identities and of
    /// long-running sessions never do.
    pub is_shared: bool,
    /// Whether the refresh token is there alone by which the next token is asked for: of a long-running
    /// session, or of a sign-in that this process has not served yet. While the store is away, such a
    /// request fails.
    pub is_only_source: bool,
    /// Whether what goes there is encrypted.
    pub is_encrypted: bool,
    /// Whether it is taken for away, so that it is not waited for.
    pub is_away: bool,
    /// What was wrong with it last, where it is taken for away or was asked and did not answer.
    pub failure: Option<StoreError>,
    /// How many writes wait, of all tokens.
    pub waiting: usize,
    /// What it has for the request, where it was asked: [`TokenAcquirer::explain_with_store`].
    pub found: Option<StoreFinding>,
}

/// What a shared store has for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// The store did not say: it failed, took too long, or is taken for away.
    NoAnswer,
}

impl StoreReport {
    pub(super) fn of(engine: &TokenAcquirer, plan: &Plan) -> Option<Self> {
        let level = engine.store()?;
        let is_away = level.is_away();
        Some(Self {
            is_shared: second_level::is_shared(&plan.key.as_ref()),
            is_only_source: match plan.grant {
                Grant::Keep { .. } | Grant::Session(_) => true,
                Grant::Account(_) => !engine.refresh_tokens().holds(&plan.key),
                _ => false,
            },
            is_encrypted: level.store().is_encrypted(),
            is_away,
            failure: if is_away { level.last_failure() } else { None },
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
            Err(Unseen::Unreadable(why)) => StoreFinding::Unreadable { why },
            Err(Unseen::NoAnswer) => StoreFinding::NoAnswer,
        };
        if let StoreFinding::Token { age: Reason::Fresh | Reason::Aging, .. } = found
            && explanation.asks_the_store_first()
        {
            explanation.answered_by = Some(AnsweredBy::Store);
        }
        if let (Some(store), Some(level)) = (&mut explanation.store, self.store()) {
            store.is_away = level.is_away();
            store.failure = if found == StoreFinding::NoAnswer { level.last_failure() } else { None };
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

    /// Whether the store may answer, and was not asked.
    pub(super) fn may_be_in_the_store(&self) -> bool {
        let is_open = self.store.as_ref().is_some_and(|it| it.is_shared && !it.is_away && it.found.is_none());
        is_open && self.asks_the_store_first()
    }
}

impl fmt::Display for StoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_shared, self.is_away) {
            (false, true) => "away; this token never leaves the process",
            (false, false) => "this token never leaves the process",
            (true, true) => "away, so it is not waited for",
            (true, false) => "asked before anybody else is",
        })?;
        if self.is_only_source {
            f.write_str(", and its refresh token is kept there alone")?;
        }
        match &self.found {
            None => {}
            Some(StoreFinding::Token { age, left }) => {
                write!(f, "; it has a token: {age}, {} s left", left.as_secs())?;
            }
            Some(StoreFinding::Nothing) => f.write_str("; it has nothing")?,
            Some(StoreFinding::Unreadable { why }) => write!(f, "; what it has cannot be read: {why}")?,
            Some(StoreFinding::NoAnswer) => f.write_str("; it did not answer")?,
        }
        if let Some(failure) = &self.failure {
            write!(f, "; {failure}")?;
        }
        let seal = if self.is_encrypted { "encrypted" } else { "not encrypted" };
        write!(f, "; {} writes wait; {seal}", self.waiting)
    }
}
