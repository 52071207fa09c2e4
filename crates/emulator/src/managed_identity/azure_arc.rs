//! The agent of Azure Arc: whoever asks must show the content of a file that only programs of this machine can read.

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::Value;

use super::token::issue;
use super::{Denied, direct, imds, metadata, named, version};
use crate::directory::Directory;
use crate::exchange::Exchange;
use crate::realm::Realm;

pub(super) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    direct(exchange, &Method::GET)?;
    metadata(exchange)?;
    version(exchange, &["2019-11-01", "2020-06-01"])?;
    let named = named(exchange, &[])?;
    let shown =
        exchange.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()?.strip_prefix("Basic "));
    if !shown.is_some_and(|key| realm.managed_identities.takes_key(key)) {
        return Err(challenge(realm));
    }
    Ok(imds::body(&issue(realm, directory, exchange, &named, Vec::new())?))
}

fn challenge(realm: &Realm) -> Denied {
    match realm.managed_identities.new_key() {
        Ok(path) => Denied {
            challenge: Some(path.display().to_string()),
            ..Denied::new(StatusCode::UNAUTHORIZED, "unauthorized", "The key of the challenge must be shown.")
        },
        Err(error) => Denied::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            format!("No key can be written: {}.", error.kind()),
        ),
    }
}
