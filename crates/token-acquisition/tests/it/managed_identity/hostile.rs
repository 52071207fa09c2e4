//! Hosts that answer what no host answers, and environments that hold what no host sets.

use entra_abstractions::{AcquireToken, Environment, HttpSettings, ManagedIdentityId, Subject};
use entra_emulator::{Fault, ManagedIdentityHost as Host, ids};

use super::{count, system, with};
use crate::{
    kit::{Kit, ORDERS, as_app, every_text, who},
    wiretap::{Wiretap, granted, json, reply},
};

const SECRET: &str = "s3cret?%G&=";

fn app_service(kit: &Kit, url: &str, secret: &str) -> entra_token_acquisition::ManagedIdentity {
    let variables =
        [("IDENTITY_ENDPOINT", format!("{url}/msi/token/?old=1")), ("IDENTITY_HEADER", secret.to_owned())];
    with(kit, Environment::from_pairs(variables), ManagedIdentityId::System).build().unwrap()
}

#[tokio::test]
async fn the_secret_follows_no_redirect() {
    let kit = Kit::new();
    let elsewhere = Wiretap::that([granted("t")]).await;
    let location = format!("location: {}/\r\n", elsewhere.url);
    let wiretap = Wiretap::that([reply("302 Found", &location, "")]).await;
    let error = app_service(&kit, &wiretap.url, SECRET).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!((who(&error), elsewhere.heard().len()), ("the administrator", 0), "{error}");
    assert!(wiretap.heard()[0].contains(SECRET));
    assert!(!every_text(&error).contains(SECRET), "{error}");
}

#[tokio::test]
async fn what_is_no_token_is_told_and_not_asked_for_again() {
    let kit = Kit::new();
    let identity = system(&kit, Host::VirtualMachine);
    let faults = [
        (Fault::html(), "an answer that is no token answer"),
        (Fault::truncated_json(), "an answer that is no token answer"),
        (Fault::huge(2 * 1024 * 1024), "an answer larger than 1 MiB"),
        (Fault::huge(100), "an answer that does not say when its token ends"),
    ];
    for (index, (fault, told)) in faults.into_iter().enumerate() {
        kit.emulator.faults().add(fault);
        let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), count(&kit)), ("nobody", index + 1), "{error}");
        assert!(error.to_string().starts_with(told), "{error}");
        assert!(
            error.to_string().contains("asking the instance metadata service for the system-assigned"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_token_that_breaks_out_of_its_header_is_none() {
    let kit = Kit::new();
    for body in [
        r#"{"access_token":"a\r\nx: y","expires_in":3600}"#,
        r#"{"access_token":"a b","expires_in":3600}"#,
        r#"{"access_token":["s3cret"],"expires_in":3600}"#,
        r#"{"access_token":"s3cret","expires_in":3600,"token_type":"pop"}"#,
        r#"{"access_token":"s3cret","expires_on":1}{"#,
    ] {
        let wiretap = Wiretap::that([json(body)]).await;
        let error = app_service(&kit, &wiretap.url, SECRET).acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!((who(&error), wiretap.heard().len()), ("nobody", 1), "{error}");
        assert!(!every_text(&error).contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn an_environment_that_no_host_sets_is_told_by_its_variable() {
    let kit = Kit::new();
    for (endpoint, secret, told) in [
        ("nowhere", SECRET, "IDENTITY_ENDPOINT: not the URL of a managed identity endpoint of App Service"),
        ("file:///etc/passwd", SECRET, "IDENTITY_ENDPOINT: not the URL"),
        ("http://s3cret:x@127.0.0.1", SECRET, "IDENTITY_ENDPOINT: not the URL"),
        ("http://127.0.0.1:1", "s3cret\r\nx-injected: 1", "IDENTITY_HEADER: the secret"),
    ] {
        let variables = [("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", secret)];
        let identity =
            with(&kit, Environment::from_pairs(variables), ManagedIdentityId::System).build().unwrap();
        let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the developer");
        assert!(error.to_string().starts_with(told), "{error}");
        assert!(!every_text(&error).contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn off_azure_there_is_nobody_and_the_error_says_so() {
    let kit = Kit::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let http = HttpSettings::default().resolve("169.254.169.254", nobody);
    let identity = with(&kit, Environment::empty(), ManagedIdentityId::System).http(http).build().unwrap();
    let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(who(&error), "nobody");
    for told in ["no connection", "169.254.169.254", "does this program run on Azure"] {
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn the_metadata_service_can_be_put_elsewhere_and_is_asked_in_its_own_name() {
    let kit = Kit::new();
    let wiretap = Wiretap::that([granted("t")]).await;
    let address = wiretap.url.strip_prefix("http://").unwrap().parse().unwrap();
    let http = HttpSettings::default().resolve("169.254.169.254", address);
    let identity = with(&kit, Environment::empty(), ManagedIdentityId::System).http(http).build().unwrap();
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    let heard = &wiretap.heard()[0];
    assert!(heard.starts_with(
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Forders "
    ));
    assert!(heard.contains("host: 169.254.169.254\r\n") && heard.contains("metadata: true\r\n"), "{heard}");
    assert_eq!(heard.matches("host:").count(), 1, "{heard}");
}

#[tokio::test]
async fn nothing_secret_gets_into_a_text() {
    let kit = Kit::new();
    let identity = system(&kit, Host::AppService);
    let token = identity.acquire(&as_app(ORDERS)).await.unwrap();
    let request = entra_abstractions::TokenRequest::new(
        crate::kit::scopes(ORDERS),
        Subject::ManagedIdentity(ManagedIdentityId::System),
    );
    let shown = format!("{identity:?} {token:?} {request:?}");
    for secret in [token.secret().expose(), ids::HOST_SECRET] {
        assert!(!shown.contains(secret));
    }
}
