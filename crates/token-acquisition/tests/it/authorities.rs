//! Each kind of authority and each cloud is asked at its own endpoints, and in its region; a host that
//! nobody knows is looked into.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{AcquireToken, Cloud, Environment, HttpSettings, TenantId};
use entra_emulator::{Emulator, Endpoint, Entry, Fault, ids};
use entra_token_acquisition::{AnsweredBy, Application, ApplicationBuilder, TokenAcquirerBuilder};

use crate::kit::{Kit, ORDERS, READ, as_app, builder, every_text, who};

/// An Entra that is reached under any of these names.
struct World {
    emulator: Emulator,
    kit: Kit,
    http: HttpSettings,
}

impl World {
    fn of(hosts: &[&str]) -> Self {
        let emulator = Emulator::builder().https(true).start_blocking().unwrap();
        let kit = Kit::new();
        kit.clock.set(emulator.clock().now());
        let address = format!("127.0.0.1:{}", emulator.port()).parse().unwrap();
        let trusting = HttpSettings::default().trust_pem(emulator.ca_pem().unwrap());
        let http = hosts.iter().fold(trusting, |http, host| http.resolve(*host, address));
        Self { emulator, kit, http }
    }

    fn builder(&self, application: ApplicationBuilder) -> TokenAcquirerBuilder {
        let application = application.client_id(ids::DAEMON).secret(ids::DAEMON_SECRET).build().unwrap();
        builder(application, Arc::clone(&self.kit.clock) as Arc<_>).http(self.http.clone())
    }

    fn sent(&self) -> Vec<(String, String)> {
        let told = |entry: Entry| (entry.host, entry.path);
        self.emulator.log().token_requests().into_iter().map(told).collect()
    }
}

/// An app token of this authority comes from this host and path.
async fn check(application: ApplicationBuilder, host: &str, path: &str) {
    let world = World::of(&[host]);
    world.builder(application).build().unwrap().acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(world.sent(), [(host.to_owned(), path.to_owned())]);
    assert_eq!(world.emulator.log().entries().len(), 1, "nothing else was asked");
    // Entra's own parameter goes to none but Entra.
    let told = world.emulator.log().token_requests()[0].field("client_info").is_some();
    assert_eq!(told, !path.starts_with("/adfs/"), "{path}");
}

#[tokio::test]
async fn each_kind_has_endpoints_of_its_own() {
    let tenant = ids::TENANT;
    let of = |url: String| Application::builder().authority(url);
    check(
        of(format!("https://fabrikam.b2clogin.com/tfp/{tenant}/B2C_1_susi")),
        "fabrikam.b2clogin.com",
        &format!("/tfp/{tenant}/B2C_1_susi/oauth2/v2.0/token"),
    )
    .await;
    check(
        of(format!("https://contoso.ciamlogin.com/{tenant}/v2.0")),
        "contoso.ciamlogin.com",
        &format!("/{tenant}/oauth2/v2.0/token"),
    )
    .await;
    check(of("https://fs.contoso.example/adfs".into()), "fs.contoso.example", "/adfs/oauth2/token").await;
    let dsts = "co1.dsts.core.windows.net";
    let path = format!("/dstsv2/{tenant}/oauth2/v2.0/token");
    check(of(format!("https://{dsts}/dstsv2/{tenant}")), dsts, &path).await;
}

#[tokio::test]
async fn a_tenant_that_cannot_be_chosen_is_refused() {
    let world = World::of(&["fabrikam.b2clogin.com"]);
    let b2c = format!("https://fabrikam.b2clogin.com/tfp/{}/B2C_1_susi", ids::TENANT);
    for (authority, kind) in [
        (Application::builder().authority(b2c.clone()), "Azure AD B2C"),
        (Application::builder().authority("https://fs.contoso.example/adfs"), "AD FS"),
        (Application::builder().discovered_authority("https://idp.example/realm"), "an OpenID provider"),
    ] {
        let tokens = world.builder(authority).build().unwrap();
        let elsewhere = as_app(ORDERS).tenant(TenantId::new("contoso.example").unwrap());
        let error = tokens.acquire(&elsewhere).await.unwrap_err();
        assert_eq!(who(&error), "the developer");
        let told = format!("the tenant of the request: {kind} has no other tenant to ask for");
        assert!(error.to_string().starts_with(&told), "{error}");
    }
    assert!(world.emulator.log().entries().is_empty());
    // Its own is no other, and is kept once.
    let tokens = world.builder(Application::builder().authority(b2c)).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let own = as_app(ORDERS).tenant(TenantId::new(ids::TENANT).unwrap());
    crate::kit::at_once(&tokens, &own);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn another_server_hears_nothing_that_only_entra_knows() {
    let kit = Kit::new();
    let provider = format!("{}/v2.0", kit.emulator.authority(ids::TENANT));
    let application = Application::builder().discovered_authority(provider);
    let tokens = kit.acquirer(application.client_id(ids::DAEMON).secret(ids::DAEMON_SECRET));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(kit.sent()[0].field("client_info"), None);
    assert!(kit.daemon().acquire(&as_app(ORDERS)).await.is_ok());
    assert_eq!(kit.sent()[1].field("client_info"), Some("2"));
}

#[tokio::test]
async fn each_cloud_has_a_host_of_its_own() {
    for cloud in Cloud::ALL {
        let application = Application::builder().cloud(cloud).tenant(ids::TENANT);
        check(application, cloud.login_host(), &format!("/{}/oauth2/v2.0/token", ids::TENANT)).await;
    }
}

#[tokio::test]
async fn a_region_serves_the_application_and_no_user() {
    let (global, regional) = ("login.microsoftonline.com", "westus2.login.microsoft.com");
    let world = World::of(&[global, regional]);
    let application = Application::builder().tenant(ids::TENANT).region("westus2");
    let api = application.client_id(ids::API).secret(ids::API_SECRET).build().unwrap();
    let tokens =
        builder(api, Arc::clone(&world.kit.clock) as Arc<_>).http(world.http.clone()).build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let caller = world.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    let caller = entra_abstractions::UserAssertion::new(caller).unwrap();
    let request = entra_abstractions::TokenRequest::on_behalf_of(crate::kit::scopes(READ), &caller);
    // Whether the emulator's public name takes its token matters less than where it was asked.
    drop(tokens.acquire(&request).await);
    let hosts: Vec<String> = world.sent().into_iter().map(|(host, _)| host).collect();
    assert_eq!(hosts, [regional, global]);
}

fn detecting(world: &World, metadata_service: &str) -> TokenAcquirerBuilder {
    let environment = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata_service)];
    world
        .builder(Application::builder().tenant(ids::TENANT).detect_region())
        .environment(Environment::from_pairs(environment))
        .look_again_after(Duration::from_secs(300))
}

#[tokio::test]
async fn a_region_is_detected_once() {
    let regional = "westeurope.login.microsoft.com";
    let world = World::of(&["login.microsoftonline.com", regional]);
    // A service that is busy is asked again.
    world.kit.emulator.faults().add(Fault::status(500).at(Endpoint::Compute));
    let tokens = detecting(&world, world.kit.emulator.base_url()).build().unwrap();
    // An explanation does not look for it, and names it once it is known.
    let explanation = tokens.explain(&as_app(ORDERS));
    assert_eq!(explanation.host, "login.microsoftonline.com");
    assert_eq!(explanation.answered_by, Some(AnsweredBy::Entra));
    for scopes in [ORDERS, crate::kit::GRAPH] {
        tokens.acquire(&as_app(scopes)).await.unwrap();
    }
    assert_eq!(tokens.explain(&as_app(ORDERS)).host, regional);
    assert!(world.sent().iter().all(|(host, _)| host == regional), "{:?}", world.sent());
    assert_eq!(world.kit.emulator.log().count(|entry| entry.endpoint == Endpoint::Compute), 2);
}

#[tokio::test]
async fn without_a_region_the_global_endpoint_serves_and_it_is_looked_for_again() {
    let (global, regional) = ("login.microsoftonline.com", "westeurope.login.microsoft.com");
    let world = World::of(&[global, regional]);
    world.kit.emulator.faults().add(Fault::status(404).at(Endpoint::Compute));
    let tokens = detecting(&world, world.kit.emulator.base_url()).build().unwrap();
    let asked = || world.kit.emulator.log().count(|entry| entry.endpoint == Endpoint::Compute);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    tokens.acquire(&as_app(crate::kit::GRAPH)).await.unwrap();
    assert_eq!(asked(), 1, "the failure is remembered");
    world.kit.clock.advance(Duration::from_secs(301));
    tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_eq!(asked(), 2);
    let hosts: Vec<String> = world.sent().into_iter().map(|(host, _)| host).collect();
    assert_eq!(hosts, [global, global, regional]);
}

#[tokio::test]
async fn a_host_that_entra_disowns_must_speak_for_itself() {
    let (global, own) = ("login.microsoftonline.com", "login.contoso.example");
    let world = World::of(&[global, own]);
    let stranger = || Application::builder().instance(format!("https://{own}")).tenant(ids::TENANT);
    let asked = || {
        let entries = world.emulator.log().entries();
        entries.iter().map(|entry| (entry.host.clone(), entry.endpoint)).collect::<Vec<_>>()
    };
    world.builder(stranger()).build().unwrap().acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(
        asked(),
        [
            (global.to_owned(), Endpoint::InstanceDiscovery),
            (own.to_owned(), Endpoint::Metadata),
            (own.to_owned(), Endpoint::Token)
        ]
    );

    world.emulator.log().clear();
    world.emulator.faults().add(Fault::status(404).at(Endpoint::Metadata));
    let error = world.builder(stranger()).build().unwrap().acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "the developer", "{error}");
    assert!(error.to_string().contains("Entra knows no login host login.contoso.example"), "{error}");
    assert!(!every_text(&error).contains(ids::DAEMON_SECRET) && world.sent().is_empty());

    world.emulator.log().clear();
    let tokens = world.builder(stranger()).without_instance_discovery().build().unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(asked(), [(own.to_owned(), Endpoint::Token)]);
}

#[tokio::test]
async fn where_entra_cannot_be_asked_the_host_is_believed_for_a_while() {
    let (global, own) = ("login.microsoftonline.com", "login.contoso.example");
    let world = World::of(&[global, own]);
    world.emulator.faults().add(Fault::status(503).at(Endpoint::InstanceDiscovery));
    let application = Application::builder().instance(format!("https://{own}")).tenant(ids::TENANT);
    let tokens = world.builder(application).build().unwrap();
    let asked = || world.emulator.log().count(|entry| entry.endpoint == Endpoint::InstanceDiscovery);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_eq!(asked(), 1);
    world.kit.clock.advance(Duration::from_secs(301));
    tokens.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_eq!(asked(), 2);
}
