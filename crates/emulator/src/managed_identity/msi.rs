//! Version 2017-09-01: Azure Machine Learning, and App Service as it was. They differ in how they write times.

use http::Method;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use super::token::{Issued, issue};
use super::{Denied, direct, named, secret, version};
use crate::directory::{Directory, Named};
use crate::exchange::Exchange;
use crate::realm::Realm;

pub(super) fn answer(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    written: fn(&Issued) -> String,
) -> Result<Value, Denied> {
    direct(exchange, &Method::GET)?;
    secret(exchange, "secret", "invalid_secret")?;
    version(exchange, &["2017-09-01"])?;
    let named = named(exchange, &[("clientid", Named::ClientId)])?;
    let issued = issue(realm, directory, exchange, &named, Vec::new())?;
    Ok(json!({
        "access_token": issued.token,
        "expires_on": written(&issued),
        "resource": issued.resource,
        "token_type": "Bearer",
    }))
}

pub(super) fn seconds(issued: &Issued) -> String {
    issued.ends_at().to_string()
}

/// `11/22/2026 5:04:00 AM +00:00`
pub(super) fn american(issued: &Issued) -> String {
    let format = format_description!(
        "[month padding:none]/[day padding:none]/[year] [hour repr:12 padding:none]:[minute]:[second] [period] +00:00"
    );
    OffsetDateTime::from_unix_timestamp(issued.ends_at())
        .ok()
        .and_then(|end| end.format(&format).ok())
        .unwrap_or_default()
}
