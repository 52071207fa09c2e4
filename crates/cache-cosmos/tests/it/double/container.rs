//! The one database and the one container of the double, and what a request does to them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Response},
};
use serde_json::{Value, json};

use super::signature::{TOKEN, is_let_in};

/// What the service does instead of what it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// This status with this substatus, to all that concerns items.
    Items(u16, u16),
    /// It takes what is asked, and never answers.
    Silence,
}

/// The container `Tokens` in the database `TokenCache`.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) has_database: bool,
    /// As it was created.
    pub(crate) rules: Option<Value>,
    pub(crate) items: HashMap<String, Kept>,
    pub(crate) refuses: Option<Refusal>,
    /// The token that lets one in, instead of the usual one.
    pub(crate) token: Option<String>,
    /// Methods and paths, in order.
    pub(crate) asked: Vec<String>,
    writes: u64,
}

/// An item with the time of its last write.
pub(crate) struct Kept {
    pub(crate) item: Value,
    tag: String,
    written_at: SystemTime,
}

type Answer = Response<Body>;

impl Container {
    /// As `az cosmosdb sql container create --partition-key-path /id --ttl -1` makes it.
    pub(crate) fn make(&mut self, partition_key: &str, ttl: Option<i64>) {
        self.has_database = true;
        self.rules = Some(json!({
            "id": "Tokens", "defaultTtl": ttl,
            "partitionKey": { "paths": [partition_key], "kind": "Hash", "version": 2 }
        }));
    }

    /// How many requests there were for items, of this kind.
    pub(crate) fn asked_for_items(&self) -> usize {
        self.asked.iter().filter(|it| it.contains("/docs")).count()
    }

    pub(super) fn answer(
        &mut self,
        method: &Method,
        path: &[&str],
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
        address: SocketAddr,
    ) -> Option<Answer> {
        self.asked.push(format!("{method} /{}", path.join("/")));
        if matches!(self.refuses, Some(Refusal::Silence)) {
            return None;
        }
        if !is_let_in(method, path, headers, self.token.as_deref().unwrap_or(TOKEN)) {
            return Some(refusal(401, 0));
        }
        let parsed = || -> Value { serde_json::from_slice(body).unwrap() };
        Some(match (method.as_str(), path) {
            ("GET", []) => account(address),
            ("POST", ["dbs"]) if self.has_database => refusal(409, 0),
            ("POST", ["dbs"]) => {
                assert_eq!(parsed()["id"], "TokenCache");
                self.has_database = true;
                found(201, &database())
            }
            ("GET", ["dbs", "TokenCache"]) if self.has_database => found(200, &database()),
            ("POST", ["dbs", "TokenCache", "colls"]) if self.rules.is_some() => refusal(409, 0),
            ("POST", ["dbs", "TokenCache", "colls"]) if self.has_database => {
                self.rules = Some(parsed());
                found(201, &self.collection())
            }
            ("GET", ["dbs", "TokenCache", "colls", "Tokens"]) if self.rules.is_some() => {
                found(200, &self.collection())
            }
            ("GET", ["dbs", "TokenCache", "colls", "Tokens", "pkranges"])
                if headers.contains_key("if-none-match") =>
            {
                plain(304).body(Body::empty()).unwrap()
            }
            ("GET", ["dbs", "TokenCache", "colls", "Tokens", "pkranges"]) => found(200, &ranges()),
            (_, ["dbs", "TokenCache", "colls", "Tokens", "docs", rest @ ..]) if self.rules.is_some() => {
                if let Some(Refusal::Items(status, sub)) = self.refuses {
                    return Some(refusal(status, sub));
                }
                self.item(method, rest, headers, body, now)
            }
            _ => refusal(404, 1003),
        })
    }

    fn item(
        &mut self,
        method: &Method,
        path: &[&str],
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Answer {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let item: Option<Value> = (!body.is_empty()).then(|| serde_json::from_slice(body).unwrap());
        let id = match (path, &item) {
            ([id], _) => (*id).to_owned(),
            ([], Some(item)) => item["id"].as_str().unwrap().to_owned(),
            _ => return refusal(400, 0),
        };
        let has_ended =
            |kept: &Kept| kept.written_at + Duration::from_secs(kept.item["ttl"].as_u64().unwrap()) <= now;
        if self.items.get(&id).is_some_and(has_ended) {
            self.items.remove(&id);
        }
        assert_eq!(header("x-ms-documentdb-partitionkey"), Some(format!("[\"{id}\"]").as_str()));
        let tag = self.items.get(&id).map(|kept| kept.tag.clone());
        let is_upsert = header("x-ms-documentdb-is-upsert").is_some_and(|it| it.eq_ignore_ascii_case("true"));
        match (method.as_str(), item, tag) {
            ("POST", Some(_), Some(_)) if !is_upsert => refusal(409, 0),
            ("POST", Some(item), tag) => self.write(id, item, if tag.is_some() { 200 } else { 201 }, now),
            ("PUT", Some(item), Some(tag)) if header("if-match").is_none_or(|wanted| wanted == tag) => {
                self.write(id, item, 200, now)
            }
            ("PUT", Some(_), Some(_)) => refusal(412, 0),
            ("GET", None, Some(tag)) => {
                let response = plain(200).header("etag", tag).header("content-type", "application/json");
                response.body(Body::from(self.items[&id].item.to_string())).unwrap()
            }
            ("DELETE", None, Some(_)) => {
                self.items.remove(&id);
                plain(204).body(Body::empty()).unwrap()
            }
            (_, _, None) => refusal(404, 0),
            _ => refusal(405, 0),
        }
    }

    fn write(&mut self, id: String, item: Value, status: u16, written_at: SystemTime) -> Answer {
        self.writes += 1;
        let tag = format!("\"{:08x}\"", self.writes);
        self.items.insert(id, Kept { item, tag: tag.clone(), written_at });
        plain(status).header("etag", tag).body(Body::empty()).unwrap()
    }

    fn collection(&self) -> Value {
        let mut rules = self.rules.clone().unwrap();
        rules["_rid"] = json!("1nUNAJxZ0AI=");
        rules["_self"] = json!("dbs/1nUNAA==/colls/1nUNAJxZ0AI=/");
        rules["_ts"] = json!(1_700_000_000);
        rules["_etag"] = json!("\"c\"");
        rules
    }
}

fn account(address: SocketAddr) -> Answer {
    let here = json!([{ "name": "Loopback", "databaseAccountEndpoint": format!("http://{address}/") }]);
    found(
        200,
        &json!({
            "_self": "", "id": "double", "_rid": "double.documents.azure.com", "media": "//media/",
            "addresses": "//addresses/", "_dbs": "//dbs/",
            "writableLocations": here, "readableLocations": here, "enableMultipleWriteLocations": false,
            "userConsistencyPolicy": { "defaultConsistencyLevel": "Session" },
            "userReplicationPolicy": { "asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 4 },
            "systemReplicationPolicy": { "minReplicaSetSize": 1, "maxReplicasetSize": 4 },
            "readPolicy": { "primaryReadCoefficient": 1, "secondaryReadCoefficient": 1 },
            "queryEngineConfiguration": "{}"
        }),
    )
}

fn database() -> Value {
    json!({
        "id": "TokenCache", "_rid": "1nUNAA==", "_self": "dbs/1nUNAA==/", "_etag": "\"d\"", "_ts": 1_700_000_000,
        "_colls": "colls/", "_users": "users/"
    })
}

fn ranges() -> Value {
    json!({
        "_rid": "1nUNAJxZ0AI=", "_count": 1,
        "PartitionKeyRanges": [{
            "_rid": "1nUNAJxZ0AICAAAAAAAAUA==", "id": "0", "_etag": "\"r\"", "minInclusive": "", "maxExclusive": "FF",
            "_self": "dbs/1nUNAA==/colls/1nUNAJxZ0AI=/pkranges/1nUNAJxZ0AICAAAAAAAAUA==/", "throughputFraction": 1,
            "status": "online", "parents": [], "_ts": 1_700_000_000
        }]
    })
}

fn plain(status: u16) -> axum::http::response::Builder {
    let response = Response::builder().status(status);
    response.header("x-ms-request-charge", "1").header("x-ms-session-token", "0:-1#1").header("lsn", "1")
}

fn found(status: u16, body: &Value) -> Answer {
    let response = plain(status).header("content-type", "application/json").header("etag", "\"x\"");
    response.body(Body::from(body.to_string())).unwrap()
}

/// With a message that holds what must not get out.
fn refusal(status: u16, sub: u16) -> Answer {
    let body = json!({ "code": "Refused", "message": "s3cret reason" });
    let response = plain(status).header("content-type", "application/json").header("x-ms-substatus", sub);
    response.body(Body::from(body.to_string())).unwrap()
}
