//! Why a request is not let in, split by what its sender must do.

use std::{error::Error, fmt};

use entra_abstractions::Unavailable;

use crate::Forbidden;

/// Why a request is not let in. As a [`Problem`](crate::Problem) it becomes the right answer.
#[doc(alias = "SecurityTokenValidationException")]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Denial {
    /// There is no token: 401 with a bare challenge.
    NoToken,
    /// The token is not one for this API: 401 `invalid_token`.
    InvalidToken(Flaw),
    /// The token is good, and does not entitle to this: 403.
    Forbidden(Forbidden),
    /// Entra's keys could not be fetched, so nothing can be said about the token: 503.
    Unavailable(Unavailable),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("the request has no bearer token"),
            Self::InvalidToken(flaw) => flaw.fmt(f),
            Self::Forbidden(forbidden) => forbidden.fmt(f),
            Self::Unavailable(_) => f.write_str("the signing keys are not available"),
        }
    }
}

impl Error for Denial {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(outage) => Some(outage),
            Self::NoToken | Self::InvalidToken(_) | Self::Forbidden(_) => None,
        }
    }
}

impl From<Flaw> for Denial {
    fn from(flaw: Flaw) -> Self {
        Self::InvalidToken(flaw)
    }
}

/// What is wrong with a token. The text never repeats any of it: it is a stranger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It is no signed token at all, or one that could be read in two ways.
    Malformed(&'static str),
    /// It is signed by an algorithm that is not accepted here.
    Algorithm,
    /// Its header does not name one of the authority's keys.
    UnknownKey,
    /// The signature is not that of the named key.
    Signature,
    /// The signature cannot be checked: the token is for Microsoft Graph, which alone can.
    ForGraph,
    /// The key that signed it belongs to another issuer.
    KeyIssuer,
    /// Its lifetime is over.
    Expired,
    /// Its lifetime has not begun.
    NotYetValid,
    /// It has no end, or times that are none.
    Lifetime,
    /// It was issued for another API.
    Audience,
    /// It was issued by somebody else.
    Issuer,
    /// It was issued for a tenant that is not admitted, or does not say which.
    Tenant,
    /// Its user came through another user flow of Azure AD B2C, or it does not say through which.
    UserFlow,
    /// It is an ID token, which tells a client who signed in, and opens no API.
    IdToken,
    /// It grants neither a scope nor a role.
    NoPermission,
    /// It is bound to a certificate, and was shown as a bearer token: as by whoever stole it.
    BoundAsBearer,
    /// It is bound to a certificate, and the connection has none.
    NoCertificate,
    /// It is bound to another certificate than the connection's.
    AnotherCertificate,
    /// It was shown as bound to a certificate, and is not.
    Unbound,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::Algorithm => "the signature algorithm is not accepted here",
            Self::UnknownKey => "the token names no signing key of the authority",
            Self::Signature => "the signature is invalid",
            Self::ForGraph => "the token is for Microsoft Graph, ask for one of this API",
            Self::KeyIssuer => "the signing key belongs to another issuer",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::Lifetime => "the lifetime is missing or malformed",
            Self::Audience => "the audience is not this API",
            Self::Issuer => "the issuer is not trusted here",
            Self::Tenant => "the tenant is missing, or does not fit the issuer or this API",
            Self::UserFlow => "the user flow (tfp) is missing, or another one than this API's",
            Self::IdToken => "this is an ID token, send an access token of this API",
            Self::NoPermission => "the token has neither scopes (scp) nor roles",
            Self::BoundAsBearer => "the token is bound to a certificate, show it as mtls_pop",
            Self::NoCertificate => "the token is bound to a certificate, and the connection has none",
            Self::AnotherCertificate => "the token is bound to another certificate than the connection's",
            Self::Unbound => "the token is not bound to a certificate, show it as Bearer",
        })
    }
}

impl Error for Flaw {}
