//! Which configurations are an application, and what is told of those that are none.

use async_trait::async_trait;
use entra_abstractions::{
    AssertionContext, ProvideAssertion, SignedAssertion, TokenError, testing::assert_no_secrets,
};
use serde_json::{Value, json};

use super::*;
use crate::credential::CredentialSource;

const SECRET: &str = "golden~secret/+ &=%";

/// A section that is well, with these keys added or, by `null`, taken away.
fn read(changes: &Value) -> Result<Application, Misconfigured> {
    let mut value = json!({
        "Instance": "https://login.microsoftonline.com/",
        "TenantId": "11111111-1111-4111-8111-111111111111",
        "ClientId": "22222222-2222-4222-8222-222222222222",
    });
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    Application::from_section(&Section::new("AzureAd", value))
}

/// Each fault on a line, without its hint.
fn check(changes: &Value, expected: &[&str]) {
    let faults = match read(changes) {
        Ok(_) => Vec::new(),
        Err(error) => {
            error.faults().iter().map(|f| format!("{}: {}", f.at().unwrap_or("?"), f.what())).collect()
        }
    };
    assert_eq!(faults, expected);
}

/// One credential, and what is wrong with it.
fn check_credential(credential: &Value, expected: &[&str]) {
    let expected: Vec<String> =
        expected.iter().map(|fault| format!("AzureAd.ClientCredentials[0].{fault}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(&json!({ "ClientCredentials": [credential] }), &expected);
}

fn sources(changes: &Value) -> Vec<CredentialSource> {
    read(changes).unwrap().credentials().iter().map(|credential| credential.source.clone()).collect()
}

#[test]
fn what_microsofts_library_takes() {
    let secret = json!([{ "SourceType": "ClientSecret", "ClientSecret": SECRET }]);
    for changes in [
        json!({}),
        json!({ "ClientCredentials": secret }),
        json!({ "Instance": "https://login.microsoftonline.us", "ClientCredentials": secret, "SendX5c": "true" }),
        json!({ "TenantId": "common" }),
        json!({ "Instance": null, "TenantId": null, "Authority": "https://login.microsoftonline.com/contoso.example/v2.0" }),
        json!({ "AzureRegion": "TryAutoDetect", "CallbackPath": "/signin-oidc", "Audience": "api://x", "WithSpaAuthCode": true }),
        json!({ "ClientCredentials": [], "TokenValidationParameters": { "ValidAudience": "x" } }),
    ] {
        check(&changes, &[]);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    check(
        &json!({
            "TennantId": "x",
            "TenantId": "your-tenant-id",
            "ClientId": null,
            "AppHomeTenantId": "organizations",
            "AzureRegion": "westus2.evil.example/",
            "SendX5C": "perhaps",
            "ClientCredentials": [
                { "SourceType": "KeyVault", "KeyVaultUrl": "http://v.example", "KeyVaultCertificateName": "a/b" },
                { "SourceType": "ClientSecret", "ClientSecret": "your-client-secret" },
            ],
        }),
        &[
            "AzureAd.TennantId: unknown key",
            "AzureAd.TenantId: \"your-tenant-id\" is a placeholder, not a tenant id",
            "AzureAd.ClientId: missing",
            "AzureAd.AppHomeTenantId: organizations names no tenant",
            "AzureAd.AzureRegion: not the name of an Azure region",
            "AzureAd.SendX5C: true or false is expected here",
            "AzureAd.ClientCredentials[0].KeyVaultUrl: not the URL of a key vault",
            "AzureAd.ClientCredentials[0].KeyVaultCertificateName: not the name of a certificate in a key vault",
            "AzureAd.ClientCredentials[1].ClientSecret: a placeholder, not the real value",
        ],
    );
}

#[test]
fn an_authority_that_disagrees_is_refused() {
    check(
        &json!({ "Authority": "https://login.microsoftonline.com/55555555-5555-4555-8555-555555555555/v2.0" }),
        &["AzureAd.Authority: Authority and TenantId disagree"],
    );
    check(&json!({ "TenantId": null }), &["AzureAd.TenantId: missing"]);
}

#[test]
fn a_section_that_is_not_there() {
    let error = Application::from_section(&Section::new("AzureAd", Value::Null)).unwrap_err();
    assert!(error.to_string().starts_with("AzureAd: the section is missing"), "{error}");
}

#[test]
fn each_source_names_what_it_lacks() {
    for (source, lacks) in [
        ("ClientSecret", "ClientSecret"),
        ("Path", "CertificateDiskPath"),
        ("base64encoded", "Base64EncodedValue"),
        ("11", "CustomSignedAssertionProviderName"),
        ("StoreWithThumbprint", "CertificateThumbprint"),
        ("StoreWithDistinguishedName", "CertificateDistinguishedName"),
        ("13", "CertificateSubjectName"),
    ] {
        check_credential(&json!({ "SourceType": source }), &[&format!("{lacks}: missing")]);
    }
    check_credential(&json!({ "SourceType": "SignedAssertionFilePath" }), &[]);
    check_credential(&json!({}), &["SourceType: missing"]);
    check_credential(
        &json!({ "SourceType": "Path", "CertificatDiskPath": "x.pfx" }),
        &["CertificatDiskPath: unknown key", "CertificateDiskPath: missing"],
    );
}

#[test]
fn sources_without_a_loader_are_told_by_name() {
    for source in ["Certificate", "AutoDecryptKeys", "ManagedCertificate"] {
        let expected = format!("SourceType: there is no loader for the source {source}");
        check_credential(&json!({ "SourceType": source }), &[&expected]);
    }
}

#[test]
fn values_that_cannot_be_what_they_should() {
    let vault = json!({
        "SourceType": "SignedAssertionFromVault", "Algorithm": "ES256",
        "KeyVaultUrl": "https://contoso.vault.azure.net/certificates/app", "KeyVaultCertificateName": "app",
    });
    let url = "KeyVaultUrl: not the URL of a key vault";
    check_credential(&vault, &[url, "Algorithm: no algorithm that a certificate signs with here"]);
    for (authority, told) in [
        ("login.microsoftonline.us", "not an absolute URL"),
        ("https://login.example/t", "of none of Entra's clouds"),
    ] {
        let credential = json!({ "SourceType": "SignedAssertionFromManagedIdentity", "TokenExchangeAuthority": authority });
        check_credential(&credential, &[&format!("TokenExchangeAuthority: {told}")]);
    }
    for source in ["KeyVault", "SignedAssertionFromVault"] {
        let lacks = ["KeyVaultUrl: missing", "KeyVaultCertificateName: missing"];
        check_credential(&json!({ "SourceType": source }), &lacks);
    }
    check_credential(
        &json!({ "SourceType": "StoreWithThumbprint", "CertificateThumbprint": "app" }),
        &["CertificateThumbprint: not the thumbprint of a certificate"],
    );
    check_credential(
        &json!({ "SourceType": "StoreWithDistinguishedName", "CertificateDistinguishedName": "app" }),
        &["CertificateDistinguishedName: not the subject of a certificate"],
    );
    check_credential(
        &json!({
            "SourceType": "CustomSignedAssertion", "CustomSignedAssertionProviderName": "x",
            "CustomSignedAssertionProviderData": "y",
        }),
        &["CustomSignedAssertionProviderData: a section is expected here"],
    );
}

#[test]
fn managed_identities_in_both_ways_of_writing_them() {
    let id = "66666666-6666-4666-8666-666666666666";
    let newer = json!({ "ClientCredentials": [{
        "SourceType": "SignedAssertionFromManagedIdentity", "ManagedIdentityClientId": id,
        "TokenExchangeUrl": "api://other",
    }] });
    let older = json!({ "ClientCredentialsUsingManagedIdentity": {
        "IsEnabled": "true", "ManagedIdentityClientId": id, "TokenExchangeUrl": "api://other",
    } });
    for changes in [newer, older] {
        let found = sources(&changes);
        assert!(matches!(found.as_slice(),
            [CredentialSource::ManagedIdentity { client_id: Some(found), audience: Some(audience), .. }]
                if found == id && audience == "api://other"));
    }
    let off = json!({ "ClientCredentialsUsingManagedIdentity": { "IsEnabled": false } });
    assert!(sources(&off).is_empty());
    check(
        &json!({ "ClientCredentialsUsingManagedIdentity": { "Enabled": true } }),
        &["AzureAd.ClientCredentialsUsingManagedIdentity.Enabled: unknown key"],
    );
}

#[test]
fn a_vault_is_opened_by_its_own_identity_or_that_of_the_section() {
    let entry = |own: Value| {
        json!({
            "UserAssignedManagedIdentityClientId": "66666666-6666-4666-8666-666666666666",
            "ClientCredentials": [{
                "SourceType": "KeyVault", "KeyVaultUrl": "https://contoso.vault.azure.net/",
                "KeyVaultCertificateName": "app", "ManagedIdentityClientId": own,
            }],
        })
    };
    for (own, expected) in [
        (Value::Null, "66666666-6666-4666-8666-666666666666"),
        (json!("77777777-7777-4777-8777-777777777777"), "77777777-7777-4777-8777-777777777777"),
    ] {
        let found = sources(&entry(own));
        assert!(matches!(found.as_slice(), [CredentialSource::Vault(vault)]
            if vault.managed_identity.as_deref() == Some(expected)));
    }
}

#[test]
fn a_source_that_nobody_knows() {
    let told = |source: &str| {
        read(&json!({ "ClientCredentials": [{ "SourceType": source }] })).unwrap_err().to_string()
    };
    assert!(told("ClientSecrt").ends_with(r#"unknown source "ClientSecrt" (did you mean ClientSecret?)"#));
    assert!(told("99").ends_with("or CustomSignedAssertion)"));
}

#[test]
fn what_is_skipped_or_bound() {
    let skipped = json!({ "ClientCredentials": [{ "SourceType": "KeyVault", "Skip": true }] });
    assert!(sources(&skipped).is_empty());
    check_credential(
        &json!({ "SourceType": "SignedAssertionFilePath", "UseBoundCredential": true }),
        &["UseBoundCredential: an assertion from a file cannot be bound to a connection"],
    );
    check_credential(
        &json!({
            "SourceType": "SignedAssertionFromVault", "KeyVaultUrl": "https://contoso.vault.azure.net/",
            "KeyVaultCertificateName": "app", "UseBoundCredential": true,
        }),
        &["UseBoundCredential: a key that stays in its vault cannot make a connection"],
    );
    check_credential(
        &json!({ "SourceType": "Path", "CertificateDiskPath": "x.pfx", "UseBoundCredential": true }),
        &[],
    );
    check_credential(
        &json!({ "SourceType": "ClientSecret", "ClientSecret": SECRET, "UseBoundCredential": true }),
        &[],
    );
}

#[test]
fn what_is_bound_in_code() {
    let begun =
        || Application::builder().tenant("contoso.example").client_id("22222222-2222-4222-8222-222222222222");
    let shown = |application: &Application| -> Vec<bool> {
        application.credentials().iter().map(|credential| credential.uses_binding).collect()
    };
    let application = begun().certificate_file("x.pfx").bound_credential().certificate_file("y.pfx");
    let application = application.secret(SECRET).bound_credential().build().unwrap();
    assert_eq!(shown(&application), [true, false, false], "each by itself, and a secret never");
    let error = begun().bound_credential().assertion_file("x.jwt").bound_credential().build().unwrap_err();
    for told in [
        "bound_credential: there is no credential yet",
        "assertion_file, bound_credential: an assertion from a file cannot be bound",
    ] {
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn the_older_keys_count_where_the_list_is_empty() {
    let older = json!({
        "ClientSecret": "legacy-secret",
        "ClientCertificates": [{ "SourceType": "Path", "CertificateDiskPath": "keys/rsa.pfx" }],
    });
    let found = sources(&older);
    assert!(
        matches!(found.as_slice(), [CredentialSource::CertificateFile { path, .. }, CredentialSource::Secret(secret)]
            if path.ends_with("rsa.pfx") && secret.expose() == "legacy-secret")
    );
    let mut both = older;
    both["ClientCredentials"] = json!([{ "SourceType": "ClientSecret", "ClientSecret": SECRET }]);
    let found = sources(&both);
    assert!(matches!(found.as_slice(), [CredentialSource::Secret(secret)] if secret.expose() == SECRET));
}

#[test]
fn the_query_of_an_authority_is_kept() {
    let application = read(&json!({
        "Authority": "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0?dc=a%26b&slice=x",
        "ExtraQueryParameters": { "slice": "testslice" },
        "ClientCapabilities": ["cp1"],
    }))
    .unwrap();
    let pairs: Vec<(&str, &str)> =
        application.query_parameters().iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(pairs, [("slice", "testslice"), ("dc", "a&b")]);
    assert_eq!(application.capabilities(), ["cp1"]);
    assert_eq!(application.path_of("TenantId"), "AzureAd.TenantId");
}

#[derive(Debug)]
struct Provider;

#[async_trait]
impl ProvideAssertion for Provider {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        Ok(SignedAssertion::new("a.b.c"))
    }
}

#[test]
fn in_code_as_in_the_file() {
    let application = Application::builder()
        .tenant("contoso.example")
        .client_id("22222222-2222-4222-8222-222222222222")
        .secret(SECRET)
        .certificate_file_with_password("x.pfx", "opensesame")
        .assertion_provider(Arc::new(Provider))
        .capability("cp1")
        .query_parameter("dc", "s3cret")
        .send_x5c()
        .build()
        .unwrap();
    assert_eq!(application.authority().instance().as_str(), "https://login.microsoftonline.com/");
    assert_eq!(application.credentials().len(), 3);
    assert!(application.send_x5c() && application.authority().provider().is_none());
    assert_no_secrets(&format!("{application:?}"), [SECRET, "opensesame", "s3cret"]);
}

#[test]
fn a_builder_tells_everything_at_once() {
    let error = Application::builder()
        .tenant("<tenant>")
        .instance("http://login.example")
        .secret("your-client-secret")
        .certificate_pem(" ")
        .build()
        .unwrap_err();
    let places: Vec<&str> = error.faults().iter().filter_map(entra_abstractions::Fault::at).collect();
    assert_eq!(places, ["tenant", "client_id", "secret", "certificate_pem"]);
    assert_no_secrets(&error.to_string(), ["your-client-secret"]);
}

#[test]
fn an_authority_to_be_discovered() {
    let discovered = |url: &str| Application::builder().discovered_authority(url).client_id("daemon").build();
    let application = discovered("https://idp.example:8443/realm?policy=p").unwrap();
    assert_eq!(application.authority().provider().unwrap().path(), "/realm");
    assert_eq!(application.authority_host(), "idp.example");
    assert!(discovered("http://[::1]:9000/").is_ok());
    for (url, expected) in [
        ("idp.example", "not an absolute URL"),
        ("http://idp.example/", "not an https URL"),
        ("https://u:p@idp.example/", "the URL holds a user name or password"),
    ] {
        let told = discovered(url).unwrap_err().to_string();
        assert!(told.starts_with(&format!("discovered_authority: {expected}")), "{told}");
    }
    let both =
        Application::builder().discovered_authority("https://idp.example").tenant("t").client_id("daemon");
    assert!(both.build().unwrap_err().to_string().contains("given beside an instance or a tenant"));
}
