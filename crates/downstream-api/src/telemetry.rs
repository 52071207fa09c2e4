//! What this crate tells of calls: the names are in `docs/observability.md`, and a test compares.
//!
//! Never in it: what is sent or answered, a path, a query, a header's value.

use http::{HeaderName, StatusCode};
use tracing::{Span, debug, info_span, level_filters::LevelFilter, warn};

use crate::error::Asked;

/// Under which all is told, wherever in the crate it stands.
const TARGET: &str = "entra_downstream_api";

/// One request to an API, from its start to its answer; where nobody may listen, no more than a look.
#[inline]
pub(crate) fn calling(asked: &Asked) -> Option<Span> {
    (LevelFilter::current() >= LevelFilter::INFO).then(|| call_span(asked))
}

#[cold]
fn call_span(asked: &Asked) -> Span {
    info_span!(
        target: TARGET,
        "api.call",
        api = %asked.api,
        otel.kind = "client",
        http.request.method = %asked.method,
        server.address = %asked.host,
    )
}

/// An API answered, whatever.
#[inline]
pub(crate) fn called(asked: &Asked, status: StatusCode) {
    if LevelFilter::current() >= LevelFilter::DEBUG {
        tell_called(asked, status);
    }
}

#[cold]
fn tell_called(asked: &Asked, status: StatusCode) {
    debug!(
        name: "api.called",
        target: TARGET,
        api = %asked.api,
        method = %asked.method,
        status = status.as_u16(),
        "called"
    );
}

/// An API asks for claims, and is called once more with a token that has them.
pub(crate) fn challenged(asked: &Asked) {
    debug!(name: "api.challenged", target: TARGET, api = %asked.api, "the API asks for claims; once more with them");
}

/// A header that is not the caller's to give.
pub(crate) fn reserved(header: &HeaderName) {
    warn!(name: "api.header_reserved", target: TARGET, %header, "a reserved header was given and is not sent");
}

#[cfg(test)]
mod tests {
    /// Each name is in the document, with its fields.
    #[test]
    fn the_document_has_them() {
        let document = include_str!("../../../docs/observability.md");
        let source = include_str!("telemetry.rs").split("#[cfg(test)]").next().unwrap();
        for row in [
            "`api.call` | span | info | `api`, `otel.kind`, `http.request.method`, `server.address`",
            "`api.called` | event | debug | `api`, `method`, `status`",
            "`api.challenged` | event | debug | `api`",
            "`api.header_reserved` | event | warn | `header`",
        ] {
            let name = row.split('`').nth(1).unwrap();
            assert!(source.contains(&format!("\"{name}\"")), "{name} is not told");
            assert!(document.contains(&format!("| {row} |")), "{row} is not in the document");
        }
        assert_eq!(source.matches("target: TARGET").count(), 4, "something more is told");
    }
}
