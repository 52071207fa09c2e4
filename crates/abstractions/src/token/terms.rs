//! What many tokens have in common: how they are shown, which tenant issued them, what for, and to
//! which certificate they are bound.

use std::sync::Arc;

use crate::{Binding, Scheme, TenantId};

/// What many tokens have in common. A cache lets the tokens that agree in it share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTerms(Arc<Terms>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) scheme: Scheme,
    pub(super) tenant: Option<TenantId>,
    pub(super) scopes: Box<str>,
    pub(super) binding: Option<Binding>,
}

impl TokenTerms {
    pub(super) fn new(terms: Terms) -> Self {
        Self(Arc::new(terms))
    }

    pub(super) fn get(&self) -> &Terms {
        &self.0
    }

    pub(super) fn edit(&mut self) -> &mut Terms {
        Arc::make_mut(&mut self.0)
    }

    /// How many bytes of memory it takes, about, however many tokens share it.
    pub fn size(&self) -> usize {
        size_of::<Terms>() + 2 * size_of::<usize>() + self.0.scopes.len()
    }
}
