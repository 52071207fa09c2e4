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
    /// Of tokens that are bound to no certificate; `scopes` are separated by spaces.
    pub fn new(scheme: Scheme, tenant: Option<TenantId>, scopes: &str) -> Self {
        Self::of(Terms { scheme, tenant, scopes: scopes.into(), binding: None })
    }

    /// Whether they are what [`new`](Self::new) makes of these.
    pub fn are(&self, scheme: &Scheme, tenant: Option<&str>, scopes: &str) -> bool {
        let Terms { scheme: own, tenant: issuer, scopes: granted, binding } = &*self.0;
        own == scheme
            && issuer.as_ref().map(TenantId::as_str) == tenant
            && **granted == *scopes
            && binding.is_none()
    }

    /// Whether both are the same ones, and not only equal.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn of(terms: Terms) -> Self {
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
