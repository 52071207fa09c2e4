//! Each source is asked in its own way, and for the identities that it has.

use entra_abstractions::{AcquireToken, ManagedIdentityId};
use entra_emulator::{ManagedIdentityHost as Host, ids};

use super::{asked, count, on, shared, system};
use crate::kit::{Kit, ORDERS, as_app, claims, who};

const HOSTS: [Host; 8] = [
    Host::VirtualMachine,
    Host::AppService,
    Host::AppService2017,
    Host::ContainerApps,
    Host::ServiceFabric,
    Host::AzureArc,
    Host::CloudShell,
    Host::MachineLearning,
];

#[tokio::test]
async fn every_host_gives_its_own_token_once() {
    for host in HOSTS {
        let kit = Kit::new();
        let identity = system(&kit, host);
        let token = identity.acquire(&as_app(ORDERS)).await.unwrap();
        assert_eq!(claims(&token)["azp"], ids::HOST, "{host:?}");
        assert_eq!(token.tenant(), None, "a host does not say where its identity lives");
        assert_eq!(token.scopes().collect::<Vec<_>>(), [ORDERS]);
        let before = count(&kit);
        assert_eq!(before, if host == Host::AzureArc { 2 } else { 1 }, "{host:?}");
        let again = identity.acquire(&as_app(ORDERS)).now().unwrap().unwrap();
        assert_eq!(again.secret(), token.secret());
        assert_eq!(count(&kit), before);
        let life = token.expires_at().duration_since(entra_abstractions::Clock::now(&*kit.clock)).unwrap();
        assert_eq!(life.as_secs(), 86_400, "{host:?}");
    }
}

#[tokio::test]
async fn a_user_assigned_identity_is_named_as_the_host_wants_it() {
    let by_client = shared;
    let by_object = || ManagedIdentityId::object_id(ids::SHARED_IDENTITY_OBJECT).unwrap();
    let by_resource = || ManagedIdentityId::resource_id(ids::SHARED_IDENTITY_RESOURCE).unwrap();
    let known: [(Host, [Option<&str>; 3]); 8] = [
        (Host::VirtualMachine, [Some("client_id"), Some("object_id"), Some("msi_res_id")]),
        (Host::AppService, [Some("client_id"), Some("object_id"), Some("mi_res_id")]),
        (Host::ContainerApps, [Some("client_id"), Some("object_id"), Some("mi_res_id")]),
        (Host::AppService2017, [Some("clientid"), None, None]),
        (Host::MachineLearning, [Some("clientid"), None, None]),
        (Host::ServiceFabric, [None, Some("principalId"), None]),
        (Host::AzureArc, [None; 3]),
        (Host::CloudShell, [None; 3]),
    ];
    for (host, parameters) in known {
        for (id, parameter) in [by_client(), by_object(), by_resource()].into_iter().zip(parameters) {
            let kit = Kit::new();
            let result = on(&kit, host, id.clone()).build().unwrap().acquire(&as_app(ORDERS)).await;
            match (result, parameter) {
                (Ok(token), Some(parameter)) => {
                    assert_eq!(claims(&token)["azp"], ids::SHARED_IDENTITY, "{host:?} {id:?}");
                    assert!(asked(&kit)[0].field(parameter).is_some(), "{host:?} {id:?}");
                }
                (Err(error), None) => {
                    assert_eq!((who(&error), count(&kit)), ("the developer", 0), "{host:?}: {error}");
                    assert!(error.to_string().contains(&format!("cannot be asked for {id}")), "{error}");
                }
                (result, _) => panic!("{host:?} {id:?}: {result:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_identity_that_the_host_does_not_have_is_the_administrators_affair() {
    for host in [Host::VirtualMachine, Host::AppService, Host::MachineLearning] {
        let kit = Kit::new();
        let id = ManagedIdentityId::client_id(ids::DAEMON).unwrap();
        let error = on(&kit, host, id).build().unwrap().acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), count(&kit)), ("the administrator", 1), "{error}");
        for told in ["not assigned to this host", "managed_identity at localhost", ids::DAEMON] {
            assert!(error.to_string().contains(told), "{error}");
        }
        assert!(
            !error.to_string().contains("Identity not found"),
            "the host's text is not repeated: {error}"
        );
    }
}
