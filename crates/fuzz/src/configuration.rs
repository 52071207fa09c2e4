//! Configuration: a JSON text, and behind each NUL an environment variable, `NAME=VALUE`.

use entra_abstractions::{Misconfigured, Section, testing::FakeAcquirer};
use entra_downstream_api::Api;
use entra_settings::{Environment, Settings};
use entra_token_acquisition::Application;
use entra_web_api::TokenValidator;
use serde_json::{Map, Value};

use crate::{
    http::CLIENT,
    spelled::{secrets, spelled},
};

/// JSON in the strict sense is accepted, however it is laid out; no fault, and no `Debug` of what
/// was built, repeats a secret.
///
/// # Panics
/// Where that does not hold.
pub fn configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (json, environment) = text.split_once('\0').unwrap_or((&text, ""));
    let tree = serde_json::from_str::<Map<String, Value>>(json).ok().map(Value::Object);
    let plain = Settings::from_json(json);
    // What is no JSON for others may still have comments, or a comma too many.
    if let (Err(fault), Some(tree)) = (&plain, &tree) {
        let is_expected = fault.to_string().contains("written twice") || is_deep(tree, DEEPEST);
        assert!(is_expected, "JSON that is refused: {fault}");
    }
    let variables = environment.split('\0').filter_map(|pair| pair.split_once('='));
    let loaded = Settings::loader().json(json).environment(Environment::from_pairs(variables)).load();
    let mut hidden = tree.as_ref().map(|tree| secrets(tree, is_secret)).unwrap_or_default();
    hidden.retain(|secret| !environment.contains(secret.as_str()));
    match loaded {
        Ok(settings) => look(&settings, &hidden),
        Err(fault) => assert_hidden(&fault, &hidden),
    }
}

fn look(settings: &Settings, hidden: &[String]) {
    assert_nothing(&format!("{settings:?}"), hidden);
    let section = settings.section("AzureAd");
    assert_shown(Application::from_section(&section), hidden);
    // It builds an HTTP client, which takes its time: only where something is said that it alone reads.
    if ["Audience", "Audiences", "TokenValidationParameters"]
        .iter()
        .any(|key| !section.section(key).is_absent())
    {
        assert_shown(TokenValidator::from_section(&section), hidden);
    }
    for name in settings.section("DownstreamApis").names() {
        assert_shown(api(&settings.section("DownstreamApis").section(name)), hidden);
    }
}

fn api(section: &Section) -> Result<Api, Misconfigured> {
    let nobody = FakeAcquirer::new(|_| Err(Misconfigured::new("nobody").into()));
    Api::builder("orders").section(section).client(CLIENT.clone()).build(nobody)
}

fn assert_shown<T: std::fmt::Debug>(built: Result<T, Misconfigured>, hidden: &[String]) {
    match built {
        Ok(built) => assert_nothing(&format!("{built:?}"), hidden),
        Err(fault) => assert_hidden(&fault, hidden),
    }
}

fn assert_hidden(fault: &Misconfigured, hidden: &[String]) {
    let text = fault.to_string();
    assert!(!text.contains(char::is_control), "a fault of several lines: {text:?}");
    assert_nothing(&spelled(fault), hidden);
}

fn assert_nothing(told: &str, hidden: &[String]) {
    for secret in hidden {
        assert!(!told.contains(secret.as_str()), "a secret is repeated: {told}");
    }
}

/// The keys whose values nobody may read.
fn is_secret(key: &str) -> bool {
    ["ClientSecret", "CertificatePassword", "Base64EncodedValue"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(key))
}

/// Deeper than any configuration, and than `serde_json` reads.
const DEEPEST: usize = 100;

fn is_deep(tree: &Value, rest: usize) -> bool {
    match tree {
        _ if rest == 0 => true,
        Value::Object(members) => members.values().any(|value| is_deep(value, rest - 1)),
        Value::Array(items) => items.iter().any(|value| is_deep(value, rest - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
