//! Calls with tokens that are bound to the certificate of a managed identity: as the host, and as an
//! application that proves itself by it, by configuration alone but for the key.

use entra_abstractions::{Environment, HttpSettings, Section};
use entra_downstream_api::Api;
use entra_emulator::{Emulator, Endpoint, ManagedIdentityHost, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::{Value, json};

#[tokio::test]
async fn complete_configurations_for_bound_tokens_of_managed_identities() {
    for (options, expected) in [
        (json!({}), ids::DAEMON),
        (json!({"ManagedIdentity": {}}), ids::HOST),
        (json!({"ManagedIdentity": {"UserAssignedClientId": ids::SHARED_IDENTITY}}), ids::SHARED_IDENTITY),
    ] {
        let emulator = Emulator::builder().https(true).start_blocking().unwrap();
        let configuration = Section::new(
            "",
            json!({
                "AzureAd": {
                    "Instance": emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::DAEMON,
                    "ClientCredentials": [{"SourceType": "SignedAssertionFromManagedIdentity"}],
                },
                "DownstreamApis": {"Orders": {
                    "BaseUrl": format!("{}/orders", emulator.base_url()), "Scopes": ["api://orders/.default"],
                    "ProtocolScheme": "MTLS_POP", "RequestAppToken": true, "AcquireTokenOptions": options,
                }},
            }),
        );
        let http = HttpSettings::default().trust_pem(emulator.ca_pem().unwrap());
        let host = emulator.managed_identity_environment(ManagedIdentityHost::VirtualMachine);
        let application = Application::from_section(&configuration.section("AzureAd")).unwrap();
        let tokens = TokenAcquirer::builder(application)
            .environment(Environment::from_pairs(host))
            .http(http.clone())
            .key_in_memory()
            .build()
            .unwrap();
        let apis = configuration.section("DownstreamApis");
        let orders =
            Api::builder("Orders").section(&apis.section("Orders")).http(http).build(tokens).unwrap();
        for _ in 0..2 {
            let answer: Value = orders.as_app().get("open").json().await.unwrap();
            assert!(answer.to_string().contains(expected), "{options} {answer}");
        }
        // Whatever showed a certificate showed the same: to Entra for each leg, and to the API twice.
        let entries = emulator.log().entries();
        let at = |endpoint| entries.iter().filter(|entry| entry.endpoint == endpoint).count();
        let shown: Vec<_> = entries.iter().filter_map(|entry| entry.client_certificate.as_ref()).collect();
        assert_eq!((at(Endpoint::Api), shown.len()), (2, 2 + at(Endpoint::Token)), "{entries:#?}");
        assert!(shown.iter().all(|thumbprint| *thumbprint == shown[0]), "{shown:?}");
    }
}
