//! Tokens that are bound to the certificate of a managed identity: issued by a metadata service that
//! checks what it is asked, and taken by an Entra that compares.

use entra_abstractions::{
    AccessToken, AcquireToken, Clock, Environment, HttpSettings, ManagedIdentityId, Scheme, TokenRequest,
};
use entra_emulator::{Endpoint, Entry, Fault, ManagedIdentityHost as Host, ids};
use entra_token_acquisition::{ManagedIdentity, ManagedIdentityBuilder};
use futures_util::future::join_all;
use serde_json::json;

use super::shared;
use crate::{
    kit::{GRAPH, Kit, ORDERS, as_app, claims, who},
    wiretap::{Does, Wiretap, json as answers, reply},
};

const DAY: u64 = 86_400;
const PLATFORM: &str = "/metadata/identity/getplatformmetadata";
const ISSUE: &str = "/metadata/identity/issuecredential";

/// A virtual machine whose metadata service issues certificates.
pub(crate) struct Machine {
    pub(crate) kit: Kit,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { kit: Kit::secured() }
    }

    pub(crate) fn http(&self) -> HttpSettings {
        self.kit.http(&[])
    }

    pub(crate) fn environment(&self) -> Environment {
        super::environment(&self.kit.emulator, Host::VirtualMachine)
    }

    pub(super) fn identity(&self, id: ManagedIdentityId) -> ManagedIdentityBuilder {
        super::with(&self.kit, self.environment(), id).http(self.http())
    }

    pub(super) fn system(&self) -> ManagedIdentity {
        self.identity(ManagedIdentityId::System).key_in_memory().build().unwrap()
    }

    /// The paths that were asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.kit.emulator.log().entries().into_iter().map(|entry| entry.path).collect()
    }

    fn issued(&self) -> usize {
        self.kit.emulator.log().count(|entry| entry.path == ISSUE)
    }

    fn fault(&self, fault: Fault) {
        self.kit.emulator.faults().add(fault);
    }
}

pub(crate) fn bound(scope: &str) -> TokenRequest {
    as_app(scope).scheme(Scheme::MtlsPop)
}

fn thumbprint(token: &AccessToken) -> String {
    token.binding().unwrap().thumbprint().to_owned()
}

fn fields(entry: &Entry) -> Vec<(&str, &str)> {
    entry.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn a_bound_token_names_the_certificate_that_the_metadata_service_issued() {
    let machine = Machine::new();
    let identity = machine.system();
    let token = identity.acquire(&bound(ORDERS)).await.unwrap();
    assert_eq!(claims(&token)["cnf"]["x5t#S256"], thumbprint(&token));
    assert_eq!((&claims(&token)["azp"], token.scheme()), (&json!(ids::HOST), &Scheme::MtlsPop));
    assert!(token.authorization_header().to_str().unwrap().starts_with("mtls_pop "));
    let endpoint = format!("/{}/oauth2/v2.0/token", ids::TENANT);
    assert_eq!(machine.asked(), [PLATFORM, ISSUE, &endpoint]);
    let sent = machine.kit.sent();
    assert_eq!(sent[0].client_certificate, Some(thumbprint(&token)));
    assert_eq!(
        fields(&sent[0]),
        [
            ("client_id", ids::HOST),
            ("grant_type", "client_credentials"),
            ("scope", ORDERS),
            ("token_type", "mtls_pop"),
        ]
    );
    // From the cache it comes with its certificate; for another API the certificate serves on.
    assert_eq!(identity.acquire(&bound(ORDERS)).now().unwrap().unwrap().binding(), token.binding());
    let other = identity.acquire(&bound(GRAPH)).await.unwrap();
    assert_eq!((other.binding(), machine.issued()), (token.binding(), 1));
}

#[tokio::test]
async fn each_request_chooses_the_version() {
    let machine = Machine::new();
    let identity = machine.system();
    for _ in 0..2 {
        let plain = identity.acquire(&as_app(ORDERS)).await.unwrap();
        assert_eq!((plain.scheme(), plain.binding()), (&Scheme::Bearer, None));
        assert!(identity.acquire(&bound(ORDERS)).await.unwrap().binding().is_some());
    }
    let first = "/metadata/identity/oauth2/token";
    assert_eq!(machine.asked().iter().filter(|path| *path == first).count(), 1);
    assert_eq!((machine.issued(), machine.kit.count()), (1, 1));
}

#[tokio::test]
async fn each_identity_has_a_certificate_of_its_own() {
    let machine = Machine::new();
    let tokens = machine.system();
    let own = tokens.acquire(&bound(ORDERS)).await.unwrap();
    let by_resource = ManagedIdentityId::resource_id(ids::SHARED_IDENTITY_RESOURCE).unwrap();
    for id in [shared(), by_resource] {
        let request = TokenRequest::as_managed_identity(as_app(ORDERS).scopes, id).scheme(Scheme::MtlsPop);
        let token = tokens.acquire(&request).await.unwrap();
        assert_eq!(claims(&token)["azp"], ids::SHARED_IDENTITY);
        assert_eq!(claims(&token)["cnf"]["x5t#S256"], thumbprint(&token));
        assert_ne!(token.binding(), own.binding());
    }
    let asked = machine.kit.emulator.log().entries();
    let named =
        |path: &str| asked.iter().filter(|entry| entry.path == path && entry.fields.len() == 2).count();
    assert_eq!((named(PLATFORM), named(ISSUE)), (2, 2));
}

#[tokio::test]
async fn a_hundred_callers_ask_for_one_certificate() {
    let machine = Machine::new();
    let identity = machine.system();
    let requests: Vec<_> = (0..100)
        .map(|number| {
            bound([ORDERS, GRAPH, "https://vault.azure.net/.default", "api://payroll/.default"][number % 4])
        })
        .collect();
    let tokens = join_all(requests.iter().map(|request| identity.acquire(request))).await;
    let first = tokens[0].as_ref().unwrap().binding().unwrap();
    let bound = tokens.iter().flatten().filter(|token| token.binding() == Some(first)).count();
    assert_eq!((bound, machine.issued()), (100, 1), "{:?}", tokens.iter().find_map(|t| t.as_ref().err()));
    // In vain they ask together, too.
    let machine = Machine::new();
    machine.fault(Fault::status(404).path("getplatformmetadata").always());
    let identity = machine.system();
    let failed = join_all(requests.iter().map(|request| identity.acquire(request))).await;
    assert!(failed.iter().all(Result::is_err));
    assert_eq!(machine.asked(), [PLATFORM]);
}

#[tokio::test]
async fn a_certificate_is_renewed_a_day_before_its_end() {
    let machine = Machine::new();
    let identity = machine.system();
    let first = identity.acquire(&bound(ORDERS)).await.unwrap();
    machine.kit.advance(6 * DAY - 1);
    let second = identity.acquire(&bound(ORDERS)).await.unwrap();
    assert_eq!((second.binding(), machine.issued()), (first.binding(), 1));
    // What is cached goes on over its own certificate.
    machine.kit.advance(1);
    assert_eq!(identity.acquire(&bound(ORDERS)).await.unwrap().binding(), first.binding());
    let third = identity.acquire(&bound(GRAPH)).await.unwrap();
    assert_ne!(third.binding(), first.binding());
    assert_eq!(
        (claims(&third)["cnf"]["x5t#S256"].as_str().unwrap(), machine.issued()),
        (&*thumbprint(&third), 2)
    );
}

#[tokio::test]
async fn while_no_certificate_can_be_had_the_one_at_hand_serves_to_its_end() {
    let machine = Machine::new();
    let identity = machine.system();
    let first = identity.acquire(&bound(ORDERS)).await.unwrap();
    machine.kit.advance(7 * DAY - 60);
    machine.fault(Fault::status(503).path("issuecredential").always());
    let last = identity.acquire(&bound(ORDERS)).await.unwrap();
    assert_eq!(last.binding(), first.binding());
    // Its token ends with it: no connection could show it later.
    assert_eq!(last.expires_at().duration_since(machine.kit.clock.now()).unwrap().as_secs(), 60);
    machine.kit.advance(61);
    let error = identity.acquire(&bound(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "nobody", "{error}");
    machine.kit.emulator.faults().clear();
    assert_ne!(identity.acquire(&bound(ORDERS)).await.unwrap().binding(), first.binding());
}

#[tokio::test]
async fn a_certificate_that_entra_refuses_is_replaced_once() {
    let machine = Machine::new();
    let identity = machine.system();
    let first = identity.acquire(&bound(ORDERS)).await.unwrap();
    machine.kit.emulator.revoke_certificates();
    let second = identity.acquire(&bound(GRAPH)).await.unwrap();
    assert_ne!(second.binding(), first.binding());
    assert_eq!((machine.issued(), machine.kit.count()), (2, 3));
    // Where that does not help, an administrator must look.
    machine.fault(Fault::refuse(700_027, "invalid_client").at(Endpoint::Token).always());
    let error = identity.acquire(&bound("api://payroll/.default")).await.unwrap_err();
    assert_eq!(who(&error), "the administrator");
    assert!(error.to_string().contains("the certificate of the managed identity"), "{error}");
    assert_eq!((machine.issued(), machine.kit.count()), (3, 5));
}

#[tokio::test]
async fn a_metadata_service_of_the_first_version_says_so() {
    let machine = Machine::new();
    machine.fault(Fault::status(404).path("getplatformmetadata").always());
    let error = machine.system().acquire(&bound(ORDERS)).await.unwrap_err();
    assert_eq!((who(&error), machine.asked()), ("the administrator", vec![PLATFORM.to_owned()]));
    assert!(
        error.to_string().contains("the metadata service of this machine issues no certificates"),
        "{error}"
    );
}

#[tokio::test]
async fn a_busy_metadata_service_is_asked_again() {
    let machine = Machine::new();
    machine.fault(
        Fault::status_retry_after(429, std::time::Duration::ZERO).path("getplatformmetadata").times(2),
    );
    machine.fault(Fault::status(503).path("issuecredential").times(2));
    machine.system().acquire(&bound(ORDERS)).await.unwrap();
    assert_eq!((machine.issued(), machine.kit.count()), (3, 1));
}

#[tokio::test]
async fn what_is_no_certificate_of_ours_is_told_and_never_shown() {
    let faults = [
        (Fault::html().path("getplatform"), "an answer that is not the metadata service's"),
        (Fault::html().path("issuecredential"), "an answer that is no certificate"),
        (Fault::truncated_json().path("issuecredential"), "an answer that is no certificate"),
        (Fault::huge(2 * 1024 * 1024).path("issuecredential"), "an answer larger than 1 MiB"),
        (Fault::clock_off(-8 * 86_400).path("issuecredential"), "a certificate that has ended"),
        (Fault::clock_off(86_400).path("issuecredential"), "a certificate whose time has not come"),
    ];
    for (fault, told) in faults {
        let machine = Machine::new();
        machine.fault(fault);
        let error = machine.system().acquire(&bound(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), machine.kit.count()), ("nobody", 0), "{error}");
        assert!(error.to_string().starts_with(told), "{error}");
    }
}

const TENANT: &str = "55555555-5555-4555-8555-555555555555";
const OTHER: &str = "77777777-7777-4777-8777-777777777777";

fn platform() -> Does {
    let body = json!({"clientId": ids::HOST, "tenantId": TENANT, "cuId": {"vmId": "vm"}}).to_string();
    reply("200 OK", "server: IMDS/1\r\ncontent-type: application/json\r\n", &body)
}

fn issued(client: &str, tenant: &str, certificate: &str) -> Does {
    answers(
        &json!({
            "client_id": client, "tenant_id": tenant, "certificate": certificate,
            "identity_type": "SystemAssigned", "mtls_authentication_endpoint": "https://mtlsauth.example",
        })
        .to_string(),
    )
}

#[tokio::test]
async fn a_certificate_of_another_is_none() {
    let kit = Kit::new();
    let der: String = ids::APP_CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    for (answer, told) in [
        (issued(ids::HOST, OTHER, &der), "a certificate of another tenant"),
        (issued(OTHER, TENANT, &der), "a certificate of another identity"),
        (issued(ids::HOST, TENANT, &der), "a certificate for another key"),
        (issued(ids::HOST, TENANT, &der[..400]), "a certificate that is cut off"),
        (issued(ids::HOST, TENANT, ids::APP_CERTIFICATE), "a certificate that is cut off"),
    ] {
        let wiretap = Wiretap::that([platform(), answer]).await;
        let environment =
            Environment::from_pairs([("AZURE_POD_IDENTITY_AUTHORITY_HOST", wiretap.url.as_str())]);
        let identity = super::with(&kit, environment, ManagedIdentityId::System).key_in_memory().build();
        let error = identity.unwrap().acquire(&bound(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "nobody", "{error}");
        assert!(error.to_string().starts_with(told), "{error}");
        assert!(wiretap.heard()[1].contains(r#""attestation_token":"""#), "{:?}", wiretap.heard());
    }
    // Whoever asked for one identity is not given another.
    let wiretap = Wiretap::that([platform(), issued(ids::HOST, TENANT, &der)]).await;
    let environment = Environment::from_pairs([("AZURE_POD_IDENTITY_AUTHORITY_HOST", wiretap.url.as_str())]);
    let identity = super::with(&kit, environment, shared()).key_in_memory().build().unwrap();
    let error = identity.acquire(&bound(ORDERS)).await.unwrap_err();
    assert!(error.to_string().starts_with("a certificate of another identity"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_bound_is_told_before_it_is_asked() {
    let kit = Kit::new();
    for (host, name) in [
        (Host::AppService, "App Service"),
        (Host::ServiceFabric, "Service Fabric"),
        (Host::AzureArc, "Azure Arc"),
        (Host::CloudShell, "Cloud Shell"),
        (Host::MachineLearning, "Azure Machine Learning"),
    ] {
        let identity = super::on(&kit, host, ManagedIdentityId::System).key_in_memory().build().unwrap();
        let told = identity.binder().unwrap().check(&bound(ORDERS)).unwrap_err().to_string();
        assert!(told.starts_with(name) && told.contains("issues no certificates"), "{told}");
        let explained = identity.explain(&bound(ORDERS));
        assert!(explained.refused.is_some(), "{explained}");
        let error = identity.acquire(&bound(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the developer", "{error}");
    }
    // Nobody has said to which key.
    let identity = super::system(&kit, Host::VirtualMachine);
    let told = identity.binder().unwrap().check(&bound(ORDERS)).unwrap_err().to_string();
    assert!(told.contains("attested_by(key), or key_in_memory()"), "{told}");
    assert_eq!(who(&identity.acquire(&bound(ORDERS)).await.unwrap_err()), "the developer");
    assert_eq!(super::count(&kit), 0);
    let ready =
        super::on(&kit, Host::VirtualMachine, ManagedIdentityId::System).key_in_memory().build().unwrap();
    ready.binder().unwrap().check(&bound(ORDERS)).unwrap();
}
