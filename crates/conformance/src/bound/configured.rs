//! Whole configurations that bind tokens, as documents show them: an application with a certificate, one
//! for which a managed identity or another application vouches, and a managed identity itself; with Key
//! Vault, whose header asks for it, in each cloud.

use entra_abstractions::{Environment, Misconfigured, Section};
use entra_downstream_api::Api;
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::{Value, json};

/// Builds the acquirer and the API of a configuration; nothing is asked.
fn built(instance: &str, credentials: &Value, vault: &Value, has_key: bool) -> Result<Api, Misconfigured> {
    let root = Section::new(
        "",
        json!({
            "AzureAd": {
                "Instance": instance, "TenantId": "contoso.example",
                "ClientId": "22222222-2222-4222-8222-222222222222", "SendX5C": true,
                "ClientCredentials": credentials,
            },
            "Shop": {
                "Instance": instance, "TenantId": "contoso.example",
                "ClientId": "33333333-3333-4333-8333-333333333333",
                "ClientCredentials": [{"SourceType": "Path", "CertificateDiskPath": "/later.pem"}],
            },
            "DownstreamApis": { "Vault": vault },
        }),
    );
    let application = Application::from_section(&root.section("AzureAd"))?;
    let tokens = TokenAcquirer::builder(application).environment(Environment::empty());
    let tokens = if has_key { tokens.key_in_memory() } else { tokens };
    let tokens = tokens.configuration(root.section("")).build()?;
    Api::new("Vault", &root.section("DownstreamApis"), tokens)
}

fn told(built: &Result<Api, Misconfigured>) -> String {
    built.as_ref().map_or_else(|fault| format!("{fault:#}"), |_| String::new())
}

fn vault(host: &str, identity: &Value) -> Value {
    json!({
        "BaseUrl": format!("https://contoso.{host}/"), "RelativePath": "secrets/app",
        "Scopes": [format!("https://{host}/.default")], "RequestAppToken": true, "ProtocolScheme": "MTLS_POP",
        "ExtraHeaderParameters": {"x-ms-tokenboundauth": "true"},
        "AcquireTokenOptions": {"ManagedIdentity": identity},
    })
}

const CLOUDS: [(&str, &str); 3] = [
    ("https://login.microsoftonline.com/", "vault.azure.net"),
    ("https://login.microsoftonline.us/", "vault.usgovcloudapi.net"),
    ("https://login.partner.microsoftonline.cn/", "vault.azure.cn"),
];

#[test]
fn complete_configurations_of_bound_tokens_build() {
    let by_identity = |client: &Value| {
        json!([{
            "SourceType": "SignedAssertionFromManagedIdentity", "ManagedIdentityClientId": client,
            "UseBoundCredential": true,
        }])
    };
    let client = json!("44444444-4444-4444-8444-444444444444");
    let vouched = json!([{
        "SourceType": "CustomSignedAssertion", "CustomSignedAssertionProviderName": "OidcIdpSignedAssertion",
        "CustomSignedAssertionProviderData": {"ConfigurationSection": "Shop"},
    }]);
    let certificate = json!([{"SourceType": "Path", "CertificateDiskPath": "/later.pem"}]);
    for (instance, host) in CLOUDS {
        for credentials in [&certificate, &by_identity(&Value::Null), &by_identity(&client), &vouched] {
            assert_eq!(
                told(&built(instance, credentials, &vault(host, &Value::Null), true)),
                "",
                "{instance}"
            );
        }
        for identity in [json!({}), json!({"UserAssignedClientId": client})] {
            assert_eq!(told(&built(instance, &json!([]), &vault(host, &identity), true)), "", "{instance}");
        }
    }
}

#[test]
fn an_identity_without_a_key_to_bind_to_is_refused_in_each_cloud() {
    for (instance, host) in CLOUDS {
        let told = told(&built(instance, &json!([]), &vault(host, &json!({})), false));
        assert!(told.contains("DownstreamApis.Vault.ProtocolScheme: "), "{told}");
    }
}
