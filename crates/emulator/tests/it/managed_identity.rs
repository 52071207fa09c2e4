//! The hosts of managed identities: what each takes, and how it refuses everything else.

use std::time::Duration;

use entra_emulator::{Emulator, Endpoint, Fault, ManagedIdentityHost as Host, ids};
use serde_json::Value;

use crate::kit::{Answer, Kit, claims};

const ORDERS: &str = "resource=api%3A%2F%2Forders";

fn variable(emulator: &Emulator, host: Host, name: &str) -> String {
    let variables = emulator.managed_identity_environment(host);
    variables.into_iter().find(|(known, _)| *known == name).unwrap().1
}

async fn get(kit: &Kit, url: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(kit.http.get(url), |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.unwrap()).await
}

const METADATA: (&str, &str) = ("metadata", "true");

#[tokio::test]
async fn the_metadata_service_wants_its_header_and_one_identity() {
    let kit = Kit::new();
    let base = variable(&kit.emulator, Host::VirtualMachine, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let url = format!("{base}/metadata/identity/oauth2/token?api-version=2018-02-01&{ORDERS}");
    let answer = get(&kit, &url, &[METADATA]).await;
    let claims = claims(&answer.access_token());
    assert_eq!(claims["azp"], ids::HOST);
    assert_eq!(claims["oid"], ids::HOST_OBJECT);
    assert_eq!(claims["roles"][0], "Orders.Read.All");
    let body = answer.json();
    assert_eq!(
        (body["expires_in"].as_str(), body["resource"].as_str()),
        (Some("86400"), Some("api://orders"))
    );

    let resource_id =
        form_urlencoded::byte_serialize(ids::SHARED_IDENTITY_RESOURCE.as_bytes()).collect::<String>();
    for named in [
        format!("client_id={}", ids::SHARED_IDENTITY),
        format!("object_id={}", ids::SHARED_IDENTITY_OBJECT),
        format!("msi_res_id={resource_id}"),
    ] {
        let token = get(&kit, &format!("{url}&{named}"), &[METADATA]).await.access_token();
        assert_eq!(crate::kit::claims(&token)["azp"], ids::SHARED_IDENTITY, "{named}");
    }

    let check = async |url: &str, headers: &[(&str, &str)], told: &str| {
        let answer = get(&kit, url, headers).await;
        assert_eq!(answer.status, 400, "{url}");
        let body = answer.json();
        assert_eq!(body["error"], "invalid_request");
        let text = body["error_description"].as_str().unwrap();
        assert!(text.contains(told), "{url}: {text}");
    };
    check(&url, &[], "metadata header").await;
    check(&url, &[("metadata", "1")], "metadata header").await;
    check(&url, &[METADATA, ("x-forwarded-for", "10.0.0.1")], "forwarded").await;
    check(&url.replace("2018", "2017"), &[METADATA], "api-version").await;
    check(&url.replace("resource", "scope"), &[METADATA], "'resource' is missing").await;
    check(&url.replace("orders", "nowhere"), &[METADATA], "AADSTS500011").await;
    check(&format!("{url}&client_id={}", ids::DAEMON), &[METADATA], "Identity not found").await;
    check(&format!("{url}&client_id=a&object_id=b"), &[METADATA], "Only one identity").await;
    check(&format!("{url}&clientid=a"), &[METADATA], "'clientid' is not known").await;
    check(&format!("{url}&client_id=a&client_id=b"), &[METADATA], "given twice").await;
    let posted = Answer::of(kit.http.post(&url).header("metadata", "true").send().await.unwrap()).await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn hosts_with_a_secret_want_it_and_keep_it_out_of_the_log() {
    let kit = Kit::new();
    for (host, endpoint, header, version) in [
        (Host::AppService, "IDENTITY_ENDPOINT", "x-identity-header", "2019-08-01"),
        (Host::ContainerApps, "IDENTITY_ENDPOINT", "x-identity-header", "2019-08-01"),
        (Host::ServiceFabric, "IDENTITY_ENDPOINT", "secret", "2020-05-01"),
        (Host::AppService2017, "MSI_ENDPOINT", "secret", "2017-09-01"),
        (Host::MachineLearning, "MSI_ENDPOINT", "secret", "2017-09-01"),
    ] {
        let url = variable(&kit.emulator, host, endpoint);
        let url = format!("{url}?api-version={version}&{ORDERS}");
        let secret = (header, ids::HOST_SECRET);
        assert_eq!(claims(&get(&kit, &url, &[secret]).await.access_token())["azp"], ids::HOST, "{host:?}");
        for wrong in [vec![], vec![(header, "host s3cret")], vec![METADATA]] {
            assert_eq!(get(&kit, &url, &wrong).await.status, 401, "{host:?} {wrong:?}");
        }
        assert_eq!(get(&kit, &url.replace(version, "2000-01-01"), &[secret]).await.status, 400);
    }
    let logged = format!("{:?} {:?}", kit.emulator.log().entries(), kit.emulator.log());
    assert!(!logged.contains(ids::HOST_SECRET), "{logged}");
    assert!(kit.emulator.log().entries().iter().all(|entry| entry.endpoint == Endpoint::ManagedIdentity));
}

#[tokio::test]
async fn each_host_writes_times_in_its_own_way() {
    let kit = Kit::new();
    kit.emulator.clock().hold(std::time::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let end = async |host: Host, endpoint: &str, rest: &str, header: &str| -> Value {
        let url = format!("{}?{rest}&{ORDERS}", variable(&kit.emulator, host, endpoint));
        get(&kit, &url, &[(header, ids::HOST_SECRET)]).await.json()["expires_on"].take()
    };
    let (old, new, fabric) = ("api-version=2017-09-01", "api-version=2019-08-01", "api-version=2020-05-01");
    assert_eq!(end(Host::AppService, "IDENTITY_ENDPOINT", new, "x-identity-header").await, "1795086400");
    assert_eq!(end(Host::MachineLearning, "MSI_ENDPOINT", old, "secret").await, "1795086400");
    assert_eq!(
        end(Host::AppService2017, "MSI_ENDPOINT", old, "secret").await,
        "11/19/2026 11:06:40 AM +00:00"
    );
    assert_eq!(end(Host::ServiceFabric, "IDENTITY_ENDPOINT", fabric, "secret").await, 1_795_086_400);
}

#[tokio::test]
async fn the_agent_of_azure_arc_takes_the_key_in_its_file_once() {
    let kit = Kit::new();
    let url = variable(&kit.emulator, Host::AzureArc, "IDENTITY_ENDPOINT");
    let url = format!("{url}?api-version=2020-06-01&{ORDERS}");
    let challenged = get(&kit, &url, &[METADATA]).await;
    assert_eq!(challenged.status, 401);
    let challenge = challenged.headers["www-authenticate"].to_str().unwrap();
    let path = challenge.strip_prefix("Basic realm=").unwrap();
    assert_eq!(std::path::Path::new(path).parent(), Some(kit.emulator.arc_keys()));
    let proof = format!("Basic {}", std::fs::read_to_string(path).unwrap());
    let shown = [METADATA, ("authorization", proof.as_str())];
    assert_eq!(claims(&get(&kit, &url, &shown).await.access_token())["azp"], ids::HOST);
    assert_eq!(get(&kit, &url, &shown).await.status, 401, "a key serves once");
    assert_eq!(get(&kit, &url, &[METADATA, ("authorization", "Basic wrong")]).await.status, 401);
    assert_eq!(get(&kit, &format!("{url}&client_id=x"), &[METADATA]).await.status, 400);
    let folder = kit.emulator.arc_keys().to_owned();
    drop(kit);
    assert!(!folder.exists());
}

#[tokio::test]
async fn the_shell_takes_a_form() {
    let kit = Kit::new();
    let url = variable(&kit.emulator, Host::CloudShell, "MSI_ENDPOINT");
    let post = async |body: &'static str, metadata: &str| {
        let request = kit.http.post(&url).header("metadata", metadata);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(claims(&post(ORDERS, "true").await.access_token())["azp"], ids::HOST);
    assert_eq!(post(ORDERS, "no").await.status, 400);
    assert_eq!(post("resource=api%3A%2F%2Forders&client_id=x", "true").await.status, 400);
}

#[tokio::test]
async fn service_fabric_keeps_a_token_until_it_is_said_to_be_over() {
    let kit = Kit::new();
    let url = variable(&kit.emulator, Host::ServiceFabric, "IDENTITY_ENDPOINT");
    let url = format!("{url}?api-version=2020-05-01&{ORDERS}&xms_cc=cp1");
    let secret = [("secret", ids::HOST_SECRET)];
    let first = get(&kit, &url, &secret).await.access_token();
    assert_eq!(claims(&first)["xms_cc"][0], "cp1");
    assert_eq!(get(&kit, &url, &secret).await.access_token(), first);
    let other = "0".repeat(64);
    let kept = get(&kit, &format!("{url}&token_sha256_to_refresh={other}"), &secret).await.access_token();
    assert_eq!(kept, first, "the hash of another token ends none");
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, first.as_bytes());
    let sha256: String = sha256.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let next = get(&kit, &format!("{url}&token_sha256_to_refresh={sha256}"), &secret).await.access_token();
    assert_ne!(next, first);
    let user_assigned = format!("{url}&client_id={}", ids::SHARED_IDENTITY);
    assert_eq!(get(&kit, &user_assigned, &secret).await.status, 400);
}

#[tokio::test]
async fn faults_take_the_shape_of_the_host() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::status(503).at(Endpoint::ManagedIdentity).scope("orders").times(2));
    let url = variable(&kit.emulator, Host::AppService, "IDENTITY_ENDPOINT");
    let answer = get(&kit, &format!("{url}?api-version=2019-08-01&{ORDERS}"), &[]).await;
    assert_eq!((answer.status, answer.json()["statusCode"].as_u64()), (503, Some(503)));
    let base = variable(&kit.emulator, Host::VirtualMachine, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let url = format!("{base}/metadata/identity/oauth2/token?api-version=2018-02-01&{ORDERS}");
    let answer = get(&kit, &url, &[METADATA]).await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned()),
        (503, "server_error".into())
    );
}
