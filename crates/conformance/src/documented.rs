//! The configuration of every document, verbatim: it loads; as written, with its placeholders, it is
//! refused with each fault named; with real ids laid over it by the environment, it builds.

use entra_abstractions::{AccessToken, Environment, Misconfigured, Scheme, Secret, testing::FakeAcquirer};
use entra_downstream_api::Api;
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use entra_web_api::TokenValidator;

macro_rules! documented {
    ($name:literal) => {
        include_str!(concat!("../../settings/tests/it/documented/", $name, ".json"))
    };
}

const IDS: [(&str, &str); 3] = [
    ("AzureAd__TenantId", "contoso.example"),
    ("AzureAd__ClientId", "22222222-2222-4222-8222-222222222222"),
    ("AzureAd__ClientCredentials__0__ClientSecret", "s3cret?%G&="),
];

fn load(json: &str, overlay: &[(&str, &str)]) -> Settings {
    let environment = Environment::from_pairs(overlay.iter().copied());
    Settings::loader().json(json).environment(environment).load().unwrap()
}

fn application(settings: &Settings) -> Result<Application, Misconfigured> {
    Application::from_section(&settings.section("AzureAd"))
}

fn api(settings: &Settings, name: &str) -> Result<Api, Misconfigured> {
    Api::new(name, &settings.section("DownstreamApis"), nobody())
}

fn nobody() -> FakeAcquirer {
    FakeAcquirer::new(|_| {
        Ok(AccessToken::new(Scheme::Bearer, Secret::new("at"), std::time::SystemTime::UNIX_EPOCH)?)
    })
}

#[track_caller]
fn refused<T>(result: Result<T, Misconfigured>, expected: &[&str]) {
    let Err(error) = result else { panic!("it was built") };
    let told = format!("{error:#}");
    for part in expected {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
}

const PLACEHOLDERS: [&str; 3] =
    ["AzureAd.TenantId: ", "AzureAd.ClientId: ", "AzureAd.ClientCredentials[0].ClientSecret: "];

#[test]
fn an_agent_that_calls_a_custom_api() {
    let json = documented!("agent-calls-custom-api");
    let written = load(json, &[]);
    refused(application(&written), &PLACEHOLDERS);
    assert!(api(&written, "MyApi").is_ok(), "its address and scopes are no placeholders");
    refused(api(&written, "MyApu"), &["MyApi"]);

    let settings = load(json, &IDS);
    let tokens = TokenAcquirer::builder(application(&settings).unwrap()).build().unwrap();
    assert!(Api::new("MyApi", &settings.section("DownstreamApis"), tokens).is_ok());
    assert!(TokenValidator::from_section(&settings.section("AzureAd")).is_ok());
}

#[test]
fn an_agent_that_makes_a_header() {
    let json = documented!("agent-makes-header");
    refused(application(&load(json, &[])), &PLACEHOLDERS);
    assert_eq!(
        application(&load(json, &IDS)).unwrap().client_id().as_str(),
        "22222222-2222-4222-8222-222222222222"
    );
}

#[test]
fn a_web_api_on_behalf_of_its_user() {
    let json = documented!("on-behalf-of");
    let written = load(json, &[]);
    refused(application(&written), &PLACEHOLDERS);
    refused(
        TokenValidator::from_section(&written.section("AzureAd")),
        &["AzureAd.TenantId", "AzureAd.ClientId"],
    );

    let settings = load(json, &IDS);
    assert!(application(&settings).is_ok());
    let audience = ("AzureAd__Audience", "api://22222222-2222-4222-8222-222222222222");
    let settings = load(json, &[IDS.as_slice(), &[audience]].concat());
    assert!(TokenValidator::from_section(&settings.section("AzureAd")).is_ok());
    for name in ["GraphAPI", "PartnerAPI"] {
        assert_eq!(api(&settings, name).unwrap().name(), name);
    }
}

#[test]
fn delegated_and_app_permissions_of_one_api() {
    let settings = load(documented!("delegated-and-app"), &[]);
    assert!(api(&settings, "MyApi").is_ok());
    refused(application(&settings), &["AzureAd: the section is missing"]);
}

#[test]
fn stores_and_hosts_prove_the_application() {
    let settings = load(documented!("bound-token"), &IDS[..2]);
    assert!(application(&settings).is_ok());
    refused(Api::from_section(&settings.section("SecureApi"), nobody()), &["SecureApi.Scopes"]);
    let scopes = [IDS[0], IDS[1], ("SecureApi__Scopes", "api://secure/.default")];
    let settings = load(documented!("bound-token"), &scopes);
    // Who has no certificate binds nothing, and is told so when the API is made.
    let told = ["SecureApi.ProtocolScheme", "has no certificate to show"];
    refused(Api::from_section(&settings.section("SecureApi"), nobody()), &told);
    let tokens = TokenAcquirer::builder(application(&settings).unwrap()).build().unwrap();
    assert!(Api::from_section(&settings.section("SecureApi"), tokens).is_ok());

    let settings = load(documented!("two-apis"), &IDS[..2]);
    assert!(application(&settings).is_ok());
    assert!(api(&settings, "MicrosoftGraph").is_ok() && api(&settings, "MyApi").is_ok());
}

#[test]
fn a_section_at_any_path_of_any_name() {
    let overlay = [("SecureApi__ProtocolScheme", "Bearer"), ("SecureApi__Scopes", "api://secure/.default")];
    let settings = load(documented!("bound-token"), &overlay);
    assert!(Api::from_section(&settings.section("SecureApi"), nobody()).is_ok());
}
