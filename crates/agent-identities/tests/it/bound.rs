//! An agent whose blueprint shows a certificate: which legs go over connections with it, and which
//! tokens can be bound to it.

use entra_abstractions::{
    AcquireToken, AgentSubject, Environment, HttpSettings, Misconfigured, OnBehalfOf, Scheme, Section,
    Subject, TokenError, TokenRequest, User,
};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_emulator::{Emulator, Entry, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use serde_json::json;

use crate::kit::{ORDERS, READ, as_user, claims, scopes};

/// An Entra over TLS, and a blueprint that has registered its certificate there.
struct Stage {
    emulator: Emulator,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let emulator = Emulator::builder().https(true).strict_traffic().start_blocking().unwrap();
        emulator.edit(|directory| {
            let blueprint = directory.app_mut(ids::BLUEPRINT).unwrap();
            blueprint.certificates = vec![ids::APP_CERTIFICATE.to_owned()];
        });
        let folder = tempfile::tempdir().unwrap();
        let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
        std::fs::write(folder.path().join("blueprint.pem"), pem).unwrap();
        Self { emulator, folder }
    }

    fn agents(&self, is_shown: bool) -> AgentIdentities {
        let section = json!({
            "Instance": self.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::BLUEPRINT,
            "ClientCredentials": [{
                "SourceType": "Path", "CertificateDiskPath": self.folder.path().join("blueprint.pem"),
                "UseBoundCredential": is_shown,
            }],
        });
        let application = Application::from_section(&Section::new("AzureAd", section)).unwrap();
        let blueprint = TokenAcquirer::builder(application)
            .environment(Environment::empty())
            .http(HttpSettings::default().trust_pem(self.emulator.ca_pem().unwrap()));
        AgentIdentities::new(blueprint.build().unwrap())
    }

    fn caller(&self) -> TokenRequest {
        let token = self.emulator.user_token("alice", &format!("api://{}/access_agent", ids::BLUEPRINT));
        let user = OnBehalfOf::new(entra_abstractions::UserAssertion::new(token).unwrap());
        let subject =
            Subject::Agent(ids::AGENT.try_into().unwrap(), AgentSubject::User(User::OnBehalfOf(user)));
        TokenRequest::new(scopes(READ), subject)
    }

    /// Which certificate each leg showed, and as what its proof came.
    fn legs(&self) -> Vec<(Option<String>, Option<String>)> {
        let told = |entry: Entry| {
            let kind = entry.field("client_assertion_type").map(str::to_owned);
            (entry.client_certificate, kind)
        };
        let legs = self.emulator.log().token_requests().into_iter().map(told).collect();
        self.emulator.log().clear();
        legs
    }
}

fn as_agent() -> TokenRequest {
    TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT)
}

fn bound(request: TokenRequest) -> TokenRequest {
    TokenRequest { scheme: Scheme::MtlsPop, ..request }
}

const PLAIN: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const BOUND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";

#[tokio::test]
async fn a_blueprints_bound_credential_is_shown_where_the_blueprint_is_proven() {
    let stage = Stage::new();
    for (request, more) in [(as_agent(), 1), (stage.caller(), 1), (as_user(READ, ids::AGENT_USER_UPN), 2)] {
        let token = stage.agents(true).acquire(&request).await.unwrap();
        assert_eq!((token.scheme(), token.binding()), (&Scheme::Bearer, None));
        assert!(claims(&token).get("cnf").is_none());
        let legs = stage.legs();
        assert_eq!((legs[0].0.is_some(), legs[0].1.as_deref()), (true, Some(PLAIN)), "{request:?}");
        // The agent is proven by its blueprint's token, which is a bearer's.
        assert_eq!(legs[1..].len(), more);
        assert!(legs[1..].iter().all(|(shown, _)| shown.is_none()), "{legs:?}");
    }
    stage.agents(false).acquire(&as_agent()).await.unwrap();
    assert!(stage.legs().iter().all(|(shown, _)| shown.is_none()));
}

#[tokio::test]
async fn an_agents_bound_token_is_bound_to_its_blueprints_certificate_in_both_legs() {
    let stage = Stage::new();
    for is_shown in [false, true] {
        let agents = stage.agents(is_shown);
        agents.binder().unwrap().check(&bound(as_agent())).unwrap();
        let token = agents.acquire(&bound(as_agent())).await.unwrap();
        let thumbprint = token.binding().unwrap().thumbprint().to_owned();
        assert_eq!(claims(&token)["cnf"]["x5t#S256"], *thumbprint);
        assert_eq!(claims(&token)["azp"], ids::AGENT);
        let shown = Some(thumbprint);
        assert_eq!(stage.legs(), [(shown.clone(), None), (shown, Some(BOUND.to_owned()))]);
    }
}

#[tokio::test]
async fn what_an_agent_gets_for_a_user_cannot_be_bound() {
    let stage = Stage::new();
    let agents = stage.agents(true);
    for request in [stage.caller(), as_user(READ, ids::AGENT_USER_UPN)].map(bound) {
        let told: [Misconfigured; 2] = [
            agents.binder().unwrap().check(&request).unwrap_err(),
            match agents.acquire(&request).await.unwrap_err() {
                TokenError::Misconfigured(fault) => fault,
                other => Misconfigured::new("another").with_source(other),
            },
        ];
        for fault in told {
            let text = fault.to_string();
            assert!(text.contains("only an application's own token can be bound"), "{text}");
        }
    }
    assert_eq!(stage.legs(), []);
}
