//! What can be asked of a managed identity, and through which acquirer.

use entra_abstractions::{
    AcquireToken, AgentId, AgentSubject, Claims, ClientId, Environment, FmiPath, ManagedIdentityId,
    Parameter, Place, Subject, TenantId, TokenRequest, UserAssertion,
};
use entra_emulator::{ManagedIdentityHost as Host, ids};
use entra_token_acquisition::{AnsweredBy, Reason};

use super::{asked, count, environment, shared, system};
use crate::kit::{GRAPH, Kit, ORDERS, as_app, at_once, claims, scopes, who};

#[tokio::test]
async fn an_applications_acquirer_asks_the_host_too() {
    let kit = Kit::new();
    let application = kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET);
    let environment = environment(&kit.emulator, Host::VirtualMachine);
    let tokens = kit.builder(application).environment(environment).build().unwrap();
    let own = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let host = TokenRequest::as_managed_identity(scopes(ORDERS), ManagedIdentityId::System);
    let of_host = tokens.acquire(&host).await.unwrap();
    let user_assigned = TokenRequest::as_managed_identity(scopes(ORDERS), shared());
    let of_shared = tokens.acquire(&user_assigned).await.unwrap();
    let clients = [&own, &of_host, &of_shared].map(|token| claims(token)["azp"].clone());
    assert_eq!(clients, [ids::DAEMON, ids::HOST, ids::SHARED_IDENTITY]);
    assert_eq!((kit.count(), count(&kit)), (1, 2));
    assert_eq!(at_once(&tokens, &host).secret(), of_host.secret());
    assert_eq!(at_once(&tokens, &user_assigned).secret(), of_shared.secret());
    // The host is not asked for a tenant, and cannot refuse one.
    let elsewhere = TokenRequest { tenant: Some(TenantId::new("common").unwrap()), ..host };
    assert_eq!(claims(&tokens.acquire(&elsewhere).await.unwrap())["azp"], ids::HOST);
}

#[tokio::test]
async fn a_resource_is_a_scope_and_each_is_kept_apart() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    let first = identity.acquire(&as_app("https://vault.azure.net//.default")).await.unwrap();
    let second = identity.acquire(&as_app("https://vault.azure.net")).await.unwrap();
    assert_eq!(claims(&first)["aud"], "https://vault.azure.net/");
    assert_eq!(claims(&second)["aud"], "https://vault.azure.net");
    identity.acquire(&as_app(GRAPH)).await.unwrap();
    let resources: Vec<_> = asked(&kit).iter().map(|entry| entry.scope.clone().unwrap()).collect();
    assert_eq!(
        resources,
        ["https://vault.azure.net/", "https://vault.azure.net", "https://graph.microsoft.com"]
    );
}

#[tokio::test]
async fn identities_of_one_host_do_not_share() {
    let kit = Kit::new();
    let identity = system(&kit, Host::AppService);
    let own = identity.acquire(&as_app(ORDERS)).await.unwrap();
    let other = TokenRequest::as_managed_identity(scopes(ORDERS), shared());
    let other = identity.acquire(&other).await.unwrap();
    assert_eq!(claims(&own)["azp"], ids::HOST);
    assert_eq!(claims(&other)["azp"], ids::SHARED_IDENTITY);
}

#[tokio::test]
async fn what_a_host_cannot_know_is_refused_before_it_is_asked() {
    let kit = Kit::new();
    let identity = system(&kit, Host::AppService);
    let user = UserAssertion::new("a.b.c").unwrap();
    let agent = AgentId::new(ids::AGENT).unwrap();
    let claims = Claims::new(r#"{"xms_az_claim":"x"}"#).unwrap();
    let body = Parameter::shaping(Place::Body, "x", "s3cret?%G&=");
    for (request, told) in [
        (TokenRequest::on_behalf_of(scopes(ORDERS), &user), "a managed identity has no users"),
        (
            TokenRequest::new(scopes(ORDERS), Subject::Agent(agent, AgentSubject::App)),
            "a managed identity has no agents",
        ),
        (as_app(&format!("{ORDERS} {GRAPH}")), "asks for one resource at a time"),
        (as_app(ORDERS).fmi_path(FmiPath::new("a/b").unwrap()), "has no fmi path"),
        (as_app(ORDERS).client_claims(claims), "has no claims of its own"),
        (as_app(ORDERS).parameter(body), "has no body"),
    ] {
        let error = identity.acquire(&request).await.unwrap_err();
        assert_eq!(who(&error), "the developer");
        assert!(error.to_string().contains(told), "{error}");
    }
    assert_eq!(count(&kit), 0);
}

#[tokio::test]
async fn query_parameters_go_along_and_tell_tokens_apart() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    let hostile = Parameter::shaping(Place::Query, "slice", "a&client_id=b");
    identity.acquire(&as_app(ORDERS).parameter(hostile)).await.unwrap();
    assert_eq!(asked(&kit).len(), 2);
    assert_eq!(asked(&kit)[1].field("slice"), Some("a&client_id=b"));
    assert_eq!(asked(&kit)[1].client_id, None);
}

#[tokio::test]
async fn the_correlation_id_is_told_to_the_metadata_service() {
    let kit = Kit::new();
    let id = entra_abstractions::CorrelationId::random();
    let request = as_app(ORDERS).correlation_id(id);
    system(&kit, Host::VirtualMachine).acquire(&request).await.unwrap();
    assert_eq!(asked(&kit)[0].header("x-ms-client-request-id"), Some(id.to_string().as_str()));
    assert_eq!(asked(&kit)[0].header("x-client-sku"), Some("entra-rs"));
}

#[tokio::test]
async fn forced_and_challenged_requests_pass_the_cache_by() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    let first = identity.acquire(&as_app(ORDERS)).await.unwrap();
    let second = identity.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    let challenge = Claims::new(r#"{"access_token":{"nbf":{"essential":true}}}"#).unwrap();
    let third = identity.acquire(&as_app(ORDERS).claims(challenge)).await.unwrap();
    assert!(first.secret() != second.secret() && second.secret() != third.secret());
    assert_eq!(identity.acquire(&as_app(ORDERS)).await.unwrap().secret(), third.secret());
    assert_eq!(count(&kit), 3);
    let sent = format!("{:?}", asked(&kit));
    assert!(!sent.contains("nbf") && !sent.contains("token_sha256_to_refresh"), "{sent}");
}

#[tokio::test]
async fn who_it_is_can_be_read_and_logged() {
    let kit = Kit::new();
    let identity = super::on(&kit, Host::AppService, shared()).build().unwrap();
    let client = ClientId::new(ids::SHARED_IDENTITY).unwrap();
    assert_eq!(*identity.id(), ManagedIdentityId::ClientId(client));
    let shown = format!("{identity:?}");
    assert!(shown.contains(ids::SHARED_IDENTITY) && !shown.contains(ids::HOST_SECRET), "{shown}");
}

#[tokio::test]
async fn an_explanation_names_the_host_and_what_it_cannot_be_asked_for() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    let explanation = identity.explain(&as_app(ORDERS));
    assert_eq!((explanation.host.as_str(), explanation.reason), ("localhost", Some(Reason::Unseen)));
    let told = explanation.to_string();
    assert!(told.starts_with("from the host: no token was cached"), "{told}");
    assert!(told.contains("managed_identity at localhost\n"), "{told}");
    assert_eq!(count(&kit), 0);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(identity.explain(&as_app(ORDERS)).answered_by, Some(AnsweredBy::Memory));
    let user = UserAssertion::new("a.b.c").unwrap();
    let refused = identity.explain(&TokenRequest::on_behalf_of(scopes(ORDERS), &user));
    assert!(refused.to_string().starts_with("from nowhere: a managed identity has no users"), "{refused}");
    let arc = system(&kit, Host::AzureArc);
    let refused = arc.explain(&TokenRequest::as_managed_identity(scopes(ORDERS), shared()));
    assert!(refused.answered_by.is_none() && refused.refused.is_some(), "{refused}");

    // Through an application's acquirer: the application's own authority and credentials are not in it.
    let application = kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET);
    let tokens = kit.builder(application).environment(Environment::empty()).build().unwrap();
    let request = TokenRequest::as_managed_identity(scopes(ORDERS), ManagedIdentityId::System);
    let explanation = tokens.explain(&request);
    assert_eq!(explanation.host, "169.254.169.254");
    assert!(explanation.credentials.is_empty() && explanation.tenant.is_none(), "{explanation}");
}

#[tokio::test]
async fn a_host_that_refuses_again_and_again_is_left_alone_for_a_moment() {
    let kit = Kit::new();
    let identity = system(&kit, Host::AppService);
    kit.emulator.edit(|directory| directory.managed_identities.clear());
    for asked in 1..=3 {
        identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(count(&kit), asked);
    }
    for _ in 0..100 {
        let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the administrator");
        assert!(error.to_string().contains("refused three times within a minute"), "{error}");
    }
    assert_eq!(count(&kit), 3);
    // Another resource is another matter, and the identity may come meanwhile.
    identity.acquire(&as_app(GRAPH)).await.unwrap_err();
    assert_eq!(count(&kit), 4);
    let whole = entra_emulator::Directory::default().managed_identities;
    kit.emulator.edit(|directory| directory.managed_identities = whole);
    kit.advance(5);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
}
