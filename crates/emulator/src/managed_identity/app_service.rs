//! App Service and Container Apps: a secret in a header, and an end without a lifetime.

use http::Method;
use serde_json::{Value, json};

use super::token::issue;
use super::{Denied, direct, named, secret, version};
use crate::directory::{Directory, Named};
use crate::exchange::Exchange;
use crate::realm::Realm;

pub(super) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    direct(exchange, &Method::GET)?;
    secret(exchange, "x-identity-header", "unauthorized")?;
    version(exchange, &["2019-08-01"])?;
    let named = named(
        exchange,
        &[
            ("client_id", Named::ClientId),
            ("mi_res_id", Named::ResourceId),
            ("object_id", Named::ObjectId),
            ("principalId", Named::ObjectId),
        ],
    )?;
    let issued = issue(realm, directory, exchange, &named, Vec::new())?;
    Ok(json!({
        "access_token": issued.token,
        "client_id": issued.client_id,
        "expires_on": issued.ends_at().to_string(),
        "resource": issued.resource,
        "token_type": "Bearer",
    }))
}
