//! Whose token is asked for, and what is said of it.

use std::time::Duration;

use entra_abstractions::{
    AccountId, AgentSubject, AgentUser, Claims, CorrelationId, FmiPath, OnBehalfOf, Parameter, Place, PopKey,
    Scheme, SessionKey, Subject, TokenError, TokenRequest, User, UserAssertion,
};
use entra_downstream_api::{Api, Call, CallError};
use serde_json::json;

use crate::server::{Server, asked, section, start, tokens};

const AGENT: &str = "33333333-3333-4333-8333-333333333333";

fn user() -> UserAssertion {
    UserAssertion::new("h.p.s").unwrap()
}

#[tokio::test]
async fn each_subject_with_its_scopes() {
    let (server, api, tokens) = start(json!({})).await;
    let account = AccountId::new("uid", "utid").unwrap();
    let told = async |call: Call| {
        call.empty().await.unwrap();
        let TokenRequest { subject, scopes, .. } = asked(&tokens);
        (subject, scopes.as_str().to_owned())
    };
    let delegated = "api://orders/read".to_owned();
    assert_eq!(told(api.as_app().call()).await, (Subject::App, "api://orders/.default".to_owned()));
    let obo = Subject::User(User::OnBehalfOf(user().into()));
    assert_eq!(told(api.on_behalf_of(&user()).call()).await, (obo.clone(), delegated.clone()));
    assert_eq!(told(api.as_configured(Some(&user())).call()).await, (obo, delegated.clone()));
    assert_eq!(
        told(api.for_account(&account).call()).await,
        (Subject::User(User::Account(account)), delegated.clone())
    );
    let (subject, scopes) = told(api.as_agent_user(AGENT, "bob.o'hara@contoso.example").call()).await;
    assert!(matches!(subject, Subject::Agent(_, AgentSubject::AgentUser(AgentUser::Upn(_)))));
    assert_eq!(scopes, delegated);
    assert_eq!(server.sent().len(), 5);
}

#[tokio::test]
async fn the_configuration_says_who_calls() {
    let (_server, api, tokens) = start(json!({"RequestAppToken": true})).await;
    api.as_configured(Some(&user())).call().empty().await.unwrap();
    assert_eq!(asked(&tokens).subject, Subject::App);
    api.as_configured(None).call().empty().await.unwrap();
    let (server, api, _) = start(json!({"RequestAppToken": false})).await;
    let error = api.as_configured(None).call().empty().await.unwrap_err();
    assert!(matches!(error, CallError::Token { error: TokenError::Misconfigured(_), .. }), "{error:?}");
    assert!(server.sent().is_empty());
}

#[tokio::test]
async fn a_session_is_kept_and_gone_on_with() {
    let (_server, api, tokens) = start(json!({})).await;
    let key = SessionKey::new("job s3cret?%G&=17").unwrap();
    let kept = Subject::User(User::OnBehalfOf(OnBehalfOf::new(user()).keep_as(key.clone())));
    let caller = api.on_behalf_of(&user()).keep_as(key.clone());
    assert!(!format!("{caller:?}").contains("s3cret"));
    caller.call().empty().await.unwrap();
    assert_eq!(asked(&tokens).subject, kept);
    api.for_session(&key).call().empty().await.unwrap();
    assert_eq!(asked(&tokens).subject, Subject::User(User::Session(key.clone())));
    assert_eq!(asked(&tokens).scopes.as_str(), "api://orders/read");
    for caller in [api.as_app(), api.for_session(&key), api.as_agent_user(AGENT, "x@y")] {
        let error = caller.keep_as(key.clone()).call().empty().await.unwrap_err();
        assert!(matches!(error, CallError::Token { error: TokenError::Misconfigured(_), .. }), "{error:?}");
    }

    // As a configuration says it: with a user it begins, without one it goes on.
    let configured = json!({"AcquireTokenOptions": {"LongRunningWebApiSessionKey": key.expose()}});
    let (_server, api, tokens) = start(configured).await;
    assert!(!format!("{api:?}").contains("s3cret"));
    for (user, subject) in [(Some(user()), kept), (None, Subject::User(User::Session(key.clone())))] {
        api.as_configured(user.as_ref()).call().empty().await.unwrap();
        assert_eq!(asked(&tokens).subject, subject);
    }
    api.as_app().call().empty().await.unwrap();
    assert_eq!(asked(&tokens).subject, Subject::App);
}

#[tokio::test]
async fn an_application_asks_for_one_default() {
    let check = async |scopes: &str, own: Option<&str>, expected: Result<&str, &str>| {
        let (server, api, tokens) = start(json!({ "Scopes": scopes })).await;
        let caller = match own {
            Some(own) => api.as_app().scopes(own),
            None => api.as_app(),
        };
        match (caller.call().empty().await, expected) {
            (Ok(()), Ok(expected)) => assert_eq!(asked(&tokens).scopes.as_str(), expected),
            (Err(CallError::Token { error: TokenError::Misconfigured(fault), .. }), Err(expected)) => {
                assert!(fault.to_string().contains(expected), "{fault}");
                assert_eq!((server.sent().len(), tokens.requests().len()), (0, 0));
            }
            (found, expected) => panic!("{scopes} {own:?}: {found:?}, not {expected:?}"),
        }
    };
    check("api://a/read api://a/write offline_access", None, Ok("api://a/.default")).await;
    check("User.Read", None, Ok("https://graph.microsoft.com/.default")).await;
    check("api://a/.default", None, Ok("api://a/.default")).await;
    check("api://a/read api://b/read", None, Err("several resources")).await;
    check("api://a/read api://b/read", Some("api://b/.default"), Ok("api://b/.default")).await;
    check("api://a/read", Some("api://b/write"), Err("ask for api://b/.default")).await;
    check("api://a/read", Some("api://a/.default api://b/.default"), Err("several resources")).await;
    check("api://a/read", Some("a\"b"), Err("characters that no scope has")).await;
}

#[tokio::test]
async fn a_caller_is_laid_over_what_is_configured() {
    let (_server, api, tokens) = start(json!({"AcquireTokenOptions": {
        "Tenant": "contoso.example", "FmiPath": "a/b", "ForceRefresh": true, "ExtraQueryParameters": {"slice": "x"},
    }}))
    .await;
    api.as_app().call().empty().await.unwrap();
    let request = asked(&tokens);
    assert_eq!(request.tenant.unwrap().as_str(), "contoso.example");
    assert_eq!(request.fmi_path.unwrap().as_str(), "a/b");
    assert!(request.force_refresh);
    assert_eq!(request.parameters, [Parameter::shaping(Place::Query, "slice", "x")]);
    let id = CorrelationId::random();
    let caller = api
        .on_behalf_of(&user())
        .tenant("fabrikam.example")
        .scopes(["api://orders/write"])
        .claims(Claims::new("{}").unwrap())
        .fmi_path(FmiPath::new("c").unwrap())
        .correlation_id(id)
        .force_refresh()
        .parameter(Parameter::passing(Place::Body, "p", "s3cret"))
        .timeout(Duration::from_secs(5));
    assert!(!format!("{caller:?}").contains("s3cret"));
    caller.call().empty().await.unwrap();
    let request = asked(&tokens);
    assert_eq!(request.tenant.unwrap().as_str(), "fabrikam.example");
    assert_eq!(request.scopes.as_str(), "api://orders/write");
    assert_eq!((request.claims.unwrap().as_str(), request.correlation_id), ("{}", Some(id)));
    assert_eq!((request.fmi_path.unwrap().as_str(), request.parameters.len()), ("c", 2));
    for refused in
        [api.as_app().tenant("your-tenant-id"), api.as_agent_user("", "x@y"), api.as_agent_user(AGENT, "")]
    {
        let error = refused.call().empty().await.unwrap_err();
        assert!(matches!(error, CallError::Token { error: TokenError::Misconfigured(_), .. }), "{error:?}");
    }
}

#[tokio::test]
async fn every_key_of_the_token_options_reaches_the_request() {
    const ID: &str = "6d732f3e-c204-4fdd-8a27-3d4e5f607110";
    let (_server, api, tokens) = start(json!({"AcquireTokenOptions": {
        "Tenant": "contoso.example",
        "Claims": r#"{"access_token":{"acrs":{"value":"c1"}}}"#,
        "CorrelationId": ID,
        "FmiPath": "a/b",
        "ForceRefresh": "true",
        "ExtraQueryParameters": {"slice": "x&y"},
        "ExtraHeadersParameters": {"x-note": "s3cret note"},
        "ExtraParameters": {
            "EXTRA_BODY_PARAMETERS": {"attributes": r#"{"a":1}"#},
            "IDWEB_CLIENT_ASSERTION_CLAIMS": r#"{"b":2}"#,
        },
        "PopPublicKey": "eyJraWQiOiJhYmMifQ",
    }}))
    .await;
    api.as_app().call().empty().await.unwrap();
    let request = asked(&tokens);
    assert_eq!(request.tenant.unwrap().as_str(), "contoso.example");
    assert_eq!(request.claims.unwrap().as_str(), r#"{"access_token":{"acrs":{"value":"c1"}}}"#);
    assert_eq!(request.correlation_id.unwrap().to_string(), ID);
    assert_eq!(request.fmi_path.unwrap().as_str(), "a/b");
    assert!(request.force_refresh && request.refused.is_none());
    // As in .NET, those of query and body tell tokens apart, and headers do not.
    assert_eq!(
        request.parameters,
        [
            Parameter::shaping(Place::Query, "slice", "x&y"),
            Parameter::passing(Place::Header, "x-note", "s3cret note"),
            Parameter::shaping(Place::Body, "attributes", r#"{"a":1}"#),
        ]
    );
    assert_eq!(request.client_claims.unwrap().as_str(), r#"{"b":2}"#);
    assert_eq!(request.scheme, Scheme::Pop(PopKey::new("eyJraWQiOiJhYmMifQ").unwrap()));
}

#[tokio::test]
async fn whatever_can_be_said_of_a_token_request_can_be_said_of_a_caller() {
    fn as_agent<T: AsMut<TokenRequest>>(mut of: T) -> T {
        let agent = entra_abstractions::AgentId::new(AGENT).unwrap();
        of.as_mut().subject = Subject::Agent(agent, AgentSubject::App);
        of
    }
    let (_server, api, tokens) = start(json!({})).await;
    as_agent(api.as_app()).get("x").empty().await.unwrap();
    as_agent(api.as_app().get("x")).empty().await.unwrap();
    for request in tokens.requests() {
        assert!(matches!(request.subject, Subject::Agent(_, AgentSubject::App)));
        assert_eq!(request.scopes.as_str(), "api://orders/.default");
    }
    let error = as_agent(api.on_behalf_of(&user())).get("x").empty().await.unwrap_err();
    assert!(TokenError::in_chain(&error).is_some(), "an agent's own token is not for delegated scopes");
}

#[tokio::test]
async fn an_anonymous_api_is_called_without_a_token_and_only_so() {
    let server = Server::start().await;
    let tokens = tokens();
    let section = section(&server, &json!({"Scopes": null, "Anonymous": true}));
    let api = Api::from_section(&section, std::sync::Arc::clone(&tokens)).unwrap();
    api.anonymously().get("x").empty().await.unwrap();
    api.as_configured(Some(&user())).get("x").empty().await.unwrap();
    assert_eq!(server.last().header("authorization"), None);
    for caller in [api.as_app(), api.on_behalf_of(&user()), api.as_agent_user(AGENT, "x@y")] {
        assert!(matches!(
            caller.get("x").empty().await,
            Err(CallError::Token { error: TokenError::Misconfigured(_), .. })
        ));
    }
    assert_eq!((server.sent().len(), tokens.requests().len()), (2, 0));
    let (_server, api, _) = start(json!({})).await;
    assert!(matches!(
        api.anonymously().call().empty().await,
        Err(CallError::Token { error: TokenError::Misconfigured(_), .. })
    ));
}
