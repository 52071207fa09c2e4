//! The way to the source of this host: asks it, again where it passes, and answers a challenge.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use entra_abstractions::{
    ClientId, Clock, Environment, Exchange, HttpSettings, ManagedIdentityId, Misconfigured, TokenError,
    Unavailable,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Response};
use zeroize::Zeroizing;

use super::{
    NAME, answer,
    ask::{Ask, Body, Outgoing},
    bound::Certificates,
    retry::{Failure, Patience},
    source::Source,
};
use crate::{
    http::{build_local, reached, read_capped},
    telemetry,
    wire::{Granted, RetryDelay, retry_after},
};

/// What a program runs on, as far as it hands out tokens.
#[derive(Debug)]
pub(crate) struct Platform {
    environment: Environment,
    http: HttpSettings,
    clock: Arc<dyn Clock>,
    delay: RetryDelay,
    arc_keys: Option<PathBuf>,
    certificates: Arc<Certificates>,
    way: OnceLock<Way>,
}

#[derive(Debug)]
struct Way {
    source: Source,
    client: Client,
}

/// What a source answered, and meant as a success.
pub(super) struct Answered<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) now: SystemTime,
}

/// A try that brought no token.
struct Failed {
    error: TokenError,
    /// Why, where asking again may help.
    failure: Option<Failure>,
}

/// No answer of a host comes near it; a larger one is not read.
const LARGEST_ANSWER: usize = 1024 * 1024;

impl Platform {
    pub(crate) fn new(
        environment: Environment,
        http: HttpSettings,
        clock: Arc<dyn Clock>,
        delay: RetryDelay,
        arc_keys: Option<PathBuf>,
        certificates: Arc<Certificates>,
    ) -> Self {
        Self { environment, http, clock, delay, arc_keys, certificates, way: OnceLock::new() }
    }

    /// The certificates of the identities of this host.
    pub(super) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Asks the source of this host for a token.
    ///
    /// # Errors
    /// [`TokenError`] says who must act, and names the source and the identity.
    pub(crate) async fn token(&self, ask: &Ask<'_>) -> Result<Granted, TokenError> {
        let way = self.way()?;
        let request = way.source.request(ask)?;
        let read = |answered: &Answered<'_>| answer::granted(answered.body, answered.now);
        self.converse(way, &request, ask, way.source.patience(), read).await
    }

    /// Asks the service of this host that issues certificates, at this path.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub(super) async fn credential_service<T>(
        &self,
        path: &str,
        body: Option<Body>,
        ask: &Ask<'_>,
        patience: Patience,
        read: impl Fn(&Answered<'_>) -> Result<T, &'static str>,
    ) -> Result<T, TokenError> {
        let way = self.way()?;
        let request = way.source.issuer()?.credential_request(path, body, ask);
        self.converse(way, &request, ask, patience, read).await
    }

    /// Whether this host issues certificates to which tokens could be bound, as far as that is known
    /// without asking.
    ///
    /// # Errors
    /// [`Misconfigured`] saying why it never could.
    pub(super) fn check_bound(&self) -> Result<(), Misconfigured> {
        match self.way.get() {
            Some(way) => way.source.issuer().map(drop),
            None => Source::of(&self.environment, self.arc_keys.as_deref())?.issuer().map(drop),
        }?;
        self.certificates.check_key()
    }

    /// Asks, and again where that may help.
    async fn converse<T>(
        &self,
        way: &Way,
        request: &Outgoing,
        ask: &Ask<'_>,
        patience: Patience,
        read: impl Fn(&Answered<'_>) -> Result<T, &'static str>,
    ) -> Result<T, TokenError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let Failed { error, failure } = match self.attempt(way, request, ask, patience, &read).await {
                Ok(granted) => return Ok(granted),
                Err(failed) => failed,
            };
            let asked_to_wait = error.exchange().and_then(Exchange::retry_after);
            let wait = failure.and_then(|failure| patience.wait(tries, failure, asked_to_wait, self.delay.0));
            let Some(wait) = wait else {
                return Err(error.in_leg(format!("asking {} for {}", way.source.name(), ask.id)));
            };
            telemetry::repeating(NAME, ask.correlation_id, &error);
            RetryDelay(wait).wait().await;
        }
    }

    /// Which host would be asked.
    ///
    /// # Errors
    /// [`Misconfigured`] where the environment describes none, or none that can be asked for this.
    pub(crate) fn host(&self, ask: &Ask<'_>) -> Result<String, Misconfigured> {
        let request = match self.way.get() {
            Some(way) => way.source.request(ask),
            None => Source::of(&self.environment, self.arc_keys.as_deref())?.request(ask),
        }?;
        Ok(request.url.host_str().unwrap_or_default().to_owned())
    }

    /// The source does not change while the process runs, so it is looked for once. What is wrong is
    /// not kept.
    fn way(&self) -> Result<&Way, Misconfigured> {
        if let Some(way) = self.way.get() {
            return Ok(way);
        }
        let source = Source::of(&self.environment, self.arc_keys.as_deref())?;
        let tls = match &source {
            Source::ServiceFabric(fabric) => Some(fabric.thumbprint().tls()?),
            _ => None,
        };
        telemetry::found_source(source.name());
        let client = build_local(&self.http, tls)?;
        Ok(self.way.get_or_init(|| Way { source, client }))
    }

    async fn attempt<T>(
        &self,
        way: &Way,
        request: &Outgoing,
        ask: &Ask<'_>,
        patience: Patience,
        read: impl Fn(&Answered<'_>) -> Result<T, &'static str>,
    ) -> Result<T, Failed> {
        let exchange = exchange(request, ask);
        let broken = |error| unreachable(exchange.clone(), error);
        let mut response = self.send(way, request, None).await.map_err(broken)?;
        if let (Source::AzureArc(arc), StatusCode::UNAUTHORIZED) = (&way.source, response.status()) {
            let answer = arc
                .answer(response.headers())
                .map_err(|fault| Failed { error: fault.into(), failure: None })?;
            response = self.send(way, request, Some(answer)).await.map_err(broken)?;
        }
        let now = self.clock.now();
        let (status, headers) = (response.status(), response.headers().clone());
        let exchange =
            exchange.clone().with_status(status.as_u16()).with_retry_after(retry_after(&headers, now));
        let failed =
            |what: &str| Failed { error: Unavailable::new(exchange.clone(), what).into(), failure: None };
        let body = match read_capped(response, LARGEST_ANSWER).await {
            Ok(Some(body)) => Zeroizing::new(body),
            Ok(None) => return Err(failed("an answer larger than 1 MiB")),
            Err(error) => return Err(unreachable(exchange.clone(), error)),
        };
        if status.is_success() {
            return read(&Answered { headers: &headers, body: &body, now }).map_err(failed);
        }
        let failure = Failure::Status(status.as_u16());
        let passes = patience.passes(failure) || status.is_server_error();
        Err(Failed { error: answer::refused(&body, exchange.clone(), passes), failure: Some(failure) })
    }

    async fn send(
        &self,
        way: &Way,
        request: &Outgoing,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, reqwest::Error> {
        let mut headers: HeaderMap = request.headers.clone();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(authorization.map(|proof| (header::AUTHORIZATION, proof)));
        let (url, host) = reached(&self.http, &request.url);
        headers.extend(host.map(|host| (header::HOST, host)));
        let mut sent = way.client.request(request.method.clone(), url);
        if let Some(Body { kind, text }) = &request.body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            sent = sent.body(text.expose().to_owned());
        }
        sent.headers(headers).send().await
    }
}

fn exchange(request: &Outgoing, ask: &Ask<'_>) -> Exchange {
    let exchange = Exchange::new(NAME, request.url.host_str().unwrap_or_default())
        .with_correlation_id(ask.correlation_id);
    match ask.id {
        ManagedIdentityId::ClientId(id) => exchange.with_client(ClientId::clone(id)),
        _ => exchange,
    }
}

fn unreachable(exchange: Exchange, error: reqwest::Error) -> Failed {
    let error = error.without_url();
    let (what, failure, explanation) = if error.is_connect() {
        (
            "no connection",
            Failure::Unconnected,
            Some("does this program run on Azure, with an identity assigned to its host?"),
        )
    } else if error.is_timeout() {
        ("no answer in time", Failure::TimedOut, None)
    } else {
        ("the connection broke", Failure::Unconnected, None)
    };
    let exchange = exchange.with_explanation(explanation);
    Failed { error: Unavailable::new(exchange, what).with_source(error).into(), failure: Some(failure) }
}
