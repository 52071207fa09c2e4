//! A small Microsoft Graph, versions 1.0 and beta: users, mail, applications, changes, batches and uploads, with its checks
//! of audience and permission.

mod batch;
mod changes;
mod list;
mod resources;
mod upload;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::bearer::{self, Caller, Denied};
use crate::directory::Directory;
use crate::exchange::{Exchange, Reply};
use crate::realm::Realm;

pub(crate) use upload::{Uploads, answer as answer_upload};

pub(crate) fn answer(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    resource: &[String],
) -> Reply {
    let caller = match bearer::check(realm, directory, exchange, directory.app("https://graph.microsoft.com"))
    {
        Ok(caller) => caller,
        Err(denied) => return denied.reply(exchange),
    };
    let parts: Vec<&str> = resource.iter().map(String::as_str).collect();
    match (&exchange.method, parts.as_slice()) {
        (&Method::POST, ["$batch"]) => batch::answer(realm, directory, exchange),
        (&Method::POST, ["me", "drive", .., "createuploadsession"]) => {
            upload::begin(realm, exchange, &caller).unwrap_or_else(|denied| denied.reply(exchange))
        }
        (&Method::GET, parts) => match read(directory, exchange, &caller, parts) {
            Ok(body) => Reply::json(StatusCode::OK, &body),
            Err(denied) => denied.reply(exchange),
        },
        _ => NOT_ALLOWED.reply(exchange),
    }
}

fn read(
    directory: &Directory,
    exchange: &Exchange,
    caller: &Caller,
    parts: &[&str],
) -> Result<Value, Denied> {
    match parts {
        ["me"] => list::single(exchange, "users/$entity", resources::me(directory, caller)?),
        ["me", "messages"] => list::page(exchange, "users('me')/messages", resources::messages(caller)?),
        ["users"] => list::page(exchange, "users", resources::users(directory, caller)?),
        ["users", "delta"] => changes::answer(exchange, resources::users(directory, caller)?),
        ["users", id] => list::single(exchange, "users/$entity", resources::user(directory, caller, id)?),
        ["applications"] => list::page(exchange, "applications", resources::applications(directory, caller)?),
        _ => {
            let text = "Resource not found for the segment.";
            Err(Denied { status: StatusCode::NOT_FOUND, code: "BadRequest", text })
        }
    }
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

const fn bad_request(text: &'static str) -> Denied {
    Denied { status: StatusCode::BAD_REQUEST, code: "Request_BadRequest", text }
}

const NOT_ALLOWED: Denied = Denied {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "Request_BadRequest",
    text: "Specified HTTP method is not allowed for the request target.",
};
