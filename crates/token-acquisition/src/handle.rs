//! A handle on one token: the key is resolved once, the entry is at hand.

use arc_swap::ArcSwapOption;
use entra_abstractions::{Acquiring, TokenRequest};

use crate::{
    acquirer::TokenAcquirer,
    cache::{Entry, Key},
};

/// A handle on the token of one request, for those who use one token very often.
///
/// It serves by the same rules as [`TokenAcquirer`]: it is the same token, without the look-up.
#[derive(Debug)]
pub struct TokenHandle {
    tokens: TokenAcquirer,
    request: TokenRequest,
    key: Key,
    entry: ArcSwapOption<Entry>,
}

impl TokenHandle {
    pub(crate) fn new(tokens: TokenAcquirer, request: TokenRequest, key: Key) -> Self {
        Self { tokens, request, key, entry: ArcSwapOption::empty() }
    }

    /// The token: ready at once where it is at hand.
    ///
    /// # Errors
    /// The future's [`TokenError`](entra_abstractions::TokenError) says who must act.
    pub fn token(&self) -> Acquiring<'_> {
        let entry = self.entry.load();
        if let Some(entry) = entry.as_ref()
            && !entry.is_replaced()
        {
            return self.served(entry);
        }
        drop(entry);
        self.look_again()
    }

    #[cold]
    fn look_again(&self) -> Acquiring<'_> {
        let entry = self.tokens.cache().entry(&self.key.as_ref());
        let acquiring = match &entry {
            Some(entry) => self.served(entry),
            None => self.tokens.fly(&self.request),
        };
        self.entry.store(entry);
        acquiring
    }

    #[inline]
    fn served(&self, entry: &Entry) -> Acquiring<'_> {
        self.tokens.serve(entry, &self.request).unwrap_or_else(|| self.tokens.fly(&self.request))
    }
}
