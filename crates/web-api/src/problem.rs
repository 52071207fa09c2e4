//! Any error on its way out of a handler, as the answer that its caller needs: who must act, and
//! nothing that is none of their business.

use std::{error::Error, fmt};

use bytes::Bytes;
use entra_abstractions::{Challenge, CorrelationId, InteractionRequired, TokenError, Unavailable};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Map, Value, json};

use crate::{Denial, Forbidden, telemetry};

/// What a handler returns in place of an error: made from any error by `?`.
///
/// | in the error's chain | answer |
/// |---|---|
/// | the user must act ([`InteractionRequired`]) | 401, a challenge with claims and scopes, `consent_required` |
/// | no token, or a bad one ([`Denial`]) | 401 with a challenge |
/// | a token that does not entitle to it | 403 |
/// | Entra is [`Unavailable`] | 503 with `Retry-After` |
/// | anything else | 500, and a line in the log |
///
/// The body is `application/problem+json` (RFC 9457) and never holds an error's text.
///
/// ```
/// use entra_web_api::Problem;
/// use http::StatusCode;
///
/// fn handler(input: &str) -> Result<u32, Problem> {
///     if input.is_empty() {
///         return Err(Problem::status(StatusCode::NOT_FOUND));
///     }
///     Ok(input.parse::<u32>()?)
/// }
/// assert_eq!(handler("").unwrap_err().code(), StatusCode::NOT_FOUND);
/// assert_eq!(handler("x").unwrap_err().code(), StatusCode::INTERNAL_SERVER_ERROR);
/// ```
#[doc(alias = "AuthorizeForScopes")]
#[doc(alias = "MicrosoftIdentityWebChallengeUserException")]
#[doc(alias = "ProblemDetails")]
#[doc(alias = "ReplyForbiddenWithWwwAuthenticateHeader")]
pub struct Problem {
    status: StatusCode,
    challenge: Option<Challenge>,
    retry_after: Option<u64>,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of this status, for handlers that map the errors of other APIs themselves.
    pub fn status(status: StatusCode) -> Self {
        Self { status, challenge: None, retry_after: None, members: Map::new() }
    }

    /// With words for the caller.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        self.with("detail", detail.into())
    }

    /// The status of the answer.
    pub fn code(&self) -> StatusCode {
        self.status
    }

    /// The answer, with any body that is made from bytes.
    pub fn into_http<B: From<Bytes>>(self) -> Response<B> {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.members);
        }
        let mut response = Response::new(B::from(Bytes::from(body.to_string())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let challenge =
            self.challenge.and_then(|challenge| HeaderValue::try_from(challenge.to_string()).ok());
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn find(error: &(dyn Error + 'static)) -> Self {
        let mut link = Some(error);
        while let Some(current) = link {
            if let Some(known) = Self::of_known(current) {
                return known;
            }
            link = current.source();
        }
        Self::internal(error)
    }

    fn of_known(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(denial) = error.downcast_ref::<Denial>() {
            return Some(Self::denied(denial));
        }
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return Some(Self::forbidden(forbidden));
        }
        if let Some(token) = error.downcast_ref::<TokenError>() {
            return match token {
                TokenError::InteractionRequired(interaction) => Some(Self::challenged(interaction)),
                TokenError::Unavailable(outage) => Some(Self::unavailable(outage)),
                _ => None,
            };
        }
        if let Some(interaction) = error.downcast_ref::<InteractionRequired>() {
            return Some(Self::challenged(interaction));
        }
        error.downcast_ref::<Unavailable>().map(Self::unavailable)
    }

    fn denied(denial: &Denial) -> Self {
        let unauthorized = Self::status(StatusCode::UNAUTHORIZED);
        match denial {
            Denial::NoToken => Self { challenge: Some(Challenge::bearer()), ..unauthorized },
            Denial::InvalidToken(flaw) => {
                let what = flaw.to_string();
                let challenge =
                    Challenge::bearer().with("error", "invalid_token").with("error_description", &what);
                Self { challenge: Some(challenge), ..unauthorized }
                    .with("error", "invalid_token")
                    .with("error_description", what)
            }
            Denial::Forbidden(forbidden) => Self::forbidden(forbidden),
            Denial::Unavailable(outage) => Self::unavailable(outage),
        }
    }

    fn forbidden(forbidden: &Forbidden) -> Self {
        Self::status(StatusCode::FORBIDDEN)
            .with("error", "insufficient_scope")
            .with("error_description", forbidden.to_string())
    }

    /// The members are those that clients of Microsoft.Identity.Web's guide look for.
    fn challenged(interaction: &InteractionRequired) -> Self {
        let scopes: Vec<&str> = interaction.scopes().as_str().split(' ').collect();
        let claims = interaction.claims().map(|claims| claims.as_str().to_owned());
        let unauthorized = Self::status(StatusCode::UNAUTHORIZED);
        Self { challenge: Some(interaction.to_challenge()), ..unauthorized }
            .with("error", "consent_required")
            .with("error_description", "the user must sign in again or consent to these scopes")
            .with("scopes", scopes)
            .with("claims", claims)
    }

    fn unavailable(outage: &Unavailable) -> Self {
        let wait = outage.retry_after().map_or(1, |wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        let problem = Self::status(StatusCode::SERVICE_UNAVAILABLE)
            .with("error", "temporarily_unavailable")
            .with("error_description", "the identity provider is not available, try again");
        Self { retry_after: Some(wait.max(1)), ..problem }
    }

    fn internal(error: &(dyn Error + 'static)) -> Self {
        let correlation_id = correlation_id(error).unwrap_or_else(CorrelationId::random);
        telemetry::failed(correlation_id, error);
        Self::status(StatusCode::INTERNAL_SERVER_ERROR).with("correlation_id", correlation_id.to_string())
    }
}

/// The id under which Entra logged the failed call, where there was one.
fn correlation_id(error: &(dyn Error + 'static)) -> Option<CorrelationId> {
    TokenError::in_chain(error)?.exchange()?.correlation_id()
}

impl<E: Error + Send + Sync + 'static> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::find(&error)
    }
}

/// A problem is an answer already: only what the caller will see shows.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.status)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
