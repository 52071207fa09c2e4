//! Posts a form to a token endpoint and returns what was granted or who must act. The only room
//! that talks to a token endpoint.

mod aadsts;
mod account;
mod excerpt;
mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod response;
mod retry;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use entra_abstractions::{
    ClientId, Clock, ClockSkew, CorrelationId, Exchange, Parameter, Place, Scheme, Scopes, TokenError,
    Unavailable,
};
use entra_mtls_pop::BoundClients;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::Request;
use tracing::Instrument;
use url::Url;

use crate::{credential::Proof, http::read_capped, telemetry};

pub(crate) use aadsts::{ASSERTION_ENDED, CERTIFICATE_REFUSED};
pub(crate) use form::Form;
pub(crate) use response::Granted;
pub(crate) use retry::{RetryDelay, retry_after};

/// The way to token endpoints.
#[derive(Debug)]
pub(crate) struct Wire {
    client: reqwest::Client,
    bound: BoundClients,
    clock: Arc<dyn Clock>,
    delay: RetryDelay,
    /// Seconds between the local clock and Entra's, as the last answer's `Date` told.
    skew: AtomicU64,
}

/// One token request, whole.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    pub(crate) grant: &'static str,
    pub(crate) url: Url,
    pub(crate) form: Form,
    pub(crate) proof: Proof,
    pub(crate) client: &'a ClientId,
    pub(crate) scopes: &'a Scopes,
    pub(crate) scheme: &'a Scheme,
    /// Among others, the headers that the caller adds.
    pub(crate) headers: &'a [Parameter],
    /// Whether a user stands behind it, who could act.
    pub(crate) for_user: bool,
    pub(crate) correlation_id: CorrelationId,
    /// Which user it is about, so that Entra finds their home without asking around.
    pub(crate) routing_hint: Option<String>,
}

impl Post<'_> {
    /// All that is sent and was not made here, wherever it is sent: an answer may repeat it.
    fn sent(&self) -> Form {
        let mut sent = self.form.with(self.proof.fields());
        for (name, value) in self.url.query_pairs() {
            sent.set(format!("query {name}"), &value);
        }
        for header in self.headers.iter().filter(|parameter| parameter.place() == Place::Header) {
            sent.set(format!("header {}", header.name()), header.value());
        }
        if let Some(hint) = &self.routing_hint {
            sent.set("hint", hint);
        }
        sent
    }
}

/// No token answer comes near it; a larger one is not read.
const LARGEST_ANSWER: usize = 1024 * 1024;

impl Wire {
    pub(crate) fn new(
        client: reqwest::Client,
        bound: BoundClients,
        clock: Arc<dyn Clock>,
        delay: RetryDelay,
    ) -> Self {
        Self { client, bound, clock, delay, skew: AtomicU64::new(0) }
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// How far the local clock and Entra's are apart, as far as is known.
    pub(crate) fn skew(&self) -> Duration {
        Duration::from_secs(self.skew.load(Ordering::Relaxed))
    }

    /// Posts, and once more where that may help: with another proof, where one serves only once.
    pub(crate) async fn post(
        &self,
        post: &Post<'_>,
        prove_again: impl AsyncFnOnce() -> Option<Proof>,
    ) -> Result<Granted, TokenError> {
        let host = post.url.host_str().unwrap_or_default();
        let attempt = |proof, again| {
            self.attempt(post, proof).instrument(telemetry::requesting(post.grant, host, again))
        };
        let first = attempt(&post.proof, false).await;
        match first {
            Attempt::Settled(result) => result,
            Attempt::Passing(error) => {
                telemetry::repeating(post.grant, post.correlation_id, &error);
                self.delay.wait().await;
                // The server may have read the first one before it failed.
                let another = if post.proof.serves_once() { prove_again().await } else { None };
                match attempt(another.as_ref().unwrap_or(&post.proof), true).await {
                    Attempt::Settled(result) => result,
                    Attempt::Passing(error) => Err(error),
                }
            }
        }
    }

    async fn attempt(&self, post: &Post<'_>, proof: &Proof) -> Attempt {
        let exchange = || {
            Exchange::new(post.grant, post.url.host_str().unwrap_or_default())
                .with_client(post.client.clone())
                .with_credential(Arc::clone(post.proof.credential()))
                .with_correlation_id(post.correlation_id)
        };
        let body = post.form.with(proof.fields()).encode();
        let mut request = Request::new(Method::POST, post.url.clone());
        *request.headers_mut() = headers(post);
        *request.body_mut() = Some(body.expose().to_owned().into());
        let sent = match proof.binding().map(|binding| self.bound.of(binding, &post.url)) {
            None => self.client.execute(request).await,
            Some(Ok(client)) => client.execute(request).await,
            Some(Err(fault)) => return Attempt::Settled(Err(fault.at(&**proof.credential()).into())),
        };
        let response = match sent {
            Ok(response) => response,
            Err(error) => return unreachable(exchange(), error),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        telemetry::answered(status.as_u16());
        let now = self.clock.now();
        let skew = self.learn_skew(&headers, now);
        let retry_after = retry::retry_after(&headers, now);
        let body = match read_capped(response, LARGEST_ANSWER).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let error =
                    Unavailable::new(exchange().with_status(status.as_u16()), "an answer larger than 1 MiB");
                return Attempt::Settled(Err(error.into()));
            }
            Err(error) => return unreachable(exchange().with_status(status.as_u16()), error),
        };
        let answer = response::Answer {
            status,
            retry_after,
            skew,
            content_type: headers.get(header::CONTENT_TYPE),
            binding: proof.binding(),
            body: &body,
        };
        let result = answer.read(exchange(), post, now);
        // A server that says when to come again is not asked sooner.
        match result {
            Err(error) if status.is_server_error() && retry_after.is_none() => Attempt::Passing(error),
            result => Attempt::Settled(result),
        }
    }

    fn learn_skew(&self, headers: &HeaderMap, now: SystemTime) -> Option<ClockSkew> {
        let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
        let skew = ClockSkew::between(now, httpdate::parse_http_date(date?).ok()?);
        self.skew.store(skew.apart().as_secs(), Ordering::Relaxed);
        Some(skew)
    }
}

enum Attempt {
    Settled(Result<Granted, TokenError>),
    /// It may well succeed in a moment.
    Passing(TokenError),
}

fn unreachable(exchange: Exchange, error: reqwest::Error) -> Attempt {
    let error = error.without_url();
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    let timed_out = error.is_timeout();
    let error = TokenError::from(Unavailable::new(exchange, what).with_source(error));
    // Whoever waited for the whole time is not made to wait for it again.
    if timed_out { Attempt::Settled(Err(error)) } else { Attempt::Passing(error) }
}

fn headers(post: &Post<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert("x-client-sku", HeaderValue::from_static("entra-rs"));
    headers.insert("x-client-ver", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers.insert("x-client-os", HeaderValue::from_static(std::env::consts::OS));
    // Tells Entra that this client waits where it is told to, so that it need not break loops.
    headers.insert("x-ms-lib-capability", HeaderValue::from_static("retry-after, h429"));
    headers.insert("return-client-request-id", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::from_str(&post.correlation_id.to_string()) {
        headers.insert("client-request-id", id);
    }
    // A name that cannot stand in a header costs the hint, not the request.
    if let Some(Ok(mut hint)) = post.routing_hint.as_deref().map(HeaderValue::from_str) {
        hint.set_sensitive(true);
        headers.insert("x-anchormailbox", hint);
    }
    for parameter in post.headers.iter().filter(|parameter| parameter.place() == Place::Header) {
        // Both were checked when the request was planned.
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(parameter.name().as_bytes()), HeaderValue::from_str(parameter.value()))
        {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

/// The status of an answer that came without a token.
fn is_throttled(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
}
