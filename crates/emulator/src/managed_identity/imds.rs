//! The instance metadata service: numbers are texts, and the lifetime is told both ways.

use http::Method;
use serde_json::{Value, json};

use super::token::{Issued, issue};
use super::{Denied, direct, metadata, named, version};
use crate::directory::{Directory, Named};
use crate::exchange::Exchange;
use crate::realm::Realm;

pub(super) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    direct(exchange, &Method::GET)?;
    metadata(exchange)?;
    version(exchange, &["2018-02-01", "2019-08-01", "2021-02-01"])?;
    let named = named(
        exchange,
        &[
            ("client_id", Named::ClientId),
            ("msi_res_id", Named::ResourceId),
            ("mi_res_id", Named::ResourceId),
            ("object_id", Named::ObjectId),
        ],
    )?;
    Ok(body(&issue(realm, directory, exchange, &named, Vec::new())?))
}

/// What the agent of Azure Arc and the shell answer, too.
pub(super) fn body(issued: &Issued) -> Value {
    json!({
        "access_token": issued.token,
        "client_id": issued.client_id,
        "expires_in": issued.lifetime.to_string(),
        "expires_on": issued.ends_at().to_string(),
        "ext_expires_in": issued.lifetime.to_string(),
        "not_before": issued.since.to_string(),
        "resource": issued.resource,
        "token_type": "Bearer",
    })
}
