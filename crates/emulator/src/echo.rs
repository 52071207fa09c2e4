//! The downstream API: checks its token and answers who called, and with what.
//!
//! `/orders/..` takes tokens for the application `orders`, `/echo/..` for any application of the directory.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::bearer::{self, Caller};
use crate::directory::Directory;
use crate::exchange::{Exchange, Reply};
use crate::realm::Realm;

pub(crate) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange, orders: bool) -> Reply {
    let resource = if orders { directory.app("orders") } else { None };
    match bearer::check(realm, directory, exchange, resource) {
        Ok(caller) => Reply::json(
            StatusCode::OK,
            &json!({ "caller": described(&caller), "request": request(exchange) }),
        ),
        Err(denied) => denied.reply(exchange),
    }
}

/// Who called: which kind of caller, and the claims an API decides by.
fn described(caller: &Caller) -> Value {
    let is_agent_user =
        caller.text("xms_sub_fct").is_some_and(|facets| facets.split_whitespace().any(|facet| facet == "13"));
    let is_agent = caller.text("xms_par_app_azp").is_some();
    let kind = match (caller.scopes().is_some(), is_agent, is_agent_user) {
        (true, true, true) => "agent user",
        (true, true, false) => "agent on behalf of a user",
        (true, false, _) => "user",
        (false, true, _) => "agent",
        (false, false, _) => "app",
    };
    let mut body = Map::new();
    body.insert("kind".into(), json!(kind));
    body.insert("client_id".into(), json!(caller.client_id()));
    body.insert("scopes".into(), json!(caller.scopes()));
    body.insert("roles".into(), json!(caller.roles()));
    for claim in
        ["aud", "iss", "tid", "oid", "ver", "name", "xms_par_app_azp", "xms_sub_fct", "xms_cc", "acrs"]
    {
        if let Some(value) = caller.claims.get(claim) {
            body.insert(claim.into(), value.clone());
        }
    }
    Value::Object(body)
}

fn request(exchange: &Exchange) -> Value {
    let query: Vec<Value> = exchange.query.iter().map(|(name, value)| json!([name, value])).collect();
    let headers: Map<String, Value> = exchange
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "authorization" | "cookie"))
        .filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))))
        .collect();
    let body = serde_json::from_slice::<Value>(&exchange.body)
        .unwrap_or_else(|_not_json| json!(String::from_utf8_lossy(&exchange.body)));
    json!({
        "method": exchange.method.as_str(),
        "path": exchange.path,
        "query": query,
        "headers": headers,
        "content_type": exchange.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()),
        "body": if exchange.body.is_empty() { Value::Null } else { body },
    })
}
