//! Which address the caller used, and the authority addresses that follow from it.
//!
//! Everything the emulator says about itself (metadata, issuers) is built on the host that was asked, so that a client
//! sees the authority it was configured with.

use http::HeaderMap;
use http::header::HOST;

use crate::user_flow::UserFlow;

/// Scheme and host (with port) of one request.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    base: String,
    asked: String,
    user_flow: Option<UserFlow>,
}

impl Origin {
    pub(crate) fn new(scheme: &str, host: &str) -> Self {
        Self {
            base: format!("{scheme}://{}", canonical(host)),
            asked: format!("{scheme}://{host}"),
            user_flow: None,
        }
    }

    /// The same, for a path that may name a user flow of B2C.
    pub(crate) fn below(self, path: &str) -> Self {
        let mut segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        Self { user_flow: UserFlow::take_out(&mut segments), ..self }
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

    /// Whether certificates are taken at the address that was asked: at Entra, not where one signs in.
    pub(crate) fn takes_certificates(&self) -> bool {
        let host = self.asked.split_once("://").map_or("", |(_, host)| host);
        !host.starts_with("login.") && !host.contains(".login.")
    }

    /// The user flow through which whoever asks here comes.
    pub(crate) fn user_flow(&self) -> Option<&UserFlow> {
        self.user_flow.as_ref()
    }

    pub(crate) fn host(&self) -> &str {
        self.base.split_once("://").map_or("", |(_, host)| host)
    }

    /// `https://localhost:4711/{tenant}`
    pub(crate) fn authority(&self, tenant: &str) -> String {
        match &self.user_flow {
            Some(user_flow) => user_flow.authority(&self.base, tenant),
            None => format!("{}/{tenant}", self.base),
        }
    }

    /// The issuer of v2 tokens. External ID calls itself by the tenant's id, whatever name it was asked by.
    pub(crate) fn issuer(&self, tenant_id: &str) -> String {
        if let Some(user_flow) = &self.user_flow {
            return user_flow.issuer(&self.base, tenant_id);
        }
        match self.base.split_once("://").and_then(|(scheme, host)| Some((scheme, host.split_once('.')?.1))) {
            Some((scheme, EXTERNAL_ID)) => format!("{scheme}://{tenant_id}.{EXTERNAL_ID}/{tenant_id}/v2.0"),
            _ => format!("{}/{tenant_id}/v2.0", self.base),
        }
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
    // Each cloud takes client certificates at a host of its own, in its regions, too.
    let mtls = host.find("mtlsauth.").and_then(|at| host.get(at + "mtlsauth.".len()..));
    match mtls {
        Some("microsoft.com") => "login.microsoftonline.com",
        Some("microsoftonline.us") => "login.microsoftonline.us",
        Some("partner.microsoftonline.cn") => "login.partner.microsoftonline.cn",
        Some("sovcloud-identity.fr") => "login.sovcloud-identity.fr",
        Some("sovcloud-identity.de") => "login.sovcloud-identity.de",
        Some("sovcloud-identity.sg") => "login.sovcloud-identity.sg",
        _ if regional || PUBLIC_CLOUD.contains(&host) => "login.microsoftonline.com",
        _ => host,
    }
}

/// Tenants of External ID are hosts below this one.
const EXTERNAL_ID: &str = "ciamlogin.com";

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

    #[test]
    fn external_id_and_user_flows_have_issuers_of_their_own() {
        let issuer = |host: &str, path: &str| Origin::new("https", host).below(path).issuer("id");
        assert_eq!(issuer("contoso.ciamlogin.com", "/contoso/"), "https://id.ciamlogin.com/id/v2.0");
        assert_eq!(issuer("evilciamlogin.com", "/contoso/"), "https://evilciamlogin.com/id/v2.0");
        assert_eq!(issuer("f.b2clogin.com", "/f/B2C_1_susi/v2.0"), "https://f.b2clogin.com/id/v2.0/");
        assert_eq!(
            issuer("f.b2clogin.com", "/tfp/f/B2C_1_susi"),
            "https://f.b2clogin.com/tfp/id/b2c_1_susi/v2.0/"
        );
    }
}
