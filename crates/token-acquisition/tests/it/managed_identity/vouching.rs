//! A managed identity's bound token as an application's proof: what the application asks for goes over
//! connections with the identity's certificate.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{
    AcquireToken, AgentId, AssertionContext, Environment, ManagedIdentityId, ProvideAssertion, Scheme,
    Section, SignedAssertion, TokenError, TokenRequest,
};
use entra_emulator::{FederatedCredential, ManagedIdentityHost as Host, ids};
use entra_token_acquisition::{
    Application, ApplicationBuilder, TOKEN_EXCHANGE_SCOPE, TokenAcquirer, TokenAcquirerBuilder,
};
use serde_json::json;

use super::bound::{Machine, bound};
use crate::kit::{GRAPH, Kit, ORDERS, as_app, claims, who};

const JWT_POP: Option<&str> = Some("urn:ietf:params:oauth:client-assertion-type:jwt-pop");

fn builder(machine: &Machine, application: ApplicationBuilder) -> TokenAcquirerBuilder {
    machine.kit.builder(application).environment(machine.environment()).http(machine.http())
}

#[tokio::test]
async fn two_legs_end_in_a_token_that_is_bound_to_the_identitys_certificate() {
    let machine = Machine::new();
    let application = machine.kit.client(ids::DAEMON).managed_identity();
    let tokens = builder(&machine, application).key_in_memory().build().unwrap();
    tokens.binder().unwrap().check(&bound(ORDERS)).unwrap();
    let token = tokens.acquire(&bound(ORDERS)).await.unwrap();
    let shown = token.binding().unwrap().thumbprint().to_owned();
    assert_eq!((&claims(&token)["azp"], token.scheme()), (&json!(ids::DAEMON), &Scheme::MtlsPop));
    assert_eq!(claims(&token)["cnf"]["x5t#S256"], shown);
    let sent = machine.kit.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|entry| entry.client_certificate.as_ref() == Some(&shown)));
    let (first, second) = (&sent[0], &sent[1]);
    assert_eq!((first.field("client_id"), first.field("client_assertion_type")), (Some(ids::HOST), None));
    assert_eq!(first.field("scope"), Some(TOKEN_EXCHANGE_SCOPE));
    assert_eq!(second.field("client_assertion_type"), JWT_POP);
    assert_eq!(second.field("token_type"), Some("mtls_pop"));
    // For the next API one leg is enough; and the host's own tokens are bound to the same certificate.
    tokens.acquire(&bound(GRAPH)).await.unwrap();
    let own = TokenRequest::as_managed_identity(as_app(ORDERS).scopes, ManagedIdentityId::System);
    let own = tokens.acquire(&own.scheme(Scheme::MtlsPop)).await.unwrap();
    assert_eq!((own.binding(), machine.kit.count()), (token.binding(), 4));
    // What an API that takes the certificate alone is shown.
    assert_eq!(Some(&tokens.binder().unwrap().binding().await.unwrap()), token.binding());
}

#[tokio::test]
async fn a_bound_credential_brings_a_bearers_token() {
    let machine = Machine::new();
    let section = Section::new(
        "AzureAd",
        json!({
            "Instance": machine.kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::DAEMON,
            "ClientCredentials": [{
                "SourceType": "SignedAssertionFromManagedIdentity", "UseBoundCredential": true,
                "ManagedIdentityClientId": ids::SHARED_IDENTITY,
            }],
        }),
    );
    let application = Application::from_section(&section).unwrap();
    let tokens = crate::kit::builder(application, Arc::clone(&machine.kit.clock) as _)
        .environment(machine.environment())
        .http(machine.http())
        .key_in_memory()
        .build()
        .unwrap();
    let token = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!((token.scheme(), token.binding()), (&Scheme::Bearer, None));
    assert!(claims(&token).get("cnf").is_none());
    let sent = machine.kit.sent();
    assert_eq!((sent[1].field("client_assertion_type"), sent[1].field("token_type")), (JWT_POP, None));
    assert!(sent[1].client_certificate.is_some());
    assert_eq!(sent[1].client_certificate, sent[0].client_certificate);
}

/// What vouches for an agent, as the crate for agents has it.
#[derive(Debug)]
struct Blueprint(TokenAcquirer, AgentId);

#[async_trait]
impl ProvideAssertion for Blueprint {
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        assert!(context.is_bound);
        let request = bound(TOKEN_EXCHANGE_SCOPE).fmi_path((&self.1).into());
        let token = self.0.acquire(&request).await?;
        Ok(SignedAssertion::new(token.secret().to_secret()).bound_to(token.binding().unwrap().clone()))
    }
}

#[tokio::test]
async fn an_agents_legs_are_bound_to_the_identity_of_its_blueprints_host() {
    let machine = Machine::new();
    let trust = json!({ "issuer": "entra", "subject": ids::HOST_OBJECT });
    let trust: FederatedCredential = serde_json::from_value(trust).unwrap();
    machine.kit.emulator.edit(|directory| directory.app_mut(ids::BLUEPRINT).unwrap().federated.push(trust));
    let application = machine.kit.client(ids::BLUEPRINT).managed_identity();
    let blueprint = builder(&machine, application).key_in_memory().build().unwrap();
    let agent = AgentId::new(ids::AGENT).unwrap();
    let acting = blueprint.acting_as(&agent, Arc::new(Blueprint(blueprint.clone(), agent.clone())));
    let token = acting.acquire(&bound(ORDERS)).await.unwrap();
    let shown = token.binding().unwrap().thumbprint().to_owned();
    assert_eq!(
        (claims(&token)["azp"].as_str(), claims(&token)["cnf"]["x5t#S256"].as_str()),
        (Some(ids::AGENT), Some(&*shown))
    );
    let sent = machine.kit.sent();
    assert!(sent.iter().all(|entry| entry.client_certificate.as_ref() == Some(&shown)));
    let kinds: Vec<_> = sent.iter().map(|entry| entry.field("client_assertion_type")).collect();
    assert_eq!(kinds, [None, JWT_POP, JWT_POP]);
}

#[tokio::test]
async fn a_host_that_issues_no_certificates_is_told_before_it_is_asked() {
    let kit = Kit::new();
    let tokens = |host: Option<Host>| {
        let environment = host.map_or(Environment::empty(), |host| super::environment(&kit.emulator, host));
        kit.builder(kit.client(ids::DAEMON).managed_identity()).environment(environment)
    };
    let on_app_service = tokens(Some(Host::AppService)).key_in_memory().build().unwrap();
    let without_a_key = tokens(None).build().unwrap();
    for (tokens, expected) in
        [(on_app_service, "App Service issues no certificates"), (without_a_key, "attested_by(key)")]
    {
        let told = tokens.binder().unwrap().check(&bound(ORDERS)).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
        let error = tokens.acquire(&bound(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the developer", "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(kit.emulator.log().entries().is_empty());
}
