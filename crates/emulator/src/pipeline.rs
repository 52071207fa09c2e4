//! The endpoint by which a step of an Azure pipeline gets the token of a service connection.

use http::header::{AUTHORIZATION, LOCATION};
use http::{Method, StatusCode};
use serde_json::json;

use crate::directory::{Directory, ids};
use crate::exchange::{Exchange, Reply};
use crate::mint;

const PATH: &str = "/pipeline/oidctoken";

/// What the pipeline sets in the environment of a step.
pub(crate) fn environment(base_url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("SYSTEM_OIDCREQUESTURI", format!("{base_url}{PATH}")),
        ("SYSTEM_ACCESSTOKEN", ids::PIPELINE_TOKEN.to_owned()),
    ]
}

pub(crate) fn answer(directory: &Directory, exchange: &Exchange) -> Reply {
    let header = |name: &str| exchange.headers.get(name).and_then(|value| value.to_str().ok());
    if header(AUTHORIZATION.as_str()) != Some(&format!("Bearer {}", ids::PIPELINE_TOKEN)) {
        // The real one sends people to its sign-in page, unless it is told that there are none.
        return match header("x-tfs-fedauthredirect") {
            Some("Suppress") => refusal(StatusCode::UNAUTHORIZED, "Access denied."),
            _ => Reply::text(StatusCode::FOUND, "text/html", "").with(LOCATION, "/sign-in"),
        };
    }
    if exchange.method != Method::POST || exchange.query.get("api-version").is_none() {
        return refusal(StatusCode::BAD_REQUEST, "A POST with an api-version is expected.");
    }
    if exchange.query.get("serviceConnectionId") != Some(ids::SERVICE_CONNECTION) {
        return refusal(
            StatusCode::NOT_FOUND,
            "No service connection with this id is known to the pipeline.",
        );
    }
    let token = mint::workload_assertion(directory, exchange.now, ids::WORKLOAD_SUBJECT);
    Reply::json(StatusCode::OK, &json!({ "oidcToken": token }))
}

fn refusal(status: StatusCode, text: &str) -> Reply {
    Reply::json(status, &json!({ "$id": "1", "message": text }))
}
