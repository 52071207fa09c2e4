//! What APIs send when a user must act, and what only looks like it.

use super::*;

fn check(
    status: u16,
    header: (&'static str, &'static str),
    body: &str,
    answered: bool,
) -> Option<InteractionRequired> {
    let asked = Asked { api: "Orders".into(), method: http::Method::GET, host: "api.example".into() };
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static(header.0),
        http::HeaderValue::from_static(header.1),
    )]);
    let scopes = Scopes::try_from("api://orders/read").unwrap();
    asked_for(&asked, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), &scopes, answered)
}

const PROBLEM: (&str, &str) = ("content-type", "application/problem+json; charset=utf-8");
const CLAIMS: (&str, &str) = (
    "www-authenticate",
    r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#,
);

#[test]
fn the_body_of_the_guide() {
    let body = r#"{"error": "consent_required", "error_description": "x", "scopes": ["api://a/read", "api://a/write"],
        "claims": "{\"access_token\":{}}"}"#;
    let found = check(401, PROBLEM, body, false).unwrap();
    assert!(found.is_consent_required());
    assert_eq!(found.scopes().as_str(), "api://a/read api://a/write");
    assert_eq!(found.claims().unwrap().as_str(), r#"{"access_token":{}}"#);
    assert_eq!(
        found.to_string(),
        "the user must consent for api://a/read api://a/write: call at api.example answered 401 consent_required/consent_required"
    );
    let found =
        check(403, PROBLEM, r#"{"error": "consent_required", "scopes": null, "claims": null}"#, false)
            .unwrap();
    assert_eq!(found.scopes().as_str(), "api://orders/read");
    assert!(found.claims().is_none());
}

#[test]
fn the_challenge_of_a_dotnet_api() {
    let header = r#"Bearer consentUri="https://login.example/x?scope=a%20b", claims="{}", scopes="api://a/read, api://a/write", proposedAction="consent""#;
    let found = check(403, ("www-authenticate", header), "", false).unwrap();
    assert!(found.is_consent_required());
    assert_eq!(found.scopes().as_str(), "api://a/read api://a/write");
}

#[test]
fn a_claims_challenge_is_the_users_only_after_it_was_answered() {
    assert!(check(401, CLAIMS, "no", false).is_none());
    let found = check(401, CLAIMS, "no", true).unwrap();
    assert!(!found.is_consent_required());
    assert_eq!(found.claims().unwrap().as_str(), r#"{"access_token":{}}"#);
}

#[test]
fn what_only_looks_like_it() {
    let consent = r#"{"error": "consent_required"}"#;
    assert!(check(400, PROBLEM, consent, false).is_none());
    assert!(check(401, ("content-type", "text/html"), consent, false).is_none());
    for body in ["", "{", "[]", r#"{"error": {"code": "consent_required"}}"#, r#"{"error": "invalid_token"}"#]
    {
        assert!(check(401, PROBLEM, body, true).is_none(), "{body}");
    }
    for header in
        [r#"Bearer error="invalid_token""#, r#"PoP error="consent_required""#, "Bearer", "nonsense, ,="]
    {
        assert!(check(401, ("www-authenticate", header), "", true).is_none(), "{header}");
    }
}

#[test]
fn media_types() {
    let check = |value: &'static str, expected: bool| {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, http::HeaderValue::from_static(value))]);
        assert_eq!(is_json(&headers), expected, "{value}");
    };
    check("application/json", true);
    check("Application/Vnd.Orders+JSON; charset=utf-8", true);
    check("text/json", true);
    check("text/plain", false);
    check("application/jsonlines", false);
    check("json", false);
}
