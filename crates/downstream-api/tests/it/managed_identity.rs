//! An API that is called as a managed identity of the host: as its configuration says, or its caller.

use entra_abstractions::{AccountId, ManagedIdentityId, SessionKey, Subject, TokenError, UserAssertion};
use entra_downstream_api::Api;
use serde_json::{Value, json};

use crate::server::{Server, asked, challenge, section, start, tokens};

const CLIENT: &str = "66666666-6666-4666-8666-666666666666";

fn shared() -> ManagedIdentityId {
    ManagedIdentityId::client_id(CLIENT).unwrap()
}

fn configured(identity: &Value) -> Value {
    json!({"AcquireTokenOptions": {"ManagedIdentity": identity}})
}

#[tokio::test]
async fn the_configuration_names_the_identity() {
    for (written, id) in [
        (json!({"UserAssignedClientId": CLIENT}), shared()),
        (json!({"UserAssignedClientId": ""}), ManagedIdentityId::System),
        (json!({"UserAssignedClientId": null}), ManagedIdentityId::System),
        (json!({}), ManagedIdentityId::System),
    ] {
        let (_server, api, tokens) = start(configured(&written)).await;
        let user = UserAssertion::new("h.p.s").unwrap();
        for caller in [api.as_app(), api.as_configured(None), api.as_configured(Some(&user))] {
            caller.get("x").empty().await.unwrap();
            assert_eq!(asked(&tokens).subject, Subject::ManagedIdentity(id.clone()), "{written}");
            assert_eq!(asked(&tokens).scopes.as_str(), "api://orders/.default");
        }
        // Whoever calls may say another.
        api.as_managed_identity(shared()).get("x").empty().await.unwrap();
        assert_eq!(asked(&tokens).subject, Subject::ManagedIdentity(shared()));
    }
}

#[tokio::test]
async fn nobody_else_calls_such_an_api() {
    let (server, api, tokens) = start(configured(&json!({}))).await;
    let user = UserAssertion::new("h.p.s").unwrap();
    let account = AccountId::new("uid", "utid").unwrap();
    let key = SessionKey::new("job-17").unwrap();
    for caller in [
        api.on_behalf_of(&user),
        api.for_account(&account),
        api.for_session(&key),
        api.as_agent_user("agent", "bob@contoso.example"),
    ] {
        let error = caller.get("x").empty().await.unwrap_err();
        let Some(TokenError::Misconfigured(fault)) = TokenError::in_chain(&error) else {
            panic!("{error:?}")
        };
        assert!(fault.to_string().contains("configured to be called as a managed identity"), "{fault}");
    }
    assert_eq!((server.sent().len(), tokens.requests().len()), (0, 0));
}

#[tokio::test]
async fn what_is_written_wrongly_is_told_when_it_is_built() {
    let server = Server::start().await;
    for (more, told) in [
        (
            configured(&json!({"UserAssignedClientId": "<your-client-id>"})),
            "DownstreamApis.Orders.AcquireTokenOptions.ManagedIdentity.UserAssignedClientId: \"<your-client-id>\" is",
        ),
        (
            configured(&json!({"ClientId": CLIENT})),
            "DownstreamApis.Orders.AcquireTokenOptions.ManagedIdentity.ClientId: unknown key",
        ),
        (
            configured(&json!("system")),
            "DownstreamApis.Orders.AcquireTokenOptions.ManagedIdentity: a section is expected",
        ),
        (
            json!({"Scopes": null, "Anonymous": true, "AcquireTokenOptions": {"ManagedIdentity": {}}}),
            "DownstreamApis.Orders.AcquireTokenOptions.ManagedIdentity: an anonymous API is called as nobody",
        ),
    ] {
        let error = Api::from_section(&section(&server, &more), tokens()).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[tokio::test]
async fn a_challenge_is_answered_once() {
    let (server, api, tokens) = start(configured(&json!({}))).await;
    server.then(challenge());
    api.as_app().get("x").empty().await.unwrap();
    assert_eq!((server.sent().len(), tokens.requests().len()), (2, 2));
    let (first, second) = (&tokens.requests()[0], &tokens.requests()[1]);
    assert!(first.claims.is_none() && second.claims.is_some());
    assert_eq!(second.subject, Subject::ManagedIdentity(ManagedIdentityId::System));

    server.then(challenge()).then(challenge());
    assert!(api.as_app().get("x").empty().await.is_err());
    assert_eq!(server.sent().len(), 4, "once more, and not again");
}
