//! Which requests share a key, and which are refused before anything is sent.

use std::{collections::hash_map::RandomState, hash::BuildHasher, sync::Arc};

use entra_abstractions::{
    AccountId, AgentId, AgentUser, Claims, ClientId, CorrelationId, FmiPath, ManagedIdentityId, Parameter,
    Place, Scopes, SessionKey, TenantId, TokenRequest, UserAssertion,
};
use proptest::prelude::*;

use super::*;
use crate::cache::Realms;

fn identity(tenant: &str) -> Arc<Identity> {
    let (client, tenant) = (ClientId::new("client").unwrap(), TenantId::new(tenant).unwrap());
    let (instance, at) = ("https://login.example/".into(), "AzureAd.TenantId".into());
    Arc::new(Identity::new(instance, client, tenant.clone(), tenant, at))
}

fn scopes(text: &str) -> Scopes {
    Scopes::try_from(text).unwrap()
}

fn refused(tenant: &str, request: &TokenRequest) -> String {
    let identity = identity(tenant);
    let authority = Authority::new("https://login.example", identity.tenant.clone()).unwrap();
    let checked = key_of(&identity, request).and_then(|key| check(&authority, &key, request));
    checked.map_or_else(|fault| fault.to_string(), |()| String::from("planned"))
}

#[test]
fn what_an_application_cannot_ask_for() {
    let app = |text: &str| TokenRequest::as_app(scopes(text));
    assert_eq!(refused("contoso.example", &app("api://x/.default")), "planned");
    assert_eq!(
        refused("common", &app("api://x/.default")),
        "AzureAd.TenantId: an application gets no token of its own from \"common\" \
         (configure the id of a tenant, or AppHomeTenantId, or name the tenant in the request)"
    );
    assert!(
        refused("contoso.example", &app("api://x/read")).contains("is not what an application can ask for")
    );
    assert!(
        refused("contoso.example", &app("api://x/.default api://y/.default")).contains("several resources")
    );
    let named = app("api://x/.default").tenant(TenantId::new("fabrikam.example").unwrap());
    assert_eq!(refused("common", &named), "planned");
    let astray = app("api://x/.default").tenant(TenantId::new("organizations").unwrap());
    assert_eq!(
        refused("contoso.example", &astray),
        "the tenant of the request: an application gets no token of its own from \"organizations\" \
         (name the tenant by its id or domain)"
    );
}

#[test]
fn a_user_may_be_of_any_tenant() {
    let user = UserAssertion::new("a.b.c").unwrap();
    assert_eq!(refused("common", &TokenRequest::on_behalf_of(scopes("User.Read"), &user)), "planned");
}

#[test]
fn an_agent_needs_its_acquirer() {
    let bob = AgentUser::upn("bob@contoso.example").unwrap();
    let other = TokenRequest::as_agent_user(scopes("x"), AgentId::new("agent").unwrap(), bob.clone());
    assert!(refused("contoso.example", &other).starts_with("this request names an agent (wrap the acquirer"));
    let own = TokenRequest::as_agent_user(scopes("x"), AgentId::new("client").unwrap(), bob);
    assert_eq!(refused("contoso.example", &own), "planned");
}

/// Every way in which two requests can differ so that their tokens must not be mixed up.
fn shapes() -> impl Strategy<Value = TokenRequest> {
    let scope = prop::sample::select(vec![
        "api://x/.default",
        "api://y/.default",
        "User.Read",
        "User.Read Mail.Read",
    ]);
    let owner = 0..16_usize;
    let tenant = prop::option::of(prop::sample::select(vec!["contoso.example", "fabrikam.example"]));
    let fmi = prop::option::of(prop::sample::select(vec!["a", "b"]));
    let parameters =
        prop::collection::vec((prop::bool::ANY, prop::sample::select(vec!["dc", "slice"]), "[ab]"), 0..2);
    (scope, owner, tenant, fmi, parameters).prop_map(|(scope, owner, tenant, fmi, parameters)| {
        let scopes = scopes(scope);
        let agent = AgentId::new("client").unwrap();
        let mut request = match owner {
            0 => TokenRequest::as_app(scopes),
            1 => TokenRequest::on_behalf_of(scopes, &UserAssertion::new("alice").unwrap()),
            2 => TokenRequest::on_behalf_of(scopes, &UserAssertion::new("bob").unwrap()),
            3 => TokenRequest::for_account(scopes, AccountId::new("alice", "t").unwrap()),
            4 => TokenRequest::for_account(scopes, AccountId::new("bob", "t").unwrap()),
            5 => TokenRequest::as_agent_user(scopes, agent, AgentUser::upn("alice").unwrap()),
            6 => TokenRequest::as_agent_user(scopes, agent, AgentUser::upn("bob").unwrap()),
            7 => TokenRequest::for_session(scopes, &SessionKey::new("alice").unwrap()),
            8 => TokenRequest::for_session(scopes, &SessionKey::new("bob").unwrap()),
            9 => TokenRequest::on_behalf_of(scopes, &UserAssertion::new("alice").unwrap())
                .keep_as(SessionKey::new("alice").unwrap()),
            12 => TokenRequest::as_managed_identity(scopes, ManagedIdentityId::System),
            13 => TokenRequest::as_managed_identity(scopes, ManagedIdentityId::client_id("alice").unwrap()),
            14 => TokenRequest::as_managed_identity(scopes, ManagedIdentityId::object_id("alice").unwrap()),
            15 => {
                TokenRequest::as_managed_identity(scopes, ManagedIdentityId::resource_id("/alice").unwrap())
            }
            10 => TokenRequest::on_behalf_of(scopes, &UserAssertion::new("bob").unwrap())
                .keep_as(SessionKey::new("alice").unwrap()),
            _ => TokenRequest::as_agent_user(
                scopes,
                agent,
                AgentUser::object_id("bbbbbbbb-0000-4000-8000-000000000002").unwrap(),
            ),
        };
        request.tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
        request.fmi_path = fmi.map(|path| FmiPath::new(path).unwrap());
        for (in_query, name, value) in parameters {
            let place = if in_query { Place::Query } else { Place::Body };
            request.parameters.push(Parameter::shaping(place, name, value));
        }
        request
    })
}

/// All that shapes a token, written down independently of the key.
fn shape(request: &TokenRequest) -> String {
    let tenant = request.tenant.as_ref().map_or("contoso.example", TenantId::as_str);
    let parameters: Vec<_> = request
        .parameters
        .iter()
        .filter(|parameter| parameter.shapes_token())
        .map(|parameter| format!("{:?}={}", parameter, parameter.value()))
        .collect();
    let owner = match &request.subject {
        Subject::Agent(_, AgentSubject::AgentUser(AgentUser::Upn(name))) => format!("upn {}", name.as_str()),
        Subject::User(User::OnBehalfOf(user)) => {
            format!("obo {:?} {:?}", user.assertion.sha256(), user.keep_as.as_ref().map(SessionKey::expose))
        }
        Subject::User(User::Session(key)) => format!("session {}", key.expose()),
        other => format!("{other:?}"),
    };
    format!("{owner}|{tenant}|{}|{:?}|{parameters:?}", request.scopes.canonical(), request.fmi_path)
}

proptest! {
    #[test]
    fn requests_share_a_key_exactly_when_their_tokens_may_be_mixed(a in shapes(), b in shapes()) {
        let identity = identity("contoso.example");
        let (key_a, key_b) = (key_of(&identity, &a).unwrap(), key_of(&identity, &b).unwrap());
        prop_assert_eq!(Realms::default().finds(&key_b, &key_a), shape(&a) == shape(&b));
        prop_assert_eq!(key_a.to_key() == key_b.to_key(), shape(&a) == shape(&b));
        if key_a.to_key() == key_b.to_key() {
            let hasher = RandomState::new();
            prop_assert_eq!(hasher.hash_one(key_a.to_key()), hasher.hash_one(key_b.to_key()));
        }
    }

    #[test]
    fn freshness_and_logging_are_not_in_the_key(a in shapes(), force in prop::bool::ANY) {
        let identity = identity("contoso.example");
        let mut b = a.clone().correlation_id(CorrelationId::random()).claims(Claims::new(r#"{"x":1}"#).unwrap());
        b.force_refresh = force;
        b.parameters.push(Parameter::passing(Place::Query, "trace", "on"));
        b.scopes = Scopes::new(a.scopes.iter().map(str::to_uppercase).collect::<Vec<_>>().iter().rev()).unwrap();
        let (key_a, key_b) = (key_of(&identity, &a).unwrap(), key_of(&identity, &b).unwrap());
        prop_assert!(Realms::default().finds(&key_b, &key_a));
    }
}
