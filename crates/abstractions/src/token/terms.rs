//! What many tokens have in common: how they are shown, which tenant issued them, what for, and to
//! which certificate they are bound.

use std::sync::Arc;

use crate::{
    Binding, Scheme, TenantId,
    allocation::{allocated, shared},
};

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

    /// How many bytes of memory it takes, however many tokens share it; without the certificate, which
    /// is the application's.
    pub fn size(&self) -> usize {
        let Terms { scheme, tenant, scopes, binding: _ } = &*self.0;
        let key = match scheme {
            Scheme::Bearer | Scheme::MtlsPop => 0,
            Scheme::Pop(key) => shared(key.confirmation().len()),
        };
        let tenant = tenant.as_ref().map_or(0, |tenant| shared(tenant.as_str().len()));
        shared(size_of::<Terms>()) + key + tenant + allocated(scopes.len())
    }
}
