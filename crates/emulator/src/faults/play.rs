//! Plays a fault: the answer it gives instead of the right one, or what it does to the right one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::Kind;
use crate::exchange::{Exchange, Reply};
use crate::managed_identity::{self, ManagedIdentityHost};
use crate::refusal::Reason;
use crate::route::{Endpoint, Route};

/// How an answer leaves the house.
pub(crate) enum Ending {
    Whole(Reply),
    /// The body stops half-way and the connection with it.
    CutOff(Reply),
    Reset,
}

/// The answer that takes the place of the right one, for the faults that have one.
pub(crate) fn instead(kind: &Kind, exchange: &Exchange) -> Option<Ending> {
    let whole = |reply| Some(Ending::Whole(reply));
    match kind {
        Kind::Throttle { retry_after } => whole(
            failure(StatusCode::TOO_MANY_REQUESTS, exchange).with(RETRY_AFTER, &retry_after.to_string()),
        ),
        Kind::Status { status, retry_after } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let reply = failure(status, exchange);
            whole(match retry_after {
                Some(seconds) => reply.with(RETRY_AFTER, &seconds.to_string()),
                None => reply,
            })
        }
        Kind::Html => whole(Reply::text(StatusCode::OK, "text/html; charset=utf-8", PROXY_PAGE)),
        Kind::Huge { bytes } => whole(Reply::text(
            StatusCode::OK,
            "application/json; charset=utf-8",
            format!(r#"{{"access_token":"{}"}}"#, "A".repeat(bytes.saturating_sub(19))),
        )),
        Kind::Refuse { aadsts, error, suberror } => {
            let status = if error == "invalid_client" { 401 } else { 400 };
            let refusal =
                Reason::Scripted { number: *aadsts, status, error: "invalid_request" }.because("Scripted.");
            let mut body = refusal.body(exchange);
            body.insert("error".into(), json!(error));
            if let Some(suberror) = suberror {
                body.insert("suberror".into(), json!(suberror));
            }
            let mut reply = Reply::json(refusal.status(), &body).never_stored();
            reply.aadsts = Some(*aadsts);
            whole(reply)
        }
        Kind::Challenge { claims } => whole(challenge(claims, exchange)),
        Kind::Reset => Some(Ending::Reset),
        Kind::Slow { .. }
        | Kind::CutOff
        | Kind::TruncatedJson
        | Kind::ContentType { .. }
        | Kind::ClockOff { .. }
        | Kind::ReplayRefused => None,
    }
}

/// What the fault does to the right answer.
pub(crate) fn after(kind: &Kind, mut reply: Reply) -> Ending {
    match kind {
        Kind::CutOff => Ending::CutOff(reply),
        Kind::TruncatedJson => {
            reply.body = reply.body.slice(..reply.body.len() / 2);
            Ending::Whole(reply)
        }
        Kind::ContentType { content_type } => {
            if let Ok(value) = HeaderValue::from_str(content_type) {
                reply.headers.insert(CONTENT_TYPE, value);
            }
            Ending::Whole(reply)
        }
        _ => Ending::Whole(reply),
    }
}

/// A failure in the shape of the endpoint.
fn failure(status: StatusCode, exchange: &Exchange) -> Reply {
    let host = match exchange.route {
        Route::ManagedIdentity { host } => Some(host),
        Route::Credential { .. } => Some(ManagedIdentityHost::VirtualMachine),
        _ => None,
    };
    if let Some(host) = host {
        let code = if status.is_server_error() { "server_error" } else { "invalid_request" };
        return Reply::json(status, &managed_identity::failure(status, code, "Scripted.", exchange, host));
    }
    if matches!(exchange.route.endpoint(), Endpoint::Graph | Endpoint::Api | Endpoint::KeyVault) {
        let code = match status {
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            StatusCode::FORBIDDEN => "Authorization_RequestDenied",
            StatusCode::NOT_FOUND => "Request_ResourceNotFound",
            StatusCode::UNAUTHORIZED => "InvalidAuthenticationToken",
            status if status.is_server_error() => "ServiceUnavailable",
            _ => "BadRequest",
        };
        return Reply::json(status, &json!({ "error": { "code": code, "message": "Scripted." } }));
    }
    let (number, text) = match status {
        StatusCode::TOO_MANY_REQUESTS => {
            (90055, "The server is terminating an operation because it is overloaded.")
        }
        _ => (90033, "A transient error has occurred. Please try again."),
    };
    let error = "temporarily_unavailable";
    let refusal = Reason::Scripted { number, status: status.as_u16(), error }.because(text);
    Reply::refused(&refusal, exchange)
}

fn challenge(claims: &str, exchange: &Exchange) -> Reply {
    if matches!(exchange.route.endpoint(), Endpoint::Graph | Endpoint::Api | Endpoint::KeyVault) {
        let header = format!(
            r#"Bearer realm="", authorization_uri="{}", error="insufficient_claims", claims="{}""#,
            exchange.origin.authority("common/oauth2/authorize"),
            STANDARD.encode(claims)
        );
        let body = json!({ "error": { "code": "InvalidAuthenticationToken", "message": "Continuous access evaluation resulted in challenge." } });
        return Reply::json(StatusCode::UNAUTHORIZED, &body).with(WWW_AUTHENTICATE, &header);
    }
    let refusal = Reason::ConditionalAccess
        .because("The user must use multi-factor authentication to access the resource.")
        .with_claims(claims);
    Reply::refused(&refusal, exchange)
}

const PROXY_PAGE: Bytes = Bytes::from_static(
    b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>",
);
