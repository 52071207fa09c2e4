//! All that a token is made of, for whoever has it at once: a store that it is read back from.

use std::time::SystemTime;

use super::Scheme;
use crate::{AccountId, Binding, CorrelationId, SecretRef, TenantId};

/// What a token is made of; its secrets are read where they lie.
///
/// ```
/// use std::time::SystemTime;
/// use entra_abstractions::{AccessToken, Scheme, Secret, TokenParts};
///
/// let secret = Secret::new("eyJ.a.b");
/// let mut parts = TokenParts::new(Scheme::Bearer, (&secret).into(), SystemTime::UNIX_EPOCH);
/// parts.scopes = "User.Read";
/// assert_eq!(AccessToken::from_parts(parts)?.scopes().collect::<Vec<_>>(), ["User.Read"]);
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenParts<'a> {
    /// How it is shown.
    pub scheme: Scheme,
    /// The token itself.
    pub secret: SecretRef<'a>,
    /// When it ends.
    pub expires_at: SystemTime,
    /// The tenant that issued it.
    pub tenant: Option<TenantId>,
    /// The scopes that were granted, separated by spaces.
    pub scopes: &'a str,
    /// The account it belongs to.
    pub account: Option<AccountId>,
    /// The id token that came beside it.
    pub id_token: Option<SecretRef<'a>>,
    /// The id under which it was asked for.
    pub correlation_id: Option<CorrelationId>,
    /// The certificate to which it is bound.
    pub binding: Option<Binding>,
}

impl<'a> TokenParts<'a> {
    /// Of a token as it came, with nothing known beside it.
    pub fn new(scheme: Scheme, secret: SecretRef<'a>, expires_at: SystemTime) -> Self {
        Self {
            scheme,
            secret,
            expires_at,
            tenant: None,
            scopes: "",
            account: None,
            id_token: None,
            correlation_id: None,
            binding: None,
        }
    }
}
