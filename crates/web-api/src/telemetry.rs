//! What this crate tells of callers: the names are in `docs/observability.md`, and a test compares.
//!
//! Never in it: a token, or a claim of one.

use std::{error::Error, fmt};

use entra_abstractions::{CorrelationId, Unavailable};
use tracing::{error, info, warn};

use crate::denial::Flaw;

/// Under which all is told, wherever in the crate it stands.
const TARGET: &str = "entra_web_api";

/// A caller's token is not let in.
pub(crate) fn refused(flaw: &Flaw) {
    info!(name: "caller.refused", target: TARGET, %flaw, "a token was refused");
}

/// A caller's token cannot be checked.
pub(crate) fn unchecked(outage: &Unavailable) {
    warn!(name: "caller.unchecked", target: TARGET, %outage, "a token could not be checked");
}

/// The issuer's signing keys could not be fetched.
pub(crate) fn keys_unfetched(host: &str, outage: &Unavailable, keeps_old_keys: bool) {
    warn!(
        name: "keys.unfetched",
        target: TARGET,
        host,
        %outage,
        keeps_old_keys,
        "the signing keys could not be fetched"
    );
}

/// A request is answered 500.
pub(crate) fn failed(correlation_id: CorrelationId, error: &(dyn Error + 'static)) {
    error!(name: "request.failed", target: TARGET, %correlation_id, error = %Chain(error), "a request failed");
}

/// An error and its sources in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut link = self.0.source();
        while let Some(current) = link {
            write!(f, ": {current}")?;
            link = current.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    /// Each name is in the document, with its fields.
    #[test]
    fn the_document_has_them() {
        let document = include_str!("../../../docs/observability.md");
        let source = include_str!("telemetry.rs").split("#[cfg(test)]").next().unwrap();
        for row in [
            "`caller.refused` | event | info | `flaw`",
            "`caller.unchecked` | event | warn | `outage`",
            "`keys.unfetched` | event | warn | `host`, `outage`, `keeps_old_keys`",
            "`request.failed` | event | error | `correlation_id`, `error`",
        ] {
            let name = row.split('`').nth(1).unwrap();
            assert!(source.contains(&format!("name: \"{name}\"")), "{name} is not told");
            assert!(document.contains(&format!("| {row} |")), "{row} is not in the document");
        }
        assert_eq!(source.matches("target: TARGET").count(), 4, "something more is told");
    }
}
