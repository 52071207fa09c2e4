//! Checks the access token that an API was called with.

use http::StatusCode;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::directory::{App, Directory};
use crate::exchange::{Exchange, Reply};
use crate::jwt::Jws;
use crate::mtls::ClientCertificate;
use crate::realm::{Realm, SKEW, is_in_time};

/// The caller of an API, as its token says.
pub(crate) struct Caller {
    pub(crate) claims: Value,
}

impl Caller {
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// `scp`; `None` in an app's token.
    pub(crate) fn scopes(&self) -> Option<Vec<&str>> {
        Some(self.text("scp")?.split_whitespace().collect())
    }

    pub(crate) fn roles(&self) -> Vec<&str> {
        self.claims
            .get("roles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.text("azp").or_else(|| self.text("appid"))
    }
}

/// Why an API does not answer, in Graph's words.
#[derive(Clone, Copy)]
pub(crate) struct Denied {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

/// Whose token the request carries, if it is for this resource (for any application where none is named).
pub(crate) fn check(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    resource: Option<&App>,
) -> Result<Caller, Denied> {
    let header = exchange.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = header
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| ["bearer", "mtls_pop"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
        .ok_or(unauthorized("Access token is empty."))?;
    let token = token.trim();
    let jws = Jws::parse(token).ok_or(unauthorized("IDX14100: JWT is not well formed."))?;
    if !realm.signed(&jws) {
        return Err(unauthorized("Access token validation failure. Invalid signature."));
    }
    if !is_in_time(&jws, exchange.now, SKEW) {
        return Err(unauthorized("Lifetime validation failed, the token is expired."));
    }
    // What names a certificate goes with that certificate, whatever the scheme in front of it says.
    let confirmed =
        jws.claims.pointer("/cnf/x5t#S256").map(|thumbprint| thumbprint.as_str().unwrap_or_default());
    let shown = exchange.client_certificate.as_ref().map(ClientCertificate::thumbprint);
    let is_bound = scheme.eq_ignore_ascii_case("mtls_pop");
    if is_bound != confirmed.is_some() || (is_bound && confirmed != shown.as_deref()) {
        return Err(unauthorized("The token is not bound to the certificate of this connection."));
    }
    let audience = jws.text("aud").unwrap_or_default().trim_end_matches('/');
    let is_for = |app: &App| {
        app.client_id.eq_ignore_ascii_case(audience)
            || app.id_uris.iter().any(|uri| uri.trim_end_matches('/').eq_ignore_ascii_case(audience))
    };
    if !resource.map_or_else(|| directory.apps.iter().any(is_for), is_for) {
        return Err(unauthorized("Access token validation failure. Invalid audience."));
    }
    Ok(Caller { claims: jws.claims })
}

impl Denied {
    pub(crate) fn reply(self, exchange: &Exchange) -> Reply {
        let body = json!({ "error": { "code": self.code, "message": self.text, "innerError": {
            "date": crate::clock::stamp(exchange.now).replace(' ', "T").trim_end_matches('Z'),
            "request-id": exchange.trace_id,
            "client-request-id": exchange.correlation_id,
        } } });
        let reply = Reply::json(self.status, &body);
        if self.status != StatusCode::UNAUTHORIZED {
            return reply;
        }
        let challenge = format!(
            r#"Bearer realm="", authorization_uri="{}", error="invalid_token", error_description="{}""#,
            exchange.origin.authority("common/oauth2/authorize"),
            self.text
        );
        reply.with(WWW_AUTHENTICATE, &challenge)
    }
}

const fn unauthorized(text: &'static str) -> Denied {
    Denied { status: StatusCode::UNAUTHORIZED, code: "InvalidAuthenticationToken", text }
}
