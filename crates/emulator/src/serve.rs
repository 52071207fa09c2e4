//! One request from the wire to the room and back: read, logged, hindered by faults, answered.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, DATE, HeaderName};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};

use crate::clock::http_date;
use crate::exchange::{Exchange, Reply};
use crate::faults::{Ending, Kind, after, instead};
use crate::mtls::ClientCertificate;
use crate::origin::Origin;
use crate::realm::Realm;
use crate::route::Route;
use crate::traffic::Entry;
use crate::{authorize, compute, discovery, echo, graph, key_vault, managed_identity, pipeline, token};

pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// The connection must end with a reset.
#[derive(Debug)]
pub(crate) struct Severed;

impl std::fmt::Display for Severed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the script resets this connection")
    }
}

impl std::error::Error for Severed {}

pub(crate) async fn serve(
    realm: Arc<Realm>,
    scheme: &'static str,
    own_host: Arc<str>,
    shown: Option<ClientCertificate>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Severed> {
    let (parts, body) = request.into_parts();
    let origin = Origin::of(scheme, &parts.headers, &parts.uri, &own_host);
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        let reply = Reply::text(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "the body is too large");
        return Ok(whole(reply, &http_date(realm.clock.now())));
    };
    let mut exchange = Exchange::new(&parts, body.to_bytes(), origin, realm.clock.now());
    exchange.client_certificate = shown;
    let directory = realm.directory();
    let mut entry = Entry::of(&exchange, &directory);
    let fault = realm.faults.next(&entry);
    entry.fault = fault.as_ref().map(Kind::name);
    let waiting = realm.log.arrived(entry);
    if let Some(fault) = &fault {
        prepare(fault, &mut exchange).await;
    }
    let ending = match fault.as_ref().map(|fault| (fault, instead(fault, &exchange))) {
        Some((_, Some(ending))) => ending,
        Some((fault, None)) => after(fault, room(&realm, &exchange)),
        None => Ending::Whole(room(&realm, &exchange)),
    };
    let date = http_date(exchange.now);
    match ending {
        Ending::Reset => Err(Severed),
        Ending::CutOff(reply) => {
            waiting.answered(&reply);
            Ok(cut_off(with_ids(reply, &exchange), &date))
        }
        Ending::Whole(reply) => {
            waiting.answered(&reply);
            Ok(whole(with_ids(reply, &exchange), &date))
        }
    }
}

/// Faults that change the request's circumstances rather than its answer.
async fn prepare(fault: &Kind, exchange: &mut Exchange) {
    match fault {
        Kind::Slow { milliseconds } => pause(Duration::from_millis(*milliseconds)).await,
        Kind::ClockOff { seconds } => {
            let by = Duration::from_secs(seconds.unsigned_abs());
            exchange.now = if *seconds < 0 { exchange.now - by } else { exchange.now + by };
        }
        Kind::ReplayRefused => exchange.refuse_replays = true,
        _ => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow answer is what the script asks for")]
async fn pause(by: Duration) {
    tokio::time::sleep(by).await;
}

fn room(realm: &Realm, exchange: &Exchange) -> Reply {
    let directory = realm.directory();
    match &exchange.route {
        Route::InstanceDiscovery => discovery::instance(exchange),
        Route::Compute => compute::answer(exchange),
        Route::Metadata { tenant, v2 } => discovery::metadata(&directory, exchange, tenant, *v2),
        Route::Keys { tenant } => discovery::keys(realm, &directory, exchange, tenant),
        Route::Authorize { tenant } => authorize::answer(realm, &directory, exchange, tenant),
        Route::Token { tenant } => token::answer(realm, &directory, exchange, tenant),
        Route::SignOut => authorize::sign_out(exchange),
        Route::Graph { resource } => graph::answer(realm, &directory, exchange, resource),
        Route::Upload { id } => graph::answer_upload(realm, exchange, id),
        Route::Api { orders } => echo::answer(realm, &directory, exchange, *orders),
        Route::ManagedIdentity { host } => managed_identity::answer(realm, &directory, exchange, *host),
        Route::Credential { step } => managed_identity::answer_credential(realm, &directory, exchange, *step),
        Route::KeyVault { path } => key_vault::answer(realm, &directory, exchange, path),
        Route::Pipeline => pipeline::answer(&directory, exchange),
        Route::Nowhere => Reply::text(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "the emulator serves nothing here; its README lists what it serves",
        ),
    }
}

fn with_ids(reply: Reply, exchange: &Exchange) -> Reply {
    reply
        .with(HeaderName::from_static("x-ms-request-id"), &exchange.trace_id)
        .with(HeaderName::from_static("client-request-id"), &exchange.correlation_id)
}

fn whole(reply: Reply, date: &str) -> Response<Body> {
    let body = Full::new(reply.body.clone()).map_err(|never: Infallible| match never {}).boxed();
    response(reply, date, body)
}

/// Promises the whole length and stops half-way.
fn cut_off(reply: Reply, date: &str) -> Response<Body> {
    let half = reply.body.slice(..reply.body.len() / 2);
    let length = reply.body.len().to_string();
    let break_off = async {
        // The server writes what it has whenever the body makes it wait; without a wait nothing would leave at all.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    let parts = stream::once(async { Ok(Frame::data(half)) }).chain(stream::once(break_off));
    let body = BodyExt::boxed(StreamBody::new(parts));
    response(reply.with(CONTENT_LENGTH, &length), date, body)
}

fn response(reply: Reply, date: &str, body: Body) -> Response<Body> {
    let reply = reply.with(DATE, date);
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// The largest piece of an upload, and something beside it.
const LARGEST_BODY: usize = 64 * 1024 * 1024;
