//! The one token: a value that is ready to be shown to an API and cheap to clone.

use std::{fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{HeaderValue, header::InvalidHeaderValue};

use crate::{AccountId, CorrelationId, Misconfigured, PopKey, Secret, TenantId, TokenHash};

/// How a token is shown to an API.
#[expect(clippy::exhaustive_enums, reason = "a new scheme must fail to compile in every engine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Whoever bears it may use it (RFC 6750).
    Bearer,
    /// Only who holds this key may use it.
    Pop(PopKey),
}

impl Scheme {
    /// The word before the token in the `Authorization` header.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Pop(key) => key.shown_as(),
        }
    }

    /// The `token_type` that is asked for, and that Entra's answer must have; case does not count.
    pub fn token_type(&self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Pop(_) => "pop",
        }
    }
}

/// An access token. Cloning it is one atomic increment; its header is made once.
#[doc(alias = "AuthenticationResult")]
#[doc(alias = "AcquireTokenResult")]
#[derive(Clone)]
pub struct AccessToken(Arc<Shown>);

/// What is handed out all the time, and what is behind it.
#[derive(Clone)]
struct Shown {
    header: HeaderValue,
    line: Line,
    inner: Arc<Inner>,
}

/// The text of the header, wiped when the last header of it is gone.
#[derive(Clone)]
struct Line(Arc<Secret>);

#[derive(Clone)]
struct Inner {
    secret: Secret,
    scheme: Scheme,
    expires_at: SystemTime,
    tenant: Option<TenantId>,
    scopes: Box<str>,
    account: Option<AccountId>,
    id_token: Option<Secret>,
    correlation_id: Option<CorrelationId>,
}

impl AccessToken {
    /// A token as it came, usable until a time.
    ///
    /// # Errors
    /// [`Misconfigured`] when it could not be sent in a header: it is empty or holds control
    /// characters.
    pub fn new(scheme: Scheme, secret: Secret, expires_at: SystemTime) -> Result<Self, Misconfigured> {
        if secret.is_blank() {
            return Err(Misconfigured::new("the access token is empty"));
        }
        // Entra's tokens are ASCII; the header type refuses what could break out of the line.
        let line = Line(Arc::new(Secret::new(format!("{} {}", scheme.as_str(), secret.expose()))));
        let header = line
            .to_header()
            .map_err(|error| Misconfigured::new("the access token cannot be a header").with_source(error))?;
        let inner = Arc::new(Inner {
            secret,
            scheme,
            expires_at,
            tenant: None,
            scopes: Box::default(),
            account: None,
            id_token: None,
            correlation_id: None,
        });
        Ok(Self(Arc::new(Shown { header, line, inner })))
    }

    /// The same token with counts of its own.
    ///
    /// Threads that clone one token all the time wait for each other, since a clone writes into the
    /// count that all of them share. A cache keeps a few tokens that are apart for those who come
    /// often; the text is not copied.
    #[must_use]
    pub fn apart(&self) -> Self {
        let Shown { header, line, inner } = &*self.0;
        let header = line.to_header().unwrap_or_else(|_| header.clone());
        Self(Arc::new(Shown { header, line: line.clone(), inner: Arc::clone(inner) }))
    }

    /// With the tenant that issued it.
    #[must_use]
    pub fn with_tenant(mut self, tenant: Option<TenantId>) -> Self {
        self.inner_mut().tenant = tenant;
        self
    }

    /// With the scopes that were granted, separated by spaces.
    #[must_use]
    pub fn with_scopes(mut self, scopes: &str) -> Self {
        self.inner_mut().scopes = scopes.into();
        self
    }

    /// With the account it belongs to.
    #[must_use]
    pub fn with_account(mut self, account: Option<AccountId>) -> Self {
        self.inner_mut().account = account;
        self
    }

    /// With the id token that came beside it.
    #[must_use]
    pub fn with_id_token(mut self, id_token: Option<Secret>) -> Self {
        self.inner_mut().id_token = id_token;
        self
    }

    /// With the id under which it was asked for.
    #[must_use]
    pub fn with_correlation_id(mut self, id: CorrelationId) -> Self {
        self.inner_mut().correlation_id = Some(id);
        self
    }

    /// The value of an `Authorization` header, marked sensitive.
    #[doc(alias = "CreateAuthorizationHeader")]
    #[inline]
    pub fn authorization_header(&self) -> HeaderValue {
        self.0.header.clone()
    }

    /// The token itself, for the rare API that wants it elsewhere than in the header.
    pub fn secret(&self) -> &Secret {
        &self.0.inner.secret
    }

    /// How it is shown.
    pub fn scheme(&self) -> &Scheme {
        &self.0.inner.scheme
    }

    /// When it ends.
    pub fn expires_at(&self) -> SystemTime {
        self.0.inner.expires_at
    }

    /// The tenant that issued it, where that is known.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.0.inner.tenant.as_ref()
    }

    /// The scopes that were granted.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.0.inner.scopes.split_ascii_whitespace()
    }

    /// The account it belongs to, for a user's token.
    pub fn account(&self) -> Option<&AccountId> {
        self.0.inner.account.as_ref()
    }

    /// The id token that came beside it, for a user's token. It was not validated.
    pub fn id_token(&self) -> Option<&Secret> {
        self.0.inner.id_token.as_ref()
    }

    /// The id of the call that fetched it, where it was fetched: what Entra's own log has it under.
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        self.0.inner.correlation_id
    }

    /// What tells it from other tokens: an API refused this one, so the cache must give another.
    pub fn to_hash(&self) -> TokenHash {
        TokenHash::of(&self.0.inner.secret)
    }

    fn inner_mut(&mut self) -> &mut Inner {
        Arc::make_mut(&mut Arc::make_mut(&mut self.0).inner)
    }

    /// How many bytes of memory it takes, about: what a bounded cache counts.
    pub fn size(&self) -> usize {
        let length = |secret: &Secret| secret.expose().len();
        size_of::<Shown>()
            + size_of::<Inner>()
            + length(&self.0.inner.secret)
            + self.0.header.len()
            + self.0.inner.scopes.len()
            + self.0.inner.id_token.as_ref().map_or(0, length)
    }
}

impl Line {
    fn to_header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(self.clone()))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("secret", &self.0.inner.secret)
            .field("scheme", &self.0.inner.scheme)
            .field("expires_at", &self.0.inner.expires_at)
            .field("tenant", &self.0.inner.tenant)
            .field("scopes", &self.0.inner.scopes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_sensitive_and_debug_is_blind() {
        let token =
            AccessToken::new(Scheme::Bearer, Secret::new("eyJ.secret.sig"), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(token.authorization_header(), "Bearer eyJ.secret.sig");
        assert!(token.authorization_header().is_sensitive());
        assert!(!format!("{token:?} {:?}", token.authorization_header()).contains("eyJ"));
    }

    #[test]
    fn apart_it_is_the_same_token() {
        let token = AccessToken::new(Scheme::Bearer, Secret::new("eyJ.secret.sig"), SystemTime::UNIX_EPOCH)
            .unwrap()
            .with_scopes("read");
        let apart = token.apart();
        drop(token);
        assert_eq!(apart.authorization_header(), "Bearer eyJ.secret.sig");
        assert!(apart.authorization_header().is_sensitive());
        assert_eq!(apart.scopes().collect::<Vec<_>>(), ["read"]);
    }

    #[test]
    fn a_token_that_breaks_out_of_its_line_is_refused() {
        for hostile in ["", " ", "a\r\nx: y"] {
            assert!(AccessToken::new(Scheme::Bearer, Secret::new(hostile), SystemTime::UNIX_EPOCH).is_err());
        }
    }
}
