//! One request as the rooms see it: read, decoded, with its time and its ids; and the answer they give.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::mtls::ClientCertificate;
use crate::origin::Origin;
use crate::refusal::Refusal;
use crate::route::Route;

/// A request, read whole.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) route: Route,
    pub(crate) query: Form,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) form: Form,
    pub(crate) origin: Origin,
    /// What time it is in this request: the emulator's clock, unless a fault says otherwise.
    pub(crate) now: SystemTime,
    pub(crate) correlation_id: String,
    pub(crate) trace_id: String,
    /// A fault wants a `jti` that came before to be refused.
    pub(crate) refuse_replays: bool,
    /// What the client showed when the connection was made.
    pub(crate) client_certificate: Option<ClientCertificate>,
}

impl Exchange {
    pub(crate) fn new(parts: &http::request::Parts, body: Bytes, origin: Origin, now: SystemTime) -> Self {
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let is_form = parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let correlation_id = parts
            .headers
            .get("client-request-id")
            .and_then(|id| id.to_str().ok())
            .or_else(|| query.get("client-request-id"))
            .filter(|id| Uuid::parse_str(id).is_ok())
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            route: Route::of(parts.uri.path()),
            query,
            headers: parts.headers.clone(),
            form: if is_form { Form::parse(&body) } else { Form::default() },
            body,
            origin: origin.below(parts.uri.path()),
            now,
            correlation_id,
            trace_id: Uuid::new_v4().to_string(),
            refuse_replays: false,
            client_certificate: None,
        }
    }
}

/// The fields of a form or a query. Blank ones do not count, as at Entra.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().filter(|(_, value)| !value.is_empty()).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A name that occurs twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names
            .iter()
            .enumerate()
            .find(|&(at, name)| names.iter().take(at).any(|seen| seen == name))
            .map(|(_, n)| *n)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The AADSTS number, for the log.
    pub(crate) aadsts: Option<u32>,
}

impl Reply {
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::text(status, "application/json; charset=utf-8", json!(body).to_string())
    }

    pub(crate) fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Self { status, headers, body: body.into(), aadsts: None }
    }

    /// Entra's JSON error.
    pub(crate) fn refused(refusal: &Refusal, exchange: &Exchange) -> Self {
        let mut reply = Self::json(refusal.status(), &refusal.body(exchange)).never_stored();
        reply.aadsts = Some(refusal.number());
        reply
    }

    pub(crate) fn redirect(to: &str) -> Self {
        let mut reply =
            Self::text(StatusCode::FOUND, "text/html; charset=utf-8", Bytes::new()).never_stored();
        if let Ok(to) = HeaderValue::from_str(to) {
            reply.headers.insert(LOCATION, to);
        }
        reply
    }

    pub(crate) fn never_stored(self) -> Self {
        self.with(CACHE_CONTROL, "no-store, no-cache")
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}
