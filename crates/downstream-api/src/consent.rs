//! Reads out of a refusal whether the user must act, and what for.
//!
//! Two dialects: `application/problem+json` with the members that Microsoft's guide for web APIs
//! shows, and `WWW-Authenticate` challenges, as Entra's APIs and .NET's web APIs send them.

use entra_abstractions::{Challenge, Claims, Exchange, InteractionRequired, Scopes};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use crate::error::{Asked, CALL};

/// What a refusal asks of the user, if it asks anything. `answered` says that this call has met a
/// claims challenge with a new token already: one more means that the user must act.
pub(crate) fn asked_for(
    asked: &Asked,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    scopes: &Scopes,
    answered: bool,
) -> Option<InteractionRequired> {
    if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return None;
    }
    let demand = in_body(headers, body)
        .or_else(|| in_challenge(headers))
        .or_else(|| if answered { again(headers) } else { None })?;
    let suberror = demand.error.eq_ignore_ascii_case("consent_required").then_some("consent_required");
    let exchange = Exchange::new(CALL, &*asked.host)
        .with_status(status.as_u16())
        .with_error(Some(&demand.error), suberror);
    Some(InteractionRequired::new(exchange, demand.scopes.unwrap_or_else(|| scopes.clone()), demand.claims))
}

/// The claims that an API asks for with a 401, to be met with a new token.
pub(crate) fn claims(headers: &HeaderMap) -> Option<Claims> {
    Challenge::claims(texts(headers))
}

/// What a refusal says in either dialect.
struct Demand {
    error: String,
    scopes: Option<Scopes>,
    claims: Option<Claims>,
}

impl Demand {
    fn new(error: &str, scopes: Option<Scopes>, claims: Option<Claims>) -> Self {
        Self { error: error.to_owned(), scopes, claims }
    }
}

fn in_body(headers: &HeaderMap, body: &[u8]) -> Option<Demand> {
    if !is_json(headers) {
        return None;
    }
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let error = members.get("error")?.as_str().filter(|error| is_users_to_act(error))?;
    let scopes = match members.get("scopes") {
        Some(Value::String(text)) => separated(text),
        Some(Value::Array(items)) => Scopes::new(items.iter().filter_map(Value::as_str).map(str::trim)).ok(),
        _ => None,
    };
    let claims = match members.get("claims") {
        Some(Value::String(text)) => Claims::new(text).ok(),
        Some(object @ Value::Object(_)) => Claims::new(&object.to_string()).ok(),
        _ => None,
    };
    Some(Demand::new(error, scopes, claims))
}

/// .NET's web APIs say `proposedAction="consent"` instead of an error.
fn in_challenge(headers: &HeaderMap) -> Option<Demand> {
    challenges(headers).find_map(|challenge| {
        let error = match challenge.get("error").filter(|error| is_users_to_act(error)) {
            Some(error) => error,
            None if challenge.get("proposedAction")?.eq_ignore_ascii_case("consent") => "consent_required",
            None => return None,
        };
        let scopes = challenge.get("scope").or_else(|| challenge.get("scopes")).and_then(separated);
        let claims = challenge.get("claims").and_then(|claims| Claims::new(claims).ok());
        Some(Demand::new(error, scopes, claims))
    })
}

fn again(headers: &HeaderMap) -> Option<Demand> {
    let claims = claims(headers)?;
    let scopes = challenges(headers).find_map(|challenge| challenge.get("scope").and_then(separated));
    Some(Demand::new("insufficient_claims", scopes, Some(claims)))
}

fn is_users_to_act(error: &str) -> bool {
    ["consent_required", "interaction_required"].iter().any(|known| known.eq_ignore_ascii_case(error))
}

/// OAuth separates scopes with blanks, .NET's web APIs with commas.
fn separated(text: &str) -> Option<Scopes> {
    Scopes::new(text.split([',', ' ']).filter(|scope| !scope.is_empty())).ok()
}

fn challenges(headers: &HeaderMap) -> impl Iterator<Item = Challenge> {
    texts(headers).flat_map(Challenge::parse).filter(Challenge::is_bearer)
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok())
}

/// Whether the body says that it is JSON: `application/json`, `text/json` or anything `+json`.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    if headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json") {
        return true;
    }
    let (_, subtype) = media(headers).and_then(|media| media.split_once('/')).unwrap_or_default();
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    suffix.eq_ignore_ascii_case("json")
}

/// The media type without its parameters, lower case; nothing that is not one.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    media(headers).map(str::to_ascii_lowercase)
}

fn media(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = text.split(';').next().unwrap_or_default().trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/+-._".contains(&b);
    (!media.is_empty() && media.len() <= 100 && media.bytes().all(plain)).then_some(media)
}

#[cfg(test)]
mod tests;
