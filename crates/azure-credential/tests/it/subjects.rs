//! Whose token a credential asks for, and what else it says.

use std::sync::Arc;

use azure_core::{
    credentials::{TokenCredential, TokenRequestOptions},
    http::{ClientMethodOptions, Context},
};
use entra_abstractions::{
    AccountId, AgentSubject, AgentUser, Claims, CorrelationId, ManagedIdentityId, OnBehalfOf, SessionKey,
    Subject, TenantId, TokenRequest, User, UserAssertion, testing::FakeAcquirer,
};
use entra_azure_credential::EntraCredential;

use crate::{STORAGE, giving};

const AGENT: &str = "33333333-3333-4333-8333-333333333333";

async fn asked(tokens: &FakeAcquirer, credential: &EntraCredential) -> TokenRequest {
    credential.get_token(&[STORAGE], None).await.unwrap();
    tokens.requests().pop().unwrap()
}

#[tokio::test]
async fn whose_token_it_is_makes_a_new_credential() {
    let tokens = giving("at-1");
    let app = EntraCredential::new(Arc::clone(&tokens));
    let user = UserAssertion::new("a.b.c").unwrap();
    let key = SessionKey::new("job-17").unwrap();
    let account = AccountId::new("oid", "tid").unwrap();
    let on_behalf_of = Subject::User(User::OnBehalfOf(OnBehalfOf::new(user.clone())));
    for (credential, subject) in [
        (app.on_behalf_of(&user), on_behalf_of),
        (app.for_session(&key), Subject::User(User::Session(key.clone()))),
        (app.for_account(&account), Subject::User(User::Account(account.clone()))),
        (
            app.as_managed_identity(ManagedIdentityId::System),
            Subject::ManagedIdentity(ManagedIdentityId::System),
        ),
        (app.on_behalf_of(&user).as_app(), Subject::App),
        (app.clone(), Subject::App),
    ] {
        let request = asked(&tokens, &credential).await;
        assert_eq!(request.subject, subject);
        assert_eq!(request.scopes.as_str(), STORAGE);
    }
    let agent_user = asked(&tokens, &app.as_agent_user(AGENT, "o'hara@contoso.example")).await;
    assert!(matches!(
        &agent_user.subject,
        Subject::Agent(agent, AgentSubject::AgentUser(AgentUser::Upn(_))) if agent.as_str() == AGENT
    ));
}

#[tokio::test]
async fn a_credential_in_use_is_not_changed_by_another() {
    let tokens = giving("at-1");
    let app = EntraCredential::new(Arc::clone(&tokens));
    asked(&tokens, &app).await;
    let mut agent = app.clone();
    agent.as_mut().subject = Subject::Agent(AGENT.try_into().unwrap(), AgentSubject::App);
    assert!(matches!(asked(&tokens, &agent).await.subject, Subject::Agent(_, AgentSubject::App)));
    let tenant = TenantId::new("fabrikam.example").unwrap();
    let elsewhere = app.with(|request| request.tenant(tenant.clone()));
    assert_eq!(asked(&tokens, &elsewhere).await.tenant, Some(tenant));
    let request = asked(&tokens, &app).await;
    assert_eq!((request.subject, request.tenant), (Subject::App, None));
}

#[tokio::test]
async fn a_call_says_claims_tenant_and_correlation_id_in_its_context() {
    let tokens = giving("at-1");
    let credential = EntraCredential::new(Arc::clone(&tokens));
    credential.get_token(&[STORAGE], None).await.unwrap();
    let claims = Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#).unwrap();
    let (tenant, id) = (TenantId::new("fabrikam.example").unwrap(), CorrelationId::random());
    let context = Context::new().with_value(claims.clone()).with_value(tenant.clone()).with_value(id);
    let options = TokenRequestOptions { method_options: ClientMethodOptions { context } };
    credential.get_token(&[STORAGE], Some(options)).await.unwrap();
    let request = tokens.requests().pop().unwrap();
    assert_eq!(request.claims, Some(claims));
    assert_eq!((request.tenant, request.correlation_id), (Some(tenant), Some(id)));
    // Another context, with what is not ours, says nothing; and nothing of the last call is left.
    let context = Context::new().with_value("something else".to_owned());
    let options = TokenRequestOptions { method_options: ClientMethodOptions { context } };
    credential.get_token(&[STORAGE], Some(options)).await.unwrap();
    let request = tokens.requests().pop().unwrap();
    assert!(request.claims.is_none() && request.tenant.is_none() && request.correlation_id.is_none());
}

#[tokio::test]
async fn two_services_ask_with_scopes_of_their_own() {
    let tokens = giving("at-1");
    let credential = EntraCredential::new(Arc::clone(&tokens));
    for scope in [STORAGE, "https://vault.azure.net/.default", STORAGE] {
        let token = credential.get_token(&[scope], None).await.unwrap();
        assert_eq!(token.token.secret(), "at-1");
        assert_eq!(token.expires_on.unix_timestamp(), 1_900_000_000);
        assert_eq!(tokens.requests().pop().unwrap().scopes.as_str(), scope);
    }
}

#[test]
fn what_is_printed_holds_no_secret() {
    let user = UserAssertion::new("s3cret.s3cret.s3cret").unwrap();
    let credential = EntraCredential::new(giving("s3cret-at")).on_behalf_of(&user);
    let policy = credential.policy(STORAGE).unwrap();
    assert!(!format!("{credential:?} {policy:?}").contains("s3cret"));
}
