//! What a request may add to a token request, and what it may not: the fields that say who asks for
//! what are this library's, else a token would be kept under a key that it does not fit.

use entra_abstractions::{Misconfigured, Parameter, Place};
use http::{HeaderName, HeaderValue};

/// # Errors
/// Names the first parameter that cannot go along, and where what it wants is said instead.
pub(super) fn check(parameters: &[Parameter]) -> Result<(), Misconfigured> {
    parameters.iter().try_for_each(|parameter| match parameter.place() {
        Place::Query | Place::Body => check_field(parameter.name()),
        Place::Header => check_header(parameter),
    })
}

fn check_field(name: &str) -> Result<(), Misconfigured> {
    if name.trim().is_empty() {
        return Err(Misconfigured::new("a parameter of the token request has no name"));
    }
    match OWN.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
        Some((own, hint)) => {
            Err(Misconfigured::new(format!("the parameter {own} is this library's own")).hint(*hint))
        }
        None => Ok(()),
    }
}

fn check_header(parameter: &Parameter) -> Result<(), Misconfigured> {
    let name = parameter.name();
    if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(parameter.value()).is_err() {
        return Err(Misconfigured::new(format!(
            "\"{}\" and its value cannot stand in a header",
            name.escape_debug()
        )));
    }
    if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(Misconfigured::new(format!(
            "the header {name} of a token request is this library's own"
        ))
        .hint("remove it"));
    }
    Ok(())
}

const CREDENTIAL: &str = "configure it in ClientCredentials";
const SUBJECT: &str = "say whose token is wanted by the request's subject";

/// Fields with a place of their own.
const OWN: &[(&str, &str)] = &[
    ("assertion", SUBJECT),
    ("claims", "say them as the request's claims"),
    ("client_assertion", CREDENTIAL),
    ("client_assertion_type", CREDENTIAL),
    ("client_id", "ask an acquirer of that application"),
    ("client_secret", CREDENTIAL),
    ("code", "redeem it with redeem_code"),
    ("code_verifier", "say it with the AuthorizationCode"),
    ("fmi_path", "say it as the request's fmi_path"),
    ("grant_type", SUBJECT),
    ("password", SUBJECT),
    ("redirect_uri", "say it with the AuthorizationCode"),
    ("refresh_token", "redeem it with redeem_refresh_token"),
    ("req_cnf", "say the key in the request's scheme"),
    ("requested_token_use", SUBJECT),
    ("scope", "say it as the request's scopes"),
    ("token_type", "say it as the request's scheme"),
    ("user_federated_identity_credential", SUBJECT),
    ("user_id", SUBJECT),
    ("username", SUBJECT),
];

/// They belong to the form, or to the connection.
const OWN_HEADERS: &[&str] = &[
    "authorization",
    "client-request-id",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_cannot_become_another_request() {
        let told = |place, name: &str| {
            check(&[Parameter::shaping(place, name, "s3cret?%G&=")]).map_err(|fault| fault.to_string())
        };
        for name in ["Scope", "client_id", "CLIENT_SECRET", "grant_type", "req_cnf", " "] {
            for place in [Place::Body, Place::Query] {
                let fault = told(place, name).unwrap_err();
                assert!(!fault.contains("s3cret"), "{fault}");
            }
        }
        for name in ["Content-Type", "host", "a b", "client-request-id"] {
            assert!(told(Place::Header, name).is_err(), "{name}");
        }
        assert!(check(&[Parameter::passing(Place::Header, "x-note", "a\r\nb")]).is_err());
        assert_eq!(told(Place::Body, "attributes"), Ok(()));
        assert_eq!(told(Place::Query, "dc"), Ok(()));
        assert_eq!(told(Place::Header, "x-anchormailbox"), Ok(()));
    }
}
