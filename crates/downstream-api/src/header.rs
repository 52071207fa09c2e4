//! Which headers a caller may add, and which are the library's or the network's own.

use entra_abstractions::Misconfigured;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::telemetry;

/// Adds a header that configuration or a caller gave; one of that name that they gave before is
/// replaced. A reserved one is passed over with a warning, as .NET does.
pub(crate) fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Misconfigured> {
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|source| {
        Misconfigured::new(format!("\"{}\" is not a header's name", name.escape_debug())).with_source(source)
    })?;
    if is_reserved(&name) {
        telemetry::reserved(&name);
        return Ok(());
    }
    headers.insert(name.clone(), value_of(name.as_str(), value)?);
    Ok(())
}

/// A header's value. It may be an API key, so it is never printed.
pub(crate) fn value_of(name: &str, value: &str) -> Result<HeaderValue, Misconfigured> {
    let mut value = HeaderValue::from_str(value.trim())
        .map_err(|_source| Misconfigured::new(format!("the value of {name} cannot stand in a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Who is called and who calls is not the caller's to say: `Authorization` is this library's, the
/// rest belongs to the proxies and gateways in front of an API, or to the connection.
/// `x-ms-tokenboundauth` is not among them: Key Vault wants it.
fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    RESERVED.iter().any(|reserved| reserved.as_str() == name)
        || RESERVED_NAMES.contains(&name)
        || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

const RESERVED: &[HeaderName] = &[
    header::AUTHORIZATION,
    header::COOKIE,
    header::HOST,
    // Said by `accept` and `content_type`, or by the body.
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    // RFC 9110 section 7.6.1: they belong to one connection.
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

const RESERVED_NAMES: &[&str] = &[
    "keep-alive",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-idp",
    "x-ms-client-principal-name",
    "x-original-url",
];

const RESERVED_PREFIXES: &[&str] = &["proxy-", "sec-", "x-forwarded-", "x-ms-token-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_headers_are_passed_over() {
        for name in [
            "Authorization",
            "COOKIE",
            "Host",
            "X-Original-URL",
            "X-MS-CLIENT-PRINCIPAL",
            "X-MS-CLIENT-PRINCIPAL-ID",
            "X-MS-CLIENT-PRINCIPAL-NAME",
            "X-MS-CLIENT-PRINCIPAL-IDP",
            "X-Forwarded-For",
            "x-forwarded-host",
            "X-MS-TOKEN-AAD-ACCESS-TOKEN",
            "Content-Length",
            "Content-Type",
            "Accept",
            "Connection",
            "Keep-Alive",
            "Transfer-Encoding",
            "TE",
            "Trailer",
            "Upgrade",
            "Proxy-Authorization",
            "Sec-Fetch-Site",
            "Expect",
        ] {
            let mut headers = HeaderMap::new();
            add(&mut headers, name, "forged").unwrap();
            assert!(headers.is_empty(), "{name} was let in");
        }
    }

    #[test]
    fn other_headers_are_sent_once_and_not_shown() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-ms-tokenboundauth", "true"), ("X-Key", "old"), ("x-key", "s3cret?%G&=")] {
            add(&mut headers, name, value).unwrap();
        }
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["X-Key"], "s3cret?%G&=");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[test]
    fn hostile_names_and_values_are_refused_without_being_shown() {
        for (name, value) in
            [("a b", "x"), ("", "x"), ("x\r\ny", "x"), ("x", "a\r\ns3cret: 1"), ("x", "s3cret\u{0}")]
        {
            let error = add(&mut HeaderMap::new(), name, value).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
