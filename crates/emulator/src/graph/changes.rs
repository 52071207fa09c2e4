//! What changed since a delta link was given. The link itself holds what was there: a digest of each.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::list;
use crate::bearer::Denied;
use crate::exchange::Exchange;
use crate::jwt;

type Members = Map<String, Value>;

pub(super) fn answer(exchange: &Exchange, all: Vec<Members>) -> Result<Value, Denied> {
    let now: BTreeMap<String, String> = all.iter().map(|members| (id(members), digest_of(members))).collect();
    let value = match exchange.query.get("$deltatoken") {
        None => all,
        Some(token) => {
            let before: BTreeMap<String, String> = read(token).ok_or(TOO_OLD)?;
            let changed = all.into_iter().filter(|members| before.get(&id(members)) != now.get(&id(members)));
            let gone = before.keys().filter(|id| !now.contains_key(*id));
            let removed = gone.map(|id| {
                let mark = json!({ "reason": "changed" });
                Map::from_iter([("id".to_owned(), json!(id)), ("@removed".to_owned(), mark)])
            });
            changed.chain(removed).collect()
        }
    };
    let token = jwt::encode(json!(now).to_string());
    Ok(json!({ "value": value, "@odata.deltaLink": list::link(exchange, "$deltatoken", &token) }))
}

fn id(members: &Members) -> String {
    members.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn digest_of(members: &Members) -> String {
    let digest = digest(&SHA256, json!(members).to_string().as_bytes());
    jwt::encode(digest).chars().take(12).collect()
}

fn read(token: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_slice(&jwt::decode(token)?).ok()
}

const TOO_OLD: Denied = Denied {
    status: StatusCode::GONE,
    code: "syncStateNotFound",
    text: "The sync state generation is not found.",
};
