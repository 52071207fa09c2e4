//! Which keys are an authority, of which kind and with which endpoints; and what is told of those
//! that are none.

use serde_json::{Value, json};

use super::*;
use crate::{Faults, Section};

fn read(section: &Value) -> Result<Authority, String> {
    let mut faults = Faults::default();
    let authority = Authority::from_section(&Section::new("AzureAd", section.clone()), &mut faults);
    authority.ok_or_else(|| faults.into_error().to_string())
}

/// The token endpoint of the configured tenant, or what is told.
fn check(section: &Value, expected: &str) {
    let found = match read(section) {
        Ok(authority) => authority.token_endpoint(authority.tenant()).map_or_else(
            || format!("discovered: {}", authority.metadata_endpoint(authority.tenant())),
            |url| url.to_string(),
        ),
        Err(told) => told,
    };
    assert!(found.starts_with(expected), "{section}\n{found}\n{expected}");
}

const GUID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

#[test]
fn instance_and_tenant() {
    let expected = "https://login.microsoftonline.us/contoso.example/oauth2/v2.0/token";
    check(&json!({"Instance": "https://login.microsoftonline.us", "TenantId": "contoso.example"}), expected);
    check(&json!({"Authority": "https://login.microsoftonline.us/contoso.example/v2.0?dc=x#y"}), expected);
    check(
        &json!({"Authority": "HTTPS://LOGIN.MICROSOFTONLINE.US:443//contoso.example//v2.0/more"}),
        expected,
    );
    check(&json!({"Instance": "http://127.0.0.1:5000/", "TenantId": "t"}), "http://127.0.0.1:5000/t/");
    check(
        &json!({"Instance": "https://login.microsoftonline.us", "TenantId": "contoso.example", "SignUpSignInPolicyId": " "}),
        expected,
    );
    check(&json!({"AzureCloudInstance": "AzureUsGovernment", "TenantId": "contoso.example"}), expected);
    check(
        &json!({"Instance": "https://login.windows.net", "AzureCloudInstance": "AzurePublic", "AadAuthorityAudience": "AzureAdMultipleOrgs"}),
        "https://login.windows.net/organizations/",
    );
    check(
        &json!({"Instance": "https://login.example", "AzureCloudInstance": "None", "AadAuthorityAudience": "AzureAdMyOrg", "TenantId": "t"}),
        "https://login.example/t/",
    );
}

#[test]
fn azure_ad_b2c() {
    let susi = json!("B2C_1_susi");
    let expected =
        "https://fabrikamb2c.b2clogin.com/tfp/fabrikamb2c.onmicrosoft.com/B2C_1_susi/oauth2/v2.0/token";
    let domain = "fabrikamb2c.onmicrosoft.com";
    for instance in ["https://fabrikamb2c.b2clogin.com/", "https://fabrikamb2c.b2clogin.com/tfp/"] {
        let whole =
            json!({"Instance": instance, "Domain": domain, "TenantId": GUID, "SignUpSignInPolicyId": susi});
        check(&whole, expected);
        check(&json!({"Instance": instance, "TenantId": domain, "SignUpSignInPolicyId": susi}), expected);
        check(
            &json!({"Instance": instance, "TenantId": GUID}),
            "AzureAd.Instance: an authority of Azure AD B2C without a user flow",
        );
    }
    for authority in [
        "https://fabrikamb2c.b2clogin.com/tfp/fabrikamb2c.onmicrosoft.com/B2C_1_susi/v2.0",
        "https://fabrikamb2c.b2clogin.com/fabrikamb2c.onmicrosoft.com/B2C_1_susi",
    ] {
        check(&json!({"Authority": authority}), expected);
        check(
            &json!({"Authority": authority, "Instance": "https://fabrikamb2c.b2clogin.com/", "Domain": domain, "TenantId": GUID, "SignUpSignInPolicyId": "b2c_1_SUSI"}),
            expected,
        );
        check(
            &json!({"Authority": authority, "SignUpSignInPolicyId": "B2C_1_other"}),
            "AzureAd.Authority: Authority and SignUpSignInPolicyId disagree",
        );
        check(
            &json!({"Authority": authority, "Domain": "other.onmicrosoft.com", "SignUpSignInPolicyId": susi}),
            "AzureAd.Authority: Authority and Domain disagree",
        );
    }
    check(
        &json!({"Instance": "https://login.contoso.example", "Domain": domain, "SignUpSignInPolicyId": susi}),
        "https://login.contoso.example/tfp/fabrikamb2c.onmicrosoft.com/B2C_1_susi/oauth2/v2.0/token",
    );
    check(
        &json!({"Authority": "https://login.contoso.example/contoso.onmicrosoft.com/b2c_1a_signin/v2.0"}),
        "https://login.contoso.example/tfp/",
    );
    check(
        &json!({"Instance": "https://fabrikamb2c.b2clogin.com", "SignUpSignInPolicyId": susi}),
        "AzureAd.Domain: missing (the domain of the B2C tenant",
    );
    check(
        &json!({"Instance": "https://fabrikamb2c.b2clogin.com", "Domain": domain, "SignUpSignInPolicyId": "../susi"}),
        "AzureAd.SignUpSignInPolicyId: not the name of a user flow (such as B2C_1_susi)",
    );
    check(
        &json!({"Authority": "https://fabrikamb2c.b2clogin.com/tfp/fabrikamb2c.onmicrosoft.com"}),
        "AzureAd.Authority: an authority of Azure AD B2C without a user flow",
    );
    check(
        &json!({"Instance": "https://contoso.ciamlogin.com", "TenantId": "t", "SignUpSignInPolicyId": susi}),
        "AzureAd.Instance: not an authority of Azure AD B2C",
    );
}

#[test]
fn the_metadata_of_a_user_flow_stand_where_they_are_written() {
    let metadata = |instance: &str| {
        let section =
            json!({"Instance": instance, "Domain": "d.example", "SignUpSignInPolicyId": "B2C_1_susi"});
        let authority = read(&section).unwrap();
        assert!(!authority.has_tenants() && authority.metadata_endpoint_v1(authority.tenant()).is_none());
        authority.metadata_endpoint(authority.tenant()).path().to_owned()
    };
    assert_eq!(
        metadata("https://f.b2clogin.com"),
        "/d.example/B2C_1_susi/v2.0/.well-known/openid-configuration"
    );
    assert_eq!(
        metadata("https://f.b2clogin.com/tfp"),
        "/tfp/d.example/B2C_1_susi/v2.0/.well-known/openid-configuration"
    );
}

#[test]
fn entra_external_id() {
    let inferred = "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token";
    check(&json!({"Authority": "https://contoso.ciamlogin.com/"}), inferred);
    check(&json!({"Instance": "https://contoso.ciamlogin.com"}), inferred);
    let named = format!("https://contoso.ciamlogin.com/{GUID}/oauth2/v2.0/token");
    check(&json!({"Authority": format!("https://contoso.ciamlogin.com/{GUID}/v2.0")}), &named);
    check(&json!({"Instance": "https://contoso.ciamlogin.com/", "TenantId": GUID}), &named);
    check(&json!({"Authority": "https://contoso.ciamlogin.com/", "TenantId": GUID}), &named);
    check(
        &json!({"Authority": format!("https://login.contoso.example/{GUID}/v2.0")}),
        &format!("https://login.contoso.example/{GUID}/oauth2/v2.0/token"),
    );
    check(&json!({"Instance": "https://.ciamlogin.com"}), "AzureAd.Instance: ");
}

#[test]
fn federation_services_and_dsts() {
    let adfs = "https://fs.contoso.example/adfs/oauth2/token";
    check(&json!({"Authority": "https://fs.contoso.example/adfs/"}), adfs);
    check(&json!({"Instance": "https://fs.contoso.example/adfs"}), adfs);
    check(&json!({"Instance": "https://fs.contoso.example/", "TenantId": "adfs"}), adfs);
    let dsts =
        "https://host.dsts.core.azure-test.net/dstsv2/7a433bfc-2514-4697-b467-e0933190487f/oauth2/v2.0/token";
    let tenant = "7a433bfc-2514-4697-b467-e0933190487f";
    let instance = "https://host.dsts.core.azure-test.net/dstsv2";
    check(&json!({"Instance": instance, "TenantId": tenant}), dsts);
    check(&json!({"Authority": format!("{instance}/{tenant}/more")}), dsts);
    check(&json!({"Authority": instance, "TenantId": tenant}), dsts);
    check(
        &json!({"Authority": instance}),
        "AzureAd.Authority: the authority names no tenant (write it as https://{host}/dstsv2/{tenant})",
    );
    check(&json!({"Instance": instance}), "AzureAd.TenantId: missing");
}

#[test]
fn other_providers_are_those_whose_path_names_no_tenant() {
    for (url, document) in [
        ("https://idp.example.com/realm", "https://idp.example.com/realm/.well-known/openid-configuration"),
        (
            "https://idp.example/realms/x/?policy=p",
            "https://idp.example/realms/x/.well-known/openid-configuration?policy=p",
        ),
        ("https://accounts.example", "https://accounts.example/.well-known/openid-configuration"),
        ("https://accounts.example/?", "https://accounts.example/.well-known/openid-configuration"),
        ("https://idp.example/v2.0", "https://idp.example/v2.0/.well-known/openid-configuration"),
        (
            "https://idp.example/contoso.example/oauth2",
            "https://idp.example/contoso.example/oauth2/.well-known/openid-configuration",
        ),
    ] {
        check(&json!({"Authority": url}), &format!("discovered: {document}"));
        assert_eq!(Authority::discovered(url).unwrap(), Authority::parse(url).unwrap());
    }
    let entras = Authority::discovered("https://login.microsoftonline.com/t/v2.0").unwrap();
    assert_eq!((entras.kind(), entras.has_tenants()), (AuthorityKind::Oidc, false));
    // Beside its tenant it is an Entra whose tenant has an odd name.
    check(
        &json!({"Authority": "https://idp.example.com/realm", "TenantId": "realm"}),
        "https://idp.example.com/realm/oauth2/v2.0/token",
    );
    check(
        &json!({"Authority": "https://idp.example.com/realm", "TenantId": "other"}),
        "AzureAd.Authority: Authority and TenantId disagree (only Entra has",
    );
}

#[test]
fn agreeing_twice_is_fine_and_disagreeing_is_refused() {
    let authority = "https://login.microsoftonline.com/contoso.example/v2.0";
    for instance in ["https://login.microsoftonline.com", "https://login.windows.net/"] {
        check(
            &json!({"Authority": authority, "Instance": instance, "TenantId": "Contoso.example"}),
            "https://login.microsoftonline.com/contoso.example/",
        );
    }
    for (key, value) in [
        ("TenantId", "fabrikam.example"),
        ("Instance", "https://login.microsoftonline.us"),
        ("Instance", "https://login.microsoftonline.com:8443"),
        ("AzureCloudInstance", "AzureChina"),
        ("AadAuthorityAudience", "AzureAdMultipleOrgs"),
    ] {
        check(
            &json!({"Authority": authority, key: value}),
            &format!("AzureAd.Authority: Authority and {key} disagree (keep Instance"),
        );
    }
    check(
        &json!({"Instance": "https://login.microsoftonline.com", "AzureCloudInstance": "AzureChina", "TenantId": "t"}),
        "AzureAd.AzureCloudInstance: AzureCloudInstance and Instance disagree (keep Instance, and remove AzureCloudInstance)",
    );
    check(
        &json!({"Instance": "https://login.microsoftonline.com", "AadAuthorityAudience": "PersonalMicrosoftAccount", "TenantId": "t"}),
        "AzureAd.AadAuthorityAudience: AadAuthorityAudience and TenantId disagree",
    );
}

#[test]
fn one_fault_hides_no_other() {
    check(
        &json!({
            "Authority": "https://login.microsoftonline.com/contoso.example",
            "Instance": "https://login.microsoftonline.us", "TenantId": "your-tenant-id",
        }),
        "2 faults: AzureAd.TenantId: \"your-tenant-id\" is a placeholder, not a tenant id (put in the tenant id \
         that the Entra admin center shows); AzureAd.Authority: Authority and Instance disagree",
    );
    check(
        &json!({"Instance": "http://login.example", "TenantId": "your-tenant-id"}),
        "2 faults: AzureAd.Instance: not an https URL",
    );
    check(&json!({"Instance": "http://login.example"}), "2 faults: AzureAd.Instance: not an https URL");
}

#[test]
fn what_is_missing_or_unsafe() {
    check(&json!({}), "2 faults: AzureAd.Instance: missing");
    check(&json!({"Instance": "https://login.microsoftonline.com"}), "AzureAd.TenantId: missing");
    for (instance, told) in [
        ("http://login.example", "not an https URL"),
        ("https://u:p@login.example", "the URL holds"),
        ("https://login.example/some/path", "the instance has a path"),
        ("https://login.example/?secret=s3cret", "the instance has a query or a fragment ("),
        ("login.example", "not an absolute URL"),
        ("https://log in.example", "not an absolute URL"),
        ("<instance>", "a placeholder"),
    ] {
        check(&json!({"Instance": instance, "TenantId": "t"}), &format!("AzureAd.Instance: {told}"));
    }
    check(
        &json!({"Instance": "https://login.example", "TenantId": "your-tenant-id"}),
        "AzureAd.TenantId: \"your-",
    );
    check(
        &json!({"Authority": "https://login.microsoftonline.com/"}),
        "AzureAd.Authority: the authority names no tenant",
    );
    check(
        &json!({"Authority": "https://login.microsoftonline.com/ten ant"}),
        "AzureAd.Authority: the tenant id holds",
    );
    check(&json!({"Authority": "login.example/t"}), "AzureAd.Authority: not an absolute URL");
    check(
        &json!({"AzureCloudInstance": "AzureGermany", "TenantId": "t"}),
        "AzureAd.AzureCloudInstance: the cloud AzureGermany was closed",
    );
    check(
        &json!({"Instance": "https://login.example", "AadAuthorityAudience": "Everybody"}),
        "AzureAd.AadAuthorityAudience: unknown audience (one of AzureAdMyOrg,",
    );
}

#[test]
fn aliases_share_what_is_kept_and_user_flows_do_not() {
    let canonical = |section: Value| read(&section).unwrap().canonical();
    let of_host = |host: &str| canonical(json!({"Instance": format!("https://{host}"), "TenantId": "t"}));
    assert_eq!(of_host("login.windows.net"), "https://login.microsoftonline.com/");
    assert_eq!(of_host("sts.windows.net"), of_host("login.microsoft.com"));
    assert_eq!(of_host("login.chinacloudapi.cn"), "https://login.partner.microsoftonline.cn/");
    assert_eq!(of_host("login.windows.net:8443"), "https://login.windows.net:8443/");
    assert_eq!(of_host("Login.Example"), "https://login.example/");
    let flow = |policy: &str| {
        canonical(
            json!({"Instance": "https://f.b2clogin.com", "Domain": "d.example", "SignUpSignInPolicyId": policy}),
        )
    };
    assert_ne!(flow("B2C_1_susi"), flow("B2C_1_other"));
    assert_eq!(canonical(json!({"Authority": "https://idp.example/a?p=1"})), "https://idp.example/a?p=1");
}
