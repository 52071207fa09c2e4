//! The grants, one room each; what they share when a user is signed in is in `signed_in`.

pub(crate) mod authorization_code;
pub(crate) mod client_credentials;
pub(crate) mod on_behalf_of;
pub(crate) mod refresh_token;
pub(crate) mod signed_in;
pub(crate) mod user_federated;

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::token::Asking;

/// The part of an answer that every grant has.
fn bearer(asking: &Asking<'_>, access_token: String) -> Map<String, Value> {
    let lifetimes = &asking.directory.lifetimes;
    let mut body = Map::new();
    body.insert("token_type".into(), json!("Bearer"));
    body.insert("expires_in".into(), json!(lifetimes.access_token));
    body.insert("ext_expires_in".into(), json!(lifetimes.access_token));
    if let Some(seconds) = lifetimes.refresh_in {
        body.insert("refresh_in".into(), json!(seconds));
    }
    body.insert("access_token".into(), Value::String(access_token));
    body
}

fn lifetime(asking: &Asking<'_>) -> Duration {
    Duration::from_secs(asking.directory.lifetimes.access_token)
}

/// The client capabilities of the `claims` parameter, which the token repeats in `xms_cc`.
fn capabilities(asking: &Asking<'_>) -> Vec<Value> {
    asking
        .field("claims")
        .and_then(|claims| serde_json::from_str::<Value>(claims).ok())
        .and_then(|claims| claims.pointer("/access_token/xms_cc/values")?.as_array().cloned())
        .unwrap_or_default()
}
