//! Which region is meant, and what host that makes.

use std::time::Duration;

use entra_abstractions::{SystemClock, TenantId};

use super::*;

const INSTANCE: &str = "https://login.microsoftonline.com";

fn region(instance: &str, configured: Option<&str>, environment: &[(&str, &str)]) -> (Authority, Region) {
    let authority = Authority::new(instance, TenantId::new("contoso.example").unwrap()).unwrap();
    let around = Detection {
        environment: &Environment::from_pairs(environment.iter().copied()),
        http: &HttpSettings::default(),
        clock: Arc::new(SystemClock),
        delay: RetryDelay(Duration::ZERO),
        again_after: Duration::ZERO,
    };
    let region = Region::new(configured, &authority, around).unwrap();
    (authority, region)
}

/// The host that is asked; nothing for the global one.
fn host(instance: &str, configured: Option<&str>, environment: &[(&str, &str)]) -> Option<String> {
    let (authority, region) = region(instance, configured, environment);
    let Region::Named(region) = region else { return None };
    let endpoint = authority.token_endpoint(authority.tenant()).unwrap();
    let regional = regional(&authority, &endpoint, &region)?;
    assert_eq!(regional.path(), endpoint.path());
    Some(regional.authority().to_owned())
}

#[test]
fn every_alias_leads_to_the_regions_of_its_cloud() {
    for (instance, expected) in [
        ("https://login.microsoftonline.com", "westus2.login.microsoft.com"),
        ("https://login.windows.net", "westus2.login.microsoft.com"),
        ("https://sts.windows.net", "westus2.login.microsoft.com"),
        ("https://login.usgovcloudapi.net", "westus2.login.microsoftonline.us"),
        ("https://login.chinacloudapi.cn", "westus2.login.partner.microsoftonline.cn"),
        ("https://login.sovcloud-identity.fr", "westus2.login.sovcloud-identity.fr"),
        ("https://login.sovcloud-identity.de", "westus2.login.sovcloud-identity.de"),
        ("https://login.sovcloud-identity.sg", "westus2.login.sovcloud-identity.sg"),
        (
            "https://login.microsoftonline.eaglex.ic.example",
            "westus2.login.microsoftonline.eaglex.ic.example",
        ),
        ("https://login.example:8443", "westus2.login.example:8443"),
    ] {
        assert_eq!(host(instance, Some("WestUS2"), &[]).as_deref(), Some(expected), "{instance}");
    }
    for nowhere in ["http://localhost:5000", "http://127.0.0.1:5000", "https://10.0.0.1"] {
        assert_eq!(host(nowhere, Some("westus2"), &[]), None, "{nowhere}");
    }
}

#[test]
fn kinds_without_regions_have_none() {
    for other in ["https://contoso.ciamlogin.com", "https://fs.example/adfs", "https://h.example/dstsv2"] {
        assert!(matches!(region(other, Some("westus2"), &[]).1, Region::Global), "{other}");
    }
}

#[test]
fn the_switches_of_the_environment() {
    let host = |configured, environment: &[(&str, &str)]| host(INSTANCE, configured, environment);
    let (east, west) =
        (Some("eastus.login.microsoft.com".to_owned()), Some("westus2.login.microsoft.com".to_owned()));
    assert_eq!(host(None, &[]), None);
    assert_eq!(host(None, &[("REGION_NAME", "eastus")]), None, "nobody asked for regions");
    assert_eq!(host(None, &[("MSAL_FORCE_REGION", "eastus")]), east);
    assert_eq!(host(Some("westus2"), &[("MSAL_FORCE_REGION", "eastus")]), west);
    assert_eq!(host(Some("DisableMsalForceRegion"), &[("MSAL_FORCE_REGION", "eastus")]), None);
    assert_eq!(host(Some("westus2"), &[("MSAL_DISABLE_REGION", "1")]), None);
    assert_eq!(host(Some("TryAutoDetect"), &[("REGION_NAME", " East US ")]), east);
    for poison in ["evil.example/", "a.b", "west\nus", "west@us", "westus²", "westus?"] {
        assert_eq!(host(None, &[("MSAL_FORCE_REGION", poison)]), None, "{poison:?}");
        let (_, region) = region(INSTANCE, Some("TryAutoDetect"), &[("REGION_NAME", poison)]);
        assert!(matches!(region, Region::Detected(_)), "{poison:?}");
    }
}
