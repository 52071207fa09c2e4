//! Service Fabric: user-assigned identities by object id only, and tokens that are kept until somebody says that one
//! is over.

use http::Method;
use serde_json::{Value, json};

use super::token::issue;
use super::{Denied, direct, named, secret, version};
use crate::clock::unix;
use crate::directory::{Directory, Named};
use crate::exchange::Exchange;
use crate::realm::Realm;

pub(super) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    direct(exchange, &Method::GET)?;
    secret(exchange, "secret", "SecretHeaderNotFound")?;
    version(exchange, &["2020-05-01"])?;
    let named = named(exchange, &[("principalId", Named::ObjectId)])?;
    let capabilities = exchange.query.get("xms_cc").unwrap_or_default();
    let capabilities = capabilities.split(',').filter(|name| !name.is_empty()).map(Value::from).collect();
    let fresh = issue(realm, directory, exchange, &named, capabilities)?;
    let over = exchange.query.get("token_sha256_to_refresh");
    let issued = realm.managed_identities.kept(fresh, over, unix(exchange.now));
    Ok(json!({
        "access_token": issued.token,
        "expires_on": issued.ends_at(),
        "resource": issued.resource,
        "token_type": "Bearer",
    }))
}
