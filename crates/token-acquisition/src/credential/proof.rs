//! The proof of the application for one request.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use entra_abstractions::{Binding, Secret};

/// The form fields that prove the application, and where they come from.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Its credential's place in the configuration.
    pub(super) at: Arc<str>,
    /// Which one of the chain that is.
    pub(super) link: usize,
    fields: Vec<Field>,
    thumbprint: Option<String>,
    once: bool,
    binding: Option<Binding>,
}

type Field = (&'static str, Secret);

impl Proof {
    pub(super) fn by_secret(at: &Arc<str>, secret: &Secret) -> Self {
        Self::of(at, vec![("client_secret", secret.clone())])
    }

    pub(super) fn by_assertion(at: &Arc<str>, assertion: Secret) -> Self {
        Self::of(at, vec![("client_assertion_type", JWT_BEARER.into()), ("client_assertion", assertion)])
    }

    /// By the certificate of the connection alone: nothing is said of it in the form.
    pub(crate) fn by_binding(at: &Arc<str>, binding: Binding) -> Self {
        let thumbprint = Some(binding.thumbprint().to_owned());
        Self { thumbprint, ..Self::of(at, Vec::new()).over(binding) }
    }

    /// By an assertion that is bound to the certificate of the connection.
    pub(super) fn by_bound_assertion(at: &Arc<str>, assertion: Secret, binding: Binding) -> Self {
        let fields = vec![("client_assertion_type", JWT_POP.into()), ("client_assertion", assertion)];
        Self::of(at, fields).over(binding)
    }

    /// Shown over connections with this certificate.
    pub(super) fn over(self, binding: Binding) -> Self {
        Self { binding: Some(binding), ..self }
    }

    fn of(at: &Arc<str>, fields: Vec<Field>) -> Self {
        Self { at: Arc::clone(at), link: 0, fields, thumbprint: None, once: false, binding: None }
    }

    pub(super) fn of_link(self, link: usize) -> Self {
        Self { link, ..self }
    }

    /// With the certificate that signed, and whether what it signed may be shown once only.
    pub(super) fn by_certificate(self, thumbprint: String, once: bool) -> Self {
        Self { thumbprint: Some(thumbprint), once, ..self }
    }

    /// The certificate with which the connection must be made.
    pub(crate) fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// Whether the server refuses this proof when it comes again.
    pub(crate) fn serves_once(&self) -> bool {
        self.once
    }

    pub(super) fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        self.fields == other.fields && self.binding == other.binding
    }

    /// What tells it from others: of what a certificate signed, which certificate, not when.
    pub(crate) fn hash_into(&self, state: &mut impl Hasher) {
        match &self.thumbprint {
            Some(thumbprint) => thumbprint.hash(state),
            None => self.fields.iter().for_each(|(_, value)| value.expose().hash(state)),
        }
    }

    /// Where its credential is configured.
    pub(crate) fn credential(&self) -> &Arc<str> {
        &self.at
    }

    /// The form fields that carry it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        self.fields.iter().map(|(name, value)| (*name, value))
    }
}

/// RFC 7523 section 2.2.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Entra's own: the assertion is a token that is bound to the certificate of the connection.
const JWT_POP: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";

/// For tests of what is sent beside it.
#[cfg(any(test, fuzzing))]
pub(crate) fn proof_by_secret(at: &str, secret: &str) -> Proof {
    Proof::by_secret(&at.into(), &secret.into())
}
