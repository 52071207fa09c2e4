//! A small Microsoft Graph: `/v1.0/me`, `/v1.0/users` and `/v1.0/users/{id}`, with its checks of audience and permission.

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::bearer::{self, Caller, Denied};
use crate::directory::{Directory, User};
use crate::exchange::{Exchange, Reply};
use crate::realm::Realm;

pub(crate) fn answer(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    resource: &[String],
) -> Reply {
    let found = bearer::check(realm, directory, exchange, directory.app("https://graph.microsoft.com"))
        .and_then(|caller| read(directory, exchange, &caller, resource));
    match found {
        Ok(body) => Reply::json(StatusCode::OK, &body),
        Err(denied) => denied.reply(exchange),
    }
}

fn read(
    directory: &Directory,
    exchange: &Exchange,
    caller: &Caller,
    resource: &[String],
) -> Result<Map<String, Value>, Denied> {
    if exchange.method != Method::GET {
        return Err(Denied {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "Request_BadRequest",
            text: "Specified HTTP method is not allowed for the request target.",
        });
    }
    let mut in_tenant = directory.users.iter().filter(|user| lives_in(directory, user, caller));
    let mut body = Map::new();
    let mut describe = |of: &str, what: Map<String, Value>| {
        let context = format!("{}/v1.0/$metadata#{of}", exchange.origin.base());
        body.insert("@odata.context".into(), json!(context));
        body.extend(what);
    };
    let parts: Vec<&str> = resource.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["me"] => {
            let id = me(caller)?;
            describe("users/$entity", members(in_tenant.find(|user| user.object_id == id).ok_or(NOT_FOUND)?));
        }
        ["users"] => {
            need(caller, &OF_OTHERS)?;
            let all = in_tenant.map(members).collect::<Vec<_>>();
            describe("users", Map::from_iter([("value".to_owned(), json!(all))]));
        }
        ["users", id] => {
            need(caller, &OF_OTHERS)?;
            let id = percent_decode_str(id).decode_utf8_lossy();
            let is_named =
                |user: &&User| user.upn.eq_ignore_ascii_case(&id) || user.object_id.eq_ignore_ascii_case(&id);
            describe("users/$entity", members(in_tenant.find(is_named).ok_or(NOT_FOUND)?));
        }
        _ => {
            let text = "Resource not found for the segment.";
            return Err(Denied { status: StatusCode::NOT_FOUND, code: "BadRequest", text });
        }
    }
    Ok(body)
}

/// The object id of the user who calls.
fn me(caller: &Caller) -> Result<&str, Denied> {
    if caller.scopes().is_none() {
        let text = "/me request is only valid with delegated authentication flow.";
        return Err(Denied { status: StatusCode::BAD_REQUEST, code: "BadRequest", text });
    }
    need(caller, &["User.Read", "User.ReadWrite", "User.Read.All", "Directory.Read.All"])?;
    caller.text("oid").ok_or(NOT_FOUND)
}

/// One of these as a scope (for a user) or as a role (for an application).
fn need(caller: &Caller, any: &[&str]) -> Result<(), Denied> {
    let held = caller.scopes().unwrap_or_else(|| caller.roles());
    if held.iter().any(|held| any.iter().any(|wanted| held.eq_ignore_ascii_case(wanted))) {
        return Ok(());
    }
    Err(Denied {
        status: StatusCode::FORBIDDEN,
        code: "Authorization_RequestDenied",
        text: "Insufficient privileges to complete the operation.",
    })
}

fn lives_in(directory: &Directory, user: &User, caller: &Caller) -> bool {
    directory.home(user).is_some_and(|home| caller.text("tid") == Some(&home.id))
}

fn members(user: &User) -> Map<String, Value> {
    let named = [
        ("id", &user.object_id),
        ("displayName", &user.display_name),
        ("userPrincipalName", &user.upn),
        ("mail", &user.upn),
    ];
    named.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

const OF_OTHERS: [&str; 4] =
    ["User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All", "Directory.Read.All"];

const NOT_FOUND: Denied = Denied {
    status: StatusCode::NOT_FOUND,
    code: "Request_ResourceNotFound",
    text: "Resource does not exist or one of its queried reference-property objects are not present.",
};
