//! Whether the issuer that metadata name may speak for the provider that was asked.

use entra_abstractions::Cloud;
use url::Url;

/// Whether metadata that were found at `document` may name this issuer.
///
/// RFC 8414 section 3.3 wants the very URL that was asked. Entra names tenants by their id whatever
/// name was asked for, and stands behind domains of its customers.
pub(super) fn speaks_for(document: &Url, issuer: &str) -> bool {
    let Ok(issuer) = Url::parse(issuer) else { return false };
    issuer.origin() == document.origin() || is_entras(&issuer) || is_external_id(document, &issuer)
}

/// One of Entra's hosts, or a region of one.
fn is_entras(issuer: &Url) -> bool {
    let host = issuer.host_str().unwrap_or_default();
    let above = host.split_once('.').map(|(_, above)| above);
    issuer.scheme() == "https"
        && issuer.port().is_none()
        && (Cloud::of_host(host).is_some() || above.is_some_and(|host| Cloud::of_host(host).is_some()))
}

/// Entra External ID names its issuer after the tenant, on a host of the tenant's.
fn is_external_id(document: &Url, issuer: &Url) -> bool {
    let Some(tenant) = document.path_segments().and_then(|mut path| path.next()) else { return false };
    let host = format!("{tenant}.ciamlogin.com");
    let paths = ["/".to_owned(), format!("/{tenant}"), format!("/{tenant}/v2.0")];
    issuer.scheme() == "https"
        && issuer.port().is_none()
        && !tenant.is_empty()
        && issuer.host_str().is_some_and(|known| known.eq_ignore_ascii_case(&host))
        && paths.iter().any(|path| issuer.path().eq_ignore_ascii_case(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

    fn check(authority: &str, issuer: &str, expected: bool) {
        let document = Url::parse(&format!("{authority}/.well-known/openid-configuration")).unwrap();
        assert_eq!(speaks_for(&document, issuer), expected, "{issuer} for {authority}");
    }

    #[test]
    fn the_providers_own_host_or_entras() {
        let own = "https://idp.example/realms/x";
        check(own, own, true);
        check(own, "https://IDP.example:443/realms/y", true);
        for cloud in Cloud::ALL {
            for host in cloud.hosts() {
                check("https://login.contoso.example/t", &format!("https://{host}/{GUID}/v2.0"), true);
                check(
                    "https://login.contoso.example/t",
                    &format!("https://westus2.{host}/{GUID}/v2.0"),
                    true,
                );
            }
        }
    }

    #[test]
    fn the_forms_of_external_id() {
        let own = format!("https://login.contoso.example/{GUID}/v2.0");
        for path in ["", "/", &format!("/{GUID}"), &format!("/{GUID}/v2.0")] {
            check(&own, &format!("https://{GUID}.ciamlogin.com{path}"), true);
        }
        check(&own, &format!("https://{GUID}.ciamlogin.com/{GUID}/v3.0"), false);
        check(&own, "https://other.ciamlogin.com/other/v2.0", false);
        check(&own, &format!("http://{GUID}.ciamlogin.com/"), false);
        check("https://login.contoso.example", "https://.ciamlogin.com/", false);
    }

    #[test]
    fn strangers_and_lookalikes() {
        let own = "https://idp.example/realm";
        for stranger in [
            "",
            "idp.example",
            "https://another.example/realm",
            "http://idp.example/realm",
            "https://idp.example:8443/realm",
            "https://idp.example.evil.example/realm",
            "https://westus2.idp.example/realm",
            "https://fakelogin.microsoftonline.com.evil.example/t",
            "https://evillogin.microsoftonline.com/t",
            "https://a.b.login.microsoftonline.com/t",
            "http://login.microsoftonline.com/t",
            "https://login.microsoftonline.com:8443/t",
            "https://login.microsoftonline.com@evil.example/t",
            "https://fakeb2clogin.com/t",
        ] {
            check(own, stranger, false);
        }
        check("https://login.microsoftonline.com/t", "https://idp.example/t", false);
    }
}
