//! What the metadata service of a virtual machine tells about the machine: above all its region.

use http::{Method, StatusCode};
use serde_json::json;

use crate::exchange::{Exchange, Reply};

/// The region in which the emulator runs, as far as programs can tell.
const REGION: &str = "westeurope";

const VERSIONS: [&str; 2] = ["2021-12-13", "2021-02-01"];

/// `/metadata/instance/compute`. A version that it does not know is answered with those it does.
pub(crate) fn answer(exchange: &Exchange) -> Reply {
    let is_asked_directly = exchange.headers.get("metadata").is_some_and(|value| value == "true");
    if exchange.method != Method::GET || !is_asked_directly {
        return Reply::json(
            StatusCode::BAD_REQUEST,
            &json!({ "error": "Bad request. Required metadata header not specified" }),
        );
    }
    match exchange.query.get("api-version") {
        Some(version) if VERSIONS.contains(&version) => {
            Reply::json(StatusCode::OK, &json!({ "location": REGION, "name": "emulator", "osType": "Linux" }))
        }
        _ => Reply::json(
            StatusCode::BAD_REQUEST,
            &json!({ "error": "Bad request. api-version is invalid or was not specified", "newest-versions": VERSIONS }),
        ),
    }
}
