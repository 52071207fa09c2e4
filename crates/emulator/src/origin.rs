//! Which address the caller used, and the authority addresses that follow from it.
//!
//! Everything the emulator says about itself (metadata, issuers) is built on the host that was asked, so that a client
//! sees the authority it was configured with.

use http::HeaderMap;
use http::header::HOST;

/// Scheme and host (with port) of one request.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    base: String,
    asked: String,
}

impl Origin {
    pub(crate) fn new(scheme: &str, host: &str) -> Self {
        Self { base: format!("{scheme}://{}", canonical(host)), asked: format!("{scheme}://{host}") }
    }

    /// HTTP/2 carries the host in the request's authority, HTTP/1.1 in a header.
    pub(crate) fn of(scheme: &str, headers: &HeaderMap, uri: &http::Uri, otherwise: &str) -> Self {
        let named = uri
            .authority()
            .map(http::uri::Authority::as_str)
            .or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()));
        Self::new(scheme, named.unwrap_or(otherwise))
    }

    /// `https://localhost:4711`
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The address that was really asked: a regional host is not what tokens call the issuer.
    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    pub(crate) fn host(&self) -> &str {
        self.base.split_once("://").map_or("", |(_, host)| host)
    }

    /// `https://localhost:4711/{tenant}`
    pub(crate) fn authority(&self, tenant: &str) -> String {
        format!("{}/{tenant}", self.base)
    }

    /// The issuer of v2 tokens.
    pub(crate) fn issuer(&self, tenant_id: &str) -> String {
        format!("{}/{tenant_id}/v2.0", self.base)
    }
}

/// The issuer of v1 tokens is the same at every address, as at Entra.
pub(crate) fn issuer_v1(tenant_id: &str) -> String {
    format!("https://sts.windows.net/{tenant_id}/")
}

/// Entra's public cloud answers under several names and in many regions, and calls itself by one.
/// They reach the emulator where a test machine resolves them to loopback.
fn canonical(host: &str) -> &str {
    let regional = host.ends_with(".login.microsoft.com") || host.ends_with(".login.microsoftonline.com");
    if regional || PUBLIC_CLOUD.contains(&host) { "login.microsoftonline.com" } else { host }
}

pub(crate) const PUBLIC_CLOUD: [&str; 4] =
    ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regional_host_speaks_for_the_public_cloud_and_any_other_for_itself() {
        assert_eq!(
            Origin::new("https", "westus2.login.microsoft.com").base(),
            "https://login.microsoftonline.com"
        );
        assert_eq!(Origin::new("http", "localhost:80").issuer("t"), "http://localhost:80/t/v2.0");
        assert_eq!(Origin::new("http", "localhost:80").host(), "localhost:80");
    }
}
