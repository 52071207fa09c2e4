//! An authority, as somebody may write it: on the first line a URL, on the second a tenant.

use entra_abstractions::{Authority, AuthorityKind, Misconfigured, TenantId, is_safe};
use url::Url;

use crate::spelled::{is_telling, spelled};

/// Whatever is accepted leads to the host that was named, over https, below the tenant that was
/// named, and is the same authority when it is written again.
///
/// # Panics
/// Where that does not hold.
pub fn authority(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (url, tenant) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(authority) = judged(url, Authority::parse(url)) {
        let metadata = authority.metadata_endpoint(authority.tenant());
        let written = metadata.as_str().replace("/.well-known/openid-configuration", "");
        assert_eq!(Authority::parse(&written).ok(), Some(authority), "written: {written}");
    }
    if let Ok(tenant) = TenantId::new(tenant)
        && let Some(authority) = judged(url, Authority::new(url, tenant.clone()))
    {
        let path = match authority.kind() {
            AuthorityKind::Adfs => "adfs",
            AuthorityKind::Dsts => "dstsv2",
            AuthorityKind::Aad | AuthorityKind::Ciam => "",
            // An instance and a tenant are neither: then the path below does not lead back.
            AuthorityKind::B2c | AuthorityKind::Oidc => "neither/of/these",
        };
        assert!(authority.kind() == AuthorityKind::Adfs || authority.tenant() == &tenant);
        let again = Authority::new(&format!("{}{path}", authority.instance()), tenant);
        assert_eq!(again.ok(), Some(authority));
    }
}

fn judged(url: &str, authority: Result<Authority, Misconfigured>) -> Option<Authority> {
    let written = Url::parse(url.trim());
    let authority = match authority {
        Ok(authority) => authority,
        Err(fault) => {
            let told = spelled(&fault);
            assert!(told.len() <= 2 * url.len() + 1024, "an endless fault: {told}");
            assert!(!fault.to_string().contains(char::is_control), "a fault of several lines: {told:?}");
            assert_hidden(&told, written.ok().as_ref());
            return None;
        }
    };
    assert!(written.is_ok(), "accepted, and not a URL");
    let tenant = authority.tenant();
    let metadata = authority.metadata_endpoint(tenant);
    check_host(&metadata, written.as_ref().ok());
    // How many segments the endpoints and the metadata have: no name has left its place.
    let (of_endpoint, of_metadata) = match authority.kind() {
        AuthorityKind::Aad | AuthorityKind::Ciam => (4, 4),
        AuthorityKind::B2c => (6, if metadata.path().starts_with("/tfp/") { 6 } else { 5 }),
        AuthorityKind::Adfs => (3, 3),
        AuthorityKind::Dsts => (5, 5),
        // The path is the provider's own.
        AuthorityKind::Oidc => return Some(authority),
    };
    let endpoints = [authority.token_endpoint(tenant), authority.authorize_endpoint(tenant)];
    for (endpoint, count) in
        endpoints.into_iter().flatten().map(|url| (url, of_endpoint)).chain([(metadata, of_metadata)])
    {
        check_host(&endpoint, written.as_ref().ok());
        assert_eq!((endpoint.query(), endpoint.fragment()), (None, None), "{endpoint}");
        let segments: Vec<_> = endpoint.path_segments().into_iter().flatten().collect();
        assert_eq!(segments.len(), count, "{endpoint}");
        assert!(segments.iter().all(|segment| !segment.is_empty()), "{endpoint}");
    }
    Some(authority)
}

fn check_host(endpoint: &Url, named: Option<&Url>) {
    assert!(is_safe(endpoint), "secrets would be sent to {endpoint}");
    assert_eq!(Some(endpoint.origin()), named.map(Url::origin), "another host than was named");
    assert!(endpoint.username().is_empty() && endpoint.password().is_none(), "{endpoint}");
}

/// A password in the URL, or what stands in its query, is not repeated.
fn assert_hidden(told: &str, url: Option<&Url>) {
    let Some(url) = url else { return };
    let rest = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
    for secret in [url.password(), url.query(), url.fragment()].into_iter().flatten() {
        let is_secret = is_telling(secret) && !rest.contains(secret);
        assert!(!(is_secret && told.contains(secret)), "the fault repeats a password or query: {told}");
    }
}
