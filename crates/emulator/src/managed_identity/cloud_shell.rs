//! Azure Cloud Shell: a form, and the one identity there is.

use http::Method;
use serde_json::Value;

use super::token::issue;
use super::{Denied, direct, imds, metadata, named};
use crate::directory::Directory;
use crate::exchange::Exchange;
use crate::realm::Realm;

pub(super) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange) -> Result<Value, Denied> {
    direct(exchange, &Method::POST)?;
    metadata(exchange)?;
    let named = named(exchange, &[])?;
    Ok(imds::body(&issue(realm, directory, exchange, &named, Vec::new())?))
}
