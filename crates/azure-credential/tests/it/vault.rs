//! The Azure SDK's own clients of Key Vault read a secret and sign with a key of the emulator's
//! vault, which looks at signature, audience and times of the token.

use std::sync::Arc;

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, RequestContent, Transport},
};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{KeyClientSignOptions, SignParameters, SignatureAlgorithm},
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use entra_abstractions::testing::FakeAcquirer;
use entra_azure_credential::EntraCredential;
use entra_emulator::{Emulator, VaultCertificate, ids};

/// A client that trusts the emulator.
fn options(emulator: &Emulator, policies: Vec<Arc<dyn azure_core::http::policies::Policy>>) -> ClientOptions {
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().unwrap().as_bytes()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the transport of a test is the test's")]
    let client = reqwest::Client::builder().tls_certs_merge([ca]).no_proxy().build().unwrap();
    let transport = Some(Transport::new(Arc::new(client)));
    ClientOptions { transport, per_try_policies: policies, ..ClientOptions::default() }
}

/// Gives the emulator's tokens for whatever resource is asked for.
fn credential(emulator: &Arc<Emulator>) -> EntraCredential {
    let emulator = Arc::clone(emulator);
    EntraCredential::new(FakeAcquirer::new(move |request| {
        let token = emulator.mint().app("night-job").scopes(request.scopes.as_str()).build();
        Ok(crate::bearer(&token)?)
    }))
}

#[tokio::test]
async fn a_secret_is_read_and_a_digest_signed() {
    let emulator = Arc::new(Emulator::builder().https(true).start().await.unwrap());
    let certificate = VaultCertificate::new(ids::APP_CERTIFICATE, ids::APP_KEY);
    let version = emulator.key_vault().add("app", certificate);
    let credential = credential(&emulator);
    let shared: Arc<dyn TokenCredential> = credential.clone().into();

    let secrets = SecretClient::new(
        emulator.base_url(),
        Arc::clone(&shared),
        Some(SecretClientOptions {
            client_options: options(&emulator, Vec::new()),
            verify_challenge_resource: Some(false), // its host is not below vault.azure.net
            ..SecretClientOptions::default()
        }),
    )
    .unwrap();
    let secret = secrets.get_secret("app", None).await.unwrap().into_model().unwrap();
    assert!(secret.value.unwrap().contains("BEGIN CERTIFICATE"));

    let policy = credential.policy("https://vault.azure.net/.default").unwrap();
    let keys = KeyClient::new(
        emulator.base_url(),
        shared,
        Some(KeyClientOptions {
            client_options: options(&emulator, vec![policy]),
            verify_challenge_resource: Some(false),
            ..KeyClientOptions::default()
        }),
    )
    .unwrap();
    let parameters = SignParameters { algorithm: Some(SignatureAlgorithm::Ps256), value: Some(vec![7; 32]) };
    let options = KeyClientSignOptions { key_version: Some(version), ..KeyClientSignOptions::default() };
    let body: RequestContent<_> = parameters.try_into().unwrap();
    let signed = keys.sign("app", body, Some(options)).await.unwrap().into_model().unwrap();
    assert_eq!(signed.result.unwrap().len(), 256);
}
