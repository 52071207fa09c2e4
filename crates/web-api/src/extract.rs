//! axum: the user as an extractor, and problems as responses.

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use entra_abstractions::Misconfigured;
use http::request::Parts;

use crate::{AuthenticatedUser, Denial, Problem, layer::Authentication};

/// The validated caller. On a route that lets everybody in, a request without a valid token is
/// answered 401 where the handler asks for the user; ask for `Option<AuthenticatedUser>` there.
impl<S: Sync> FromRequestParts<S> for AuthenticatedUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(outcome(parts)??)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for AuthenticatedUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(outcome(parts)?.ok())
    }
}

/// A route that nobody protects is a mistake of the program, and fails as one.
fn outcome(parts: &Parts) -> Result<Result<AuthenticatedUser, Denial>, Misconfigured> {
    let found = parts.extensions.get::<Authentication>().map(|known| known.outcome.clone());
    found.ok_or_else(|| {
        Misconfigured::new("a handler asks for the user of a route that no validator protects")
            .hint("add .layer(validator.layer()) to the route")
    })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_http::<Body>()
    }
}
