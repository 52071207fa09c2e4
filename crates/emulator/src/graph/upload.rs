//! Upload sessions: an address that whoever has it may write to, without a token, piece by piece.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_RANGE};
use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{NOT_ALLOWED, bad_request, need};
use crate::bearer::{Caller, Denied};
use crate::exchange::{Exchange, Reply};
use crate::guarded::Guarded;
use crate::realm::Realm;

/// The sessions that have begun, by the secret of their address.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Guarded<BTreeMap<String, Upload>>);

#[derive(Clone, Debug)]
struct Upload {
    name: String,
    content: Vec<u8>,
}

/// Pieces are multiples of this, all but the last one.
const UNIT: usize = 320 * 1024;

const MOST: usize = 60 * 1024 * 1024;

/// Begins one, for a user who may write files.
pub(super) fn begin(realm: &Realm, exchange: &Exchange, caller: &Caller) -> Result<Reply, Denied> {
    need(caller, &["Files.ReadWrite", "Files.ReadWrite.All"])?;
    let path = exchange.path.split(':').nth(1).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(bad_request("The item has no name."));
    }
    let id = Uuid::new_v4().simple().to_string();
    realm.uploads.0.lock().insert(id.clone(), Upload { name, content: Vec::new() });
    let body = json!({
        "uploadUrl": format!("{}/upload/{id}?tempauth={}", exchange.origin.base(), Uuid::new_v4().simple()),
        "expirationDateTime": "2099-01-01T00:00:00Z",
        "nextExpectedRanges": ["0-"],
    });
    Ok(Reply::json(StatusCode::OK, &body))
}

/// Answers at a session's address.
pub(crate) fn answer(realm: &Realm, exchange: &Exchange, id: &str) -> Reply {
    // The address is all that is needed. Whoever sends a token along gives it to a host that is not Graph's.
    if exchange.headers.contains_key(AUTHORIZATION) {
        let text = "An upload URL takes no Authorization header.";
        return Denied { status: StatusCode::UNAUTHORIZED, code: "unauthenticated", text }.reply(exchange);
    }
    let mut uploads = realm.uploads.0.lock();
    let Some(upload) = uploads.get_mut(id) else {
        let text = "The upload session was not found.";
        return Denied { status: StatusCode::NOT_FOUND, code: "itemNotFound", text }.reply(exchange);
    };
    match exchange.method {
        Method::GET => expecting(StatusCode::OK, upload.content.len()),
        Method::DELETE => {
            uploads.remove(id);
            Reply::text(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
        }
        Method::PUT => match take(upload, exchange) {
            Ok(false) => expecting(StatusCode::ACCEPTED, upload.content.len()),
            Ok(true) => {
                let item = json!({ "id": id, "name": upload.name, "size": upload.content.len() });
                uploads.remove(id);
                Reply::json(StatusCode::CREATED, &item)
            }
            Err(denied) => denied.reply(exchange),
        },
        _ => NOT_ALLOWED.reply(exchange),
    }
}

/// Takes a piece; whether it was the last one.
fn take(upload: &mut Upload, exchange: &Exchange) -> Result<bool, Denied> {
    let range = exchange.headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let (first, last, total) =
        range.and_then(parsed).ok_or(bad_request("The Content-Range header is invalid."))?;
    let length = exchange.body.len();
    if first != upload.content.len() {
        let text = "The fragment is not the expected one.";
        return Err(Denied { status: StatusCode::RANGE_NOT_SATISFIABLE, code: "invalidRange", text });
    }
    let is_last = last + 1 == total;
    if last + 1 - first != length || length > MOST || (!is_last && !length.is_multiple_of(UNIT)) {
        return Err(bad_request("The fragment has another length than it should."));
    }
    upload.content.extend_from_slice(&exchange.body);
    Ok(is_last)
}

/// `bytes 0-9/100`.
fn parsed(range: &str) -> Option<(usize, usize, usize)> {
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total): (usize, usize, usize) =
        (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, last, total))
}

fn expecting(status: StatusCode, from: usize) -> Reply {
    Reply::json(status, &json!({ "nextExpectedRanges": [format!("{from}-")] }))
}
