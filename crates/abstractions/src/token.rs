//! The one token: a value that is ready to be shown to an API and cheap to clone.

mod parts;
mod terms;
mod text;

use std::{
    fmt,
    str::from_utf8,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, header::InvalidHeaderValue};

use crate::{
    AccountId, Binding, CorrelationId, Misconfigured, PopKey, Secret, SecretRef, TenantId, TokenHash,
    allocation::{allocated, shared},
};

pub use parts::TokenParts;
use terms::Terms;
pub use terms::TokenTerms;
use text::{Parts, Text};

/// How a token is shown to an API.
#[expect(clippy::exhaustive_enums, reason = "a new scheme must fail to compile in every engine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Whoever bears it may use it (RFC 6750).
    Bearer,
    /// Only who holds this key may use it.
    Pop(PopKey),
    /// Only over connections with the application's own certificate, which the token names
    /// (RFC 8705 section 3); [`AccessToken::binding`] has it.
    #[doc(alias = "MTLS_POP")]
    #[doc(alias = "WithMtlsProofOfPossession")]
    #[doc(alias = "token binding")]
    MtlsPop,
}

impl Scheme {
    /// The word before the token in the `Authorization` header.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Pop(key) => key.shown_as(),
            Self::MtlsPop => "mtls_pop",
        }
    }

    /// The `token_type` that is asked for, and that Entra's answer must have; case does not count.
    pub fn token_type(&self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Pop(_) => "pop",
            Self::MtlsPop => "mtls_pop",
        }
    }
}

/// An access token. Cloning it is one atomic increment.
///
/// One that a cache serves often has its header at hand; of any other it is made when it is asked
/// for, without a copy of the text.
#[doc(alias = "AuthenticationResult")]
#[doc(alias = "AcquireTokenResult")]
#[derive(Clone)]
pub struct AccessToken(Arc<Form>);

#[derive(Clone)]
enum Form {
    Plain(Token),
    /// With a header that is cloned, of a plain one.
    Shown {
        header: HeaderValue,
        token: AccessToken,
    },
}

#[derive(Clone)]
struct Token {
    text: Text,
    /// Nanoseconds since 1970: half of what `SystemTime` takes.
    expires_at: u64,
    terms: TokenTerms,
}

/// The text of the header, wiped when the token and the last header of it are gone.
struct Line(AccessToken);

impl AccessToken {
    /// A token as it came, usable until a time.
    ///
    /// # Errors
    /// [`Misconfigured`] when it could not be sent in a header: it is empty or holds control
    /// characters.
    #[expect(clippy::needless_pass_by_value, reason = "what the caller had is wiped here")]
    pub fn new(scheme: Scheme, secret: Secret, expires_at: SystemTime) -> Result<Self, Misconfigured> {
        Self::from_parts(TokenParts::new(scheme, (&secret).into(), expires_at))
    }

    /// A token of which all is known: made at once, where each `with_` would copy its text.
    ///
    /// # Errors
    /// [`Misconfigured`] when it could not be sent in a header: it is empty or holds control
    /// characters.
    pub fn from_parts(parts: TokenParts<'_>) -> Result<Self, Misconfigured> {
        let TokenParts {
            scheme,
            secret,
            expires_at,
            tenant,
            scopes,
            account,
            id_token,
            correlation_id,
            binding,
        } = parts;
        if secret.expose().chars().all(char::is_whitespace) {
            return Err(Misconfigured::new("the access token is empty"));
        }
        let text = Text::of(&Parts {
            line: [scheme.as_str(), " ", secret.expose()],
            id_token: id_token.map_or("", SecretRef::expose),
            account: account.as_ref(),
            correlation_id,
            tenant: tenant.as_ref(),
        });
        let text = text.ok_or_else(|| Misconfigured::new("the access token is too long"))?;
        let terms = TokenTerms::of(Terms { scheme, tenant, scopes: scopes.into(), binding });
        Token { text, expires_at: nanoseconds(expires_at), terms }.plain().checked()
    }

    /// A token out of a store: `text` is what [`write_text`](Self::write_text) wrote into it.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use entra_abstractions::{AccessToken, Scheme, Secret};
    ///
    /// let token = AccessToken::new(Scheme::Bearer, Secret::new("eyJ.a.b"), SystemTime::UNIX_EPOCH)?;
    /// let mut text = Vec::with_capacity(token.text_len());
    /// token.write_text(&mut text);
    /// let same = AccessToken::from_text(&text, token.expires_at(), token.terms().clone())?;
    /// assert_eq!(same.authorization_header(), "Bearer eyJ.a.b");
    /// assert!(AccessToken::from_text(&text[1..], token.expires_at(), token.terms().clone()).is_err());
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    ///
    /// # Errors
    /// [`Misconfigured`] when nothing of the kind was written: somebody else writes there.
    pub fn from_text(text: &[u8], expires_at: SystemTime, terms: TokenTerms) -> Result<Self, Misconfigured> {
        let text = Text::read(text, terms.get().scheme.as_str());
        let text = text.ok_or_else(|| Misconfigured::new("this is no text of a token"))?;
        Token { text, expires_at: nanoseconds(expires_at), terms }.plain().checked()
    }

    /// Appends what tells it from other tokens of the same [terms](Self::terms): the token itself, the
    /// id token, whose it is and who asked for it. When it ends is no part of that.
    ///
    /// # Security
    /// It is a secret, and not sealed.
    pub fn write_text(&self, to: &mut Vec<u8>) {
        self.token().text.write(to);
    }

    /// How many bytes [`write_text`](Self::write_text) appends.
    pub fn text_len(&self) -> usize {
        2 * size_of::<u32>() + self.token().text.len()
    }

    /// Entra's tokens are ASCII, and so a header by itself; of all else the header type refuses what
    /// could break out of the line.
    fn checked(self) -> Result<Self, Misconfigured> {
        if self.token().text.is_printable() {
            return Ok(self);
        }
        let no_header = || Misconfigured::new("the access token cannot be a header");
        from_utf8(self.token().text.line_bytes()).map_err(|error| no_header().with_source(error))?;
        Line(self.clone()).into_header().map_err(|error| no_header().with_source(error))?;
        Ok(self)
    }

    /// The same token with a header and counts of its own.
    ///
    /// Threads that clone one token all the time wait for each other, since a clone writes into the
    /// count that all of them share. A cache keeps a few tokens that are apart for those who come
    /// often; the text is not copied.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self(Arc::new(Form::Shown { header: self.make_header(), token: self.as_plain().clone() }))
    }

    /// The same token, sharing these terms where they are its own.
    #[must_use]
    pub fn sharing(mut self, terms: &TokenTerms) -> Self {
        if self.terms().is(terms) || self.terms() != terms {
            return self;
        }
        // Nobody else has it yet, nearly always.
        if let Some(Form::Plain(token)) = Arc::get_mut(&mut self.0) {
            token.terms = terms.clone();
            return self;
        }
        Token { terms: terms.clone(), ..self.into_token() }.plain()
    }

    /// With the tenant that issued it.
    #[must_use]
    pub fn with_tenant(self, tenant: Option<TenantId>) -> Self {
        let account = self.account();
        let mut token = self.into_token();
        token.terms.edit().tenant = tenant;
        // Its text leaves out what the terms say.
        token.plain().with_account(account)
    }

    /// With the scopes that were granted, separated by spaces.
    #[must_use]
    pub fn with_scopes(self, scopes: &str) -> Self {
        let mut token = self.into_token();
        token.terms.edit().scopes = scopes.into();
        token.plain()
    }

    /// With the account it belongs to.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "as all of its kind")]
    pub fn with_account(self, account: Option<AccountId>) -> Self {
        self.into_token().telling(|parts| Text::of(&Parts { account: account.as_ref(), ..parts }))
    }

    /// With the id token that came beside it.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "what the caller had is wiped here")]
    pub fn with_id_token(self, id_token: Option<Secret>) -> Self {
        let id_token = id_token.as_ref().map_or("", Secret::expose);
        self.into_token().telling(|parts| Text::of(&Parts { id_token, ..parts }))
    }

    /// With the id under which it was asked for.
    #[must_use]
    pub fn with_correlation_id(self, id: CorrelationId) -> Self {
        self.into_token().telling(|parts| Text::of(&Parts { correlation_id: Some(id), ..parts }))
    }

    /// With the certificate to which it is bound.
    #[must_use]
    pub fn with_binding(self, binding: Option<Binding>) -> Self {
        let mut token = self.into_token();
        token.terms.edit().binding = binding;
        token.plain()
    }

    /// The value of an `Authorization` header, marked sensitive.
    #[doc(alias = "CreateAuthorizationHeader")]
    #[inline]
    pub fn authorization_header(&self) -> HeaderValue {
        match &*self.0 {
            Form::Shown { header, .. } => header.clone(),
            Form::Plain(_) => self.make_header(),
        }
    }

    /// The token itself, for the rare API that wants it elsewhere than in the header.
    pub fn secret(&self) -> SecretRef<'_> {
        // Behind the scheme's word and a space.
        SecretRef::new(self.token().text.line().get(self.scheme().as_str().len() + 1..).unwrap_or_default())
    }

    /// How it is shown.
    pub fn scheme(&self) -> &Scheme {
        &self.terms().get().scheme
    }

    /// When it ends.
    pub fn expires_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.token().expires_at)
    }

    /// The tenant that issued it, where that is known.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.terms().get().tenant.as_ref()
    }

    /// The scopes that were granted.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.terms().get().scopes.split_ascii_whitespace()
    }

    /// The account it belongs to, for a user's token.
    pub fn account(&self) -> Option<AccountId> {
        self.token().text.account(self.tenant())
    }

    /// The id token that came beside it, for a user's token. It was not validated.
    pub fn id_token(&self) -> Option<SecretRef<'_>> {
        let text = self.token().text.id_token();
        (!text.is_empty()).then(|| SecretRef::new(text))
    }

    /// The id of the call that fetched it, where it was fetched: what Entra's own log has it under.
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        self.token().text.correlation_id()
    }

    /// The certificate to which it is bound: it may be shown over connections with this one alone.
    pub fn binding(&self) -> Option<&Binding> {
        self.terms().get().binding.as_ref()
    }

    /// What tells it from other tokens: an API refused this one, so the cache must give another.
    pub fn to_hash(&self) -> TokenHash {
        TokenHash::of(self.secret())
    }

    /// What it has in common with others.
    pub fn terms(&self) -> &TokenTerms {
        &self.token().terms
    }

    /// How many bytes of memory it takes, without its terms and without what stands apart: what a
    /// bounded cache counts.
    pub fn size(&self) -> usize {
        shared(size_of::<Form>()) + allocated(self.token().text.len())
    }

    fn token(&self) -> &Token {
        match &*self.0 {
            Form::Plain(token) => token,
            // One that is shown is made of a plain one, so this ends with the next.
            Form::Shown { token, .. } => token.token(),
        }
    }

    fn as_plain(&self) -> &Self {
        match &*self.0 {
            Form::Plain(_) => self,
            Form::Shown { token, .. } => token,
        }
    }

    #[cold]
    fn make_header(&self) -> HeaderValue {
        let header = Line(self.as_plain().clone()).into_header();
        header.unwrap_or_else(|_| unsendable())
    }

    fn into_token(self) -> Token {
        match Arc::unwrap_or_clone(self.0) {
            Form::Plain(token) => token,
            Form::Shown { token, .. } => token.into_token(),
        }
    }
}

impl Token {
    fn plain(self) -> AccessToken {
        AccessToken(Arc::new(Form::Plain(self)))
    }

    /// With other texts. What is too long to be one changes nothing.
    fn telling(mut self, change: impl FnOnce(Parts<'_>) -> Option<Text>) -> AccessToken {
        let account = self.text.account(self.terms.get().tenant.as_ref());
        let text = change(Parts {
            line: [self.text.line(), "", ""],
            id_token: self.text.id_token(),
            account: account.as_ref(),
            correlation_id: self.text.correlation_id(),
            tenant: self.terms.get().tenant.as_ref(),
        });
        if let Some(text) = text {
            self.text = text;
        }
        self.plain()
    }
}

impl Line {
    fn into_header(self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(self))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        self.0.token().text.line_bytes()
    }
}

fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What stands in the place of a header that was made once before, when the token was.
#[cold]
fn unsendable() -> HeaderValue {
    HeaderValue::from_static("")
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Terms { scheme, tenant, scopes, binding } = self.terms().get();
        f.debug_struct("AccessToken")
            .field("secret", &self.secret())
            .field("scheme", scheme)
            .field("expires_at", &self.expires_at())
            .field("tenant", tenant)
            .field("scopes", scopes)
            .field("binding", binding)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
