//! What is in the small Graph: the directory's users and applications, and some mail for each user.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::need;
use crate::bearer::{Caller, Denied};
use crate::directory::{Directory, User};

type Members = Map<String, Value>;

/// The user who calls.
pub(super) fn me(directory: &Directory, caller: &Caller) -> Result<Members, Denied> {
    let id = user_of(caller)?;
    need(caller, &["User.Read", "User.ReadWrite", "User.Read.All", "Directory.Read.All"])?;
    in_tenant(directory, caller).find(|user| user.object_id == id).map(described).ok_or(NOT_FOUND)
}

pub(super) fn users(directory: &Directory, caller: &Caller) -> Result<Vec<Members>, Denied> {
    need(caller, &OF_OTHERS)?;
    Ok(in_tenant(directory, caller).map(described).collect())
}

/// A user by object id or name.
pub(super) fn user(directory: &Directory, caller: &Caller, id: &str) -> Result<Members, Denied> {
    need(caller, &OF_OTHERS)?;
    let id = percent_decode_str(id).decode_utf8_lossy();
    let is_named =
        |user: &&User| user.upn.eq_ignore_ascii_case(&id) || user.object_id.eq_ignore_ascii_case(&id);
    in_tenant(directory, caller).find(is_named).map(described).ok_or(NOT_FOUND)
}

/// Everybody has the same mail.
pub(super) fn messages(caller: &Caller) -> Result<Vec<Members>, Denied> {
    user_of(caller)?;
    need(caller, &["Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic"])?;
    let message = |number: usize| {
        let subject = format!("Order {number}: 400 bolts for O'Hara & Sons");
        members(
            json!({ "id": format!("AAMk{number:04}="), "subject": subject, "isRead": number.is_multiple_of(2) }),
        )
    };
    Ok((1..=MESSAGES).map(message).collect())
}

pub(super) fn applications(directory: &Directory, caller: &Caller) -> Result<Vec<Members>, Denied> {
    need(caller, &["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"])?;
    let own = directory.apps.iter().filter(|app| !app.multi_tenant && app.blueprint.is_none());
    Ok(own
        .map(|app| members(json!({ "id": app.object_id(), "appId": app.client_id, "displayName": app.name })))
        .collect())
}

/// The object id of the user who calls.
fn user_of(caller: &Caller) -> Result<&str, Denied> {
    if caller.scopes().is_none() {
        let text = "/me request is only valid with delegated authentication flow.";
        return Err(Denied { status: StatusCode::BAD_REQUEST, code: "BadRequest", text });
    }
    caller.text("oid").ok_or(NOT_FOUND)
}

fn in_tenant<'a>(directory: &'a Directory, caller: &'a Caller) -> impl Iterator<Item = &'a User> {
    directory
        .users
        .iter()
        .filter(|user| directory.home(user).is_some_and(|home| caller.text("tid") == Some(&home.id)))
}

fn described(user: &User) -> Members {
    members(json!({
        "id": user.object_id,
        "displayName": user.display_name,
        "userPrincipalName": user.upn,
        "mail": user.upn,
    }))
}

fn members(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// More than three pages of ten.
const MESSAGES: usize = 35;

const OF_OTHERS: [&str; 4] =
    ["User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All", "Directory.Read.All"];

const NOT_FOUND: Denied = Denied {
    status: StatusCode::NOT_FOUND,
    code: "Request_ResourceNotFound",
    text: "Resource does not exist or one of its queried reference-property objects are not present.",
};
