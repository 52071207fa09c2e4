//! Answers as Entra gives them, and as it does not.

use entra_abstractions::{ClientId, CorrelationId, Scheme, Scopes};
use url::Url;

use super::*;
use crate::{credential::proof_by_secret, wire::Form};

fn read(status: u16, body: &str, for_user: bool) -> Result<Granted, TokenError> {
    let scopes = Scopes::try_from("User.Read").unwrap();
    let client = ClientId::new("client").unwrap();
    let post = Post {
        grant: "test",
        url: Url::parse("https://login.example/t").unwrap(),
        form: Form::default(),
        proof: proof_by_secret("AzureAd.ClientCredentials[0]", "s3cret?%G&="),
        client: &client,
        scopes: &scopes,
        scheme: &Scheme::Bearer,
        headers: &[],
        for_user,
        correlation_id: CorrelationId::random(),
        routing_hint: None,
    };
    let kind = HeaderValue::from_static("text/html");
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        retry_after: None,
        skew: None,
        content_type: Some(&kind),
        binding: None,
        body: body.as_bytes(),
    };
    answer.read(Exchange::new("test", "login.example"), &post, SystemTime::UNIX_EPOCH)
}

#[test]
fn numbers_may_be_texts() {
    let granted = read(
        200,
        r#"{"token_type":"bearer","access_token":"at","expires_in":"3599","refresh_in":-400}"#,
        false,
    )
    .unwrap();
    assert_eq!(granted.ends_at, SystemTime::UNIX_EPOCH + Duration::from_secs(3_599));
    assert_eq!(granted.refresh_at, Some(SystemTime::UNIX_EPOCH));
}

#[test]
fn the_account_comes_from_client_info() {
    let body =
        r#"{"token_type":"Bearer","access_token":"at","client_info":"eyJ1aWQiOiJ1MSIsInV0aWQiOiJ0MSJ9"}"#;
    let granted = read(200, body, true).unwrap();
    assert_eq!(granted.account.unwrap().as_str(), "u1.t1");
    assert_eq!(granted.ends_at, granted.came_at);
}

#[test]
fn absurd_lifetimes_do_not_overflow() {
    for life in ["1e300", "-1e300", "\"NaN\"", "9999999999999999999"] {
        let body = format!(r#"{{"token_type":"Bearer","access_token":"at","expires_in":{life}}}"#);
        assert!(read(200, &body, false).unwrap().ends_at <= SystemTime::UNIX_EPOCH + LONGEST_LIFE, "{life}");
    }
}

#[track_caller]
fn check(status: u16, body: &str, for_user: bool, expected: &str) {
    let error = read(status, body, for_user).unwrap_err();
    let found = match &error {
        TokenError::InteractionRequired(_) => format!("user: {error}"),
        TokenError::Unavailable(_) => format!("nobody: {error}"),
        TokenError::Rejected(_) => format!("admin: {error}"),
        other => format!("other: {other}"),
    };
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn who_must_act() {
    let consent = r#"{"error":"invalid_grant","suberror":"consent_required","error_codes":[65001],"error_description":"AADSTS65001: secret text"}"#;
    check(
        400,
        consent,
        true,
        "user: the user must consent for User.Read: test at login.example answered 400 invalid_grant/consent_required AADSTS65001, nobody has consented",
    );
    check(400, consent, false, "admin: refused: test at login.example answered 400 invalid_grant");
    check(
        401,
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: x"}"#,
        false,
        "admin: refused: test at login.example answered 401 invalid_client AADSTS7000215, the client secret is wrong",
    );
    // Another server's, which has no number that would say more.
    check(
        401,
        r#"{"error":"invalid_client","error_description":"secret text"}"#,
        false,
        "admin: refused: test at login.example answered 401 invalid_client, the server does not believe the application: register this credential",
    );
    check(400, r#"{"error":"invalid_grant","suberror":"client_mismatch"}"#, true, "admin:");
    check(400, r#"{"error":"invalid_grant","error_codes":50196}"#, true, "nobody: throttled, because");
    check(429, r#"{"error":"temporarily_unavailable"}"#, true, "nobody: throttled");
    check(503, "busy", true, "nobody: Entra fails");
    check(400, r#"{"error":"temporarily_unavailable"}"#, true, "nobody: Entra is busy");
}

#[test]
fn what_is_no_token_answer() {
    check(
        200,
        "<!DOCTYPE html><title>Sign in</title>",
        true,
        "nobody: an answer that Entra does not give (a page, text/html, 37 bytes, saying 'Sign in'; a",
    );
    check(
        200,
        r#"{"access_token":"at","token_type":"Bea"#,
        true,
        "nobody: an answer that Entra does not give (JSON that is cut off",
    );
    check(200, "", true, "nobody: an answer that Entra does not give (empty");
    check(200, r#"{"token_type":"Bearer"}"#, true, "nobody: an answer without an access token");
    check(200, r#"{"access_token":"at"}"#, true, "nobody: an answer without a token type");
    check(
        200,
        r#"{"access_token":"at","token_type":"pop"}"#,
        true,
        "nobody: an answer with a token of another type",
    );
    check(404, "<html>", true, "nobody: an answer that Entra does not give (a page");
}

#[test]
fn free_text_of_the_answer_is_not_repeated() {
    let error = read(
        400,
        r#"{"error":"bad <script>","suberror":"alice@contoso.example","error_description":"alice@contoso.example","trace_id":"x y @"}"#,
        true,
    )
    .unwrap_err();
    assert!(!error.to_string().contains("alice") && !error.to_string().contains("script"), "{error}");
}
