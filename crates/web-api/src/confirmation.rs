//! Whether a token may be shown as it was: what is bound to a certificate, over a connection with that
//! one only; what is not, as a bearer token only (RFC 8705 section 3).

use serde::Deserialize;

use crate::{ClientCertificate, Flaw, json::Members};

/// How a token was shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown<'a> {
    Bearer,
    /// As bound, over a connection with this certificate, or with none.
    Bound(Option<&'a ClientCertificate>),
}

#[derive(Deserialize)]
struct Confirmed {
    cnf: Confirmation,
}

#[derive(Deserialize)]
struct Confirmation {
    #[serde(rename = "x5t#S256")]
    certificate: Option<String>,
}

/// Compares what a validated token confirms with what was shown.
// Unlike .NET's sample: it reads the token unvalidated, and lets pass what comes without a certificate.
pub(crate) fn check(claims: &Members<'_>, payload: &str, shown: Shown<'_>) -> Result<(), Flaw> {
    let certificate = if claims.has("cnf") {
        // Whatever else it confirms is for those who understand it (RFC 7800 section 3.1).
        let confirmed: Confirmed = serde_json::from_str(payload)
            .map_err(|_unsaid| Flaw::Malformed("the token's confirmation (cnf) cannot be read"))?;
        confirmed.cnf.certificate
    } else {
        None
    };
    match (certificate, shown) {
        (None, Shown::Bearer) => Ok(()),
        (None, Shown::Bound(_)) => Err(Flaw::Unbound),
        (Some(_), Shown::Bearer) => Err(Flaw::BoundAsBearer),
        (Some(_), Shown::Bound(None)) => Err(Flaw::NoCertificate),
        (Some(named), Shown::Bound(Some(shown))) if shown.is(&named) => Ok(()),
        (Some(_), Shown::Bound(Some(_))) => Err(Flaw::AnotherCertificate),
    }
}
