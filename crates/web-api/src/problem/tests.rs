//! Errors on their way out, as the caller sees them.

use std::{io, time::Duration};

use entra_abstractions::{Claims, Exchange, Misconfigured, Rejected, Scopes, testing::assert_no_secrets};

use super::*;
use crate::Flaw;

fn answer(problem: Problem) -> (u16, Response<Bytes>, Value) {
    let response = problem.into_http::<Bytes>();
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), response, body)
}

fn header(response: &Response<Bytes>, name: http::HeaderName) -> Option<&str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// An error of an application around another.
#[derive(Debug)]
struct Outer(TokenError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the outer one holds s3cret?%G&=")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn exchange() -> Exchange {
    Exchange::new("on_behalf_of", "login.example")
        .with_correlation_id(CorrelationId::parse("c0ffee00-0000-4000-8000-000000000001").unwrap())
}

#[test]
fn the_user_must_act() {
    let scopes = Scopes::try_from("api://partner/Read.All api://partner/write").unwrap();
    let claims = Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap();
    let error = InteractionRequired::new(exchange(), scopes, Some(claims.clone()));
    let (status, response, body) = answer(Outer(error.into()).into());
    assert_eq!(status, 401);
    assert_eq!(header(&response, CONTENT_TYPE), Some("application/problem+json"));
    let challenge = &Challenge::parse(header(&response, WWW_AUTHENTICATE).unwrap())[0];
    assert_eq!(challenge.get("claims"), Some(claims.to_base64().as_str()));
    assert_eq!(challenge.get("scope"), Some("api://partner/Read.All api://partner/write"));
    assert_eq!(body["error"], "consent_required");
    assert_eq!(body["scopes"], json!(["api://partner/Read.All", "api://partner/write"]));
    assert_eq!(body["claims"], claims.as_str());
    assert!(body["error_description"].is_string());
}

#[test]
fn entra_is_unavailable() {
    let outage = |wait| Unavailable::new(exchange(), "throttled").with_retry_after(wait);
    let retry_after = |error: TokenError| {
        let (status, response, _) = answer(Outer(error).into());
        assert_eq!(status, 503);
        header(&response, RETRY_AFTER).unwrap().to_owned()
    };
    assert_eq!(retry_after(outage(Some(Duration::from_millis(2500))).into()), "3");
    assert_eq!(retry_after(outage(None).into()), "1");
}

#[test]
fn tokens_that_are_not_good() {
    let (status, response, _) = answer(Denial::NoToken.into());
    assert_eq!((status, header(&response, WWW_AUTHENTICATE)), (401, Some("Bearer")));
    let (status, response, body) = answer(Denial::from(Flaw::Expired).into());
    let challenge = r#"Bearer error="invalid_token", error_description="the token has expired""#;
    assert_eq!((status, header(&response, WWW_AUTHENTICATE)), (401, Some(challenge)));
    assert_eq!(body["error"], "invalid_token");
}

#[test]
fn everything_else_is_nobodys_business() {
    let rejected = Outer(Rejected::new(exchange()).into());
    let (status, response, body) = answer(rejected.into());
    assert_eq!((status, header(&response, WWW_AUTHENTICATE)), (500, None));
    assert_eq!(body["correlation_id"], "c0ffee00-0000-4000-8000-000000000001");
    assert_no_secrets(&body.to_string(), ["s3cret?%G&=", "outer", "login.example"]);
    for problem in [Problem::from(io::Error::other("s3cret?%G&=")), Misconfigured::new("s3cret?%G&=").into()]
    {
        assert_no_secrets(&format!("{problem:?}"), ["s3cret?%G&="]);
        let (status, _, body) = answer(problem);
        assert_eq!(status, 500);
        assert_no_secrets(&body.to_string(), ["s3cret?%G&="]);
        assert!(CorrelationId::parse(body["correlation_id"].as_str().unwrap()).is_ok());
    }
}

#[test]
fn a_handler_maps_what_it_knows() {
    let (status, _, body) =
        answer(Problem::status(StatusCode::BAD_GATEWAY).detail("the orders are not at hand"));
    assert_eq!((status, &body["detail"]), (502, &json!("the orders are not at hand")));
    assert_eq!(body["title"], "Bad Gateway");
}
