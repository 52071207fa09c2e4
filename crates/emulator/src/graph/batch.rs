//! Several requests in one: each is answered by itself, hindered by faults of its own, and logged like any other.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::bad_request;
use crate::directory::Directory;
use crate::exchange::{Exchange, Form, Reply};
use crate::faults::{Ending, instead};
use crate::realm::Realm;
use crate::route::Route;
use crate::traffic::Entry;

#[derive(Deserialize)]
struct Asked {
    requests: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default, rename = "dependsOn")]
    after: Vec<String>,
}

const MOST: usize = 20;

pub(super) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Reply {
    let Ok(Asked { requests }) = serde_json::from_slice(&exchange.body) else {
        return bad_request("Invalid batch payload format.").reply(exchange);
    };
    if requests.len() > MOST {
        return bad_request("Number of batch request steps exceeds the maximum value of 20.").reply(exchange);
    }
    let mut statuses: BTreeMap<String, StatusCode> = BTreeMap::new();
    let mut responses = Vec::new();
    for one in requests {
        if statuses.contains_key(&one.id) || one.after.iter().any(|id| !statuses.contains_key(id)) {
            return bad_request("Request ids are not unique, or depend on later ones.").reply(exchange);
        }
        let waits_for_a_failure =
            one.after.iter().any(|id| statuses.get(id).is_some_and(|status| !status.is_success()));
        let reply = if waits_for_a_failure {
            let error =
                json!({ "code": "FailedDependency", "message": "A request this one depends on failed." });
            Reply::json(StatusCode::FAILED_DEPENDENCY, &json!({ "error": error }))
        } else {
            match within(exchange, &one) {
                Some(inner) => answer_one(realm, directory, &inner),
                None => bad_request("Invalid request in the batch.").reply(exchange),
            }
        };
        statuses.insert(one.id.clone(), reply.status);
        responses.push(response(&one.id, &reply));
    }
    Reply::json(StatusCode::OK, &json!({ "responses": responses }))
}

fn answer_one(realm: &Realm, directory: &Directory, inner: &Exchange) -> Reply {
    let mut entry = Entry::of(inner, directory);
    let fault = realm.faults.next(&entry);
    entry.fault = fault.as_ref().map(crate::faults::Kind::name);
    let waiting = realm.log.arrived(entry);
    let scripted = fault.and_then(|fault| match instead(&fault, inner) {
        Some(Ending::Whole(reply)) => Some(reply),
        // A request within another one has no connection of its own to lose.
        Some(Ending::CutOff(_) | Ending::Reset) | None => None,
    });
    let reply = scripted.unwrap_or_else(|| match &inner.route {
        Route::Graph { resource } => super::answer(realm, directory, inner, resource),
        _ => bad_request("Invalid request in the batch.").reply(inner),
    });
    waiting.answered(&reply);
    reply
}

/// The request as it would have come by itself, with the token of the batch.
fn within(exchange: &Exchange, one: &One) -> Option<Exchange> {
    let version = exchange.path.trim_start_matches('/').split('/').next()?;
    let (path, query) = one.url.split_once('?').unwrap_or((&one.url, ""));
    let path = format!("/{version}/{}", path.trim_start_matches('/'));
    let mut headers = exchange.headers.clone();
    for (name, value) in &one.headers {
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    let route = Route::of(&path);
    let is_batch =
        matches!(&route, Route::Graph { resource } if resource.iter().any(|part| part == "$batch"));
    if is_batch {
        return None;
    }
    Some(Exchange {
        method: Method::try_from(one.method.as_str()).ok()?,
        route,
        path,
        query: Form::parse(query.as_bytes()),
        headers,
        body: one.body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.to_string())),
        form: Form::default(),
        origin: exchange.origin.clone(),
        now: exchange.now,
        correlation_id: exchange.correlation_id.clone(),
        trace_id: exchange.trace_id.clone(),
        refuse_replays: false,
        client_certificate: exchange.client_certificate.clone(),
    })
}

fn response(id: &str, reply: &Reply) -> Value {
    let headers: Map<String, Value> = reply
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))))
        .collect();
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    json!({ "id": id, "status": reply.status.as_u16(), "headers": headers, "body": body })
}
