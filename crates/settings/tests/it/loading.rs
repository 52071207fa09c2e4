//! What is found where, and what wins.

use std::{fs, path::Path};

use entra_abstractions::{Faults, Section};
use entra_settings::{Environment, Settings};
use tempfile::TempDir;

/// The JSON of the documents that users start from, word for word.
const DOCUMENTED: [(&str, &str); 6] = [
    ("agent-calls-custom-api", include_str!("documented/agent-calls-custom-api.json")),
    ("agent-makes-header", include_str!("documented/agent-makes-header.json")),
    ("bound-token", include_str!("documented/bound-token.json")),
    ("delegated-and-app", include_str!("documented/delegated-and-app.json")),
    ("on-behalf-of", include_str!("documented/on-behalf-of.json")),
    ("two-apis", include_str!("documented/two-apis.json")),
];

fn documented(name: &str) -> &'static str {
    DOCUMENTED.iter().find(|(known, _)| *known == name).unwrap().1
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn load(directory: &Path, variables: &[(&str, &str)]) -> Settings {
    let environment = Environment::from_pairs(variables.iter().copied());
    Settings::loader().directory(directory).environment(environment).load().unwrap()
}

fn text(section: &Section, key: &str) -> Option<String> {
    section.text(key, &mut Faults::default())
}

#[test]
fn every_documented_file_loads() {
    for (name, text) in DOCUMENTED {
        let settings = Settings::from_json(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let known = ["AzureAd", "DownstreamApis", "SecureApi"].map(|path| settings.section(path));
        assert!(known.iter().any(|section| !section.is_absent()), "{name}");
        assert!(!format!("{settings:?}{known:?}").contains("your-client-secret"), "{name}");
    }
}

#[test]
fn documented_values_are_found_where_they_stand() {
    let mut faults = Faults::default();
    let bound = Settings::from_json(documented("bound-token")).unwrap();
    assert_eq!(bound.section("AzureAd").flag("SendX5C", &mut faults), Some(true));
    assert_eq!(text(&bound.section("SecureApi"), "ProtocolScheme").as_deref(), Some("MTLS_POP"));
    let agent = Settings::from_json(documented("agent-calls-custom-api")).unwrap();
    let api = agent.section("downstreamapis:myapi");
    assert_eq!(api.words("Scopes", &mut faults).unwrap().len(), 2);
    assert_eq!(api.flag("RequestAppToken", &mut faults), Some(false));
    let obo = Settings::from_json(documented("on-behalf-of")).unwrap();
    assert_eq!(
        text(&obo.section("DownstreamApis.GraphAPI"), "BaseUrl").as_deref(),
        Some("https://graph.microsoft.com/v1.0")
    );
    assert!(faults.is_empty());
}

#[test]
fn the_environment_fills_in_what_the_documents_leave_open() {
    let settings = Settings::loader()
        .json(documented("on-behalf-of"))
        .environment(Environment::from_pairs([
            ("PATH", "/usr/bin"),
            ("AzureAd__TenantId", "contoso.example"),
            ("AZUREAD__CLIENTCREDENTIALS__0__CLIENTSECRET", "s3cret?%G&="),
            ("AzureAd__ClientCredentials__1__SourceType", "Path"),
            ("DownstreamApis__PartnerAPI__Scopes", "api://partner/read api://partner/write"),
            ("DownstreamApis__GraphAPI__Scopes__0", "User.Read"),
            ("DownstreamApis__More__BaseUrl", "https://more.example"),
        ]))
        .load()
        .unwrap();
    let mut faults = Faults::default();
    let credentials = settings.section("AzureAd").list("ClientCredentials", &mut faults);
    assert_eq!(text(&credentials[0], "ClientSecret").as_deref(), Some("s3cret?%G&="));
    assert_eq!(text(&credentials[0], "SourceType").as_deref(), Some("ClientSecret"));
    assert_eq!(text(&credentials[1], "SourceType").as_deref(), Some("Path"));
    assert_eq!(text(&settings.section("AzureAd"), "TenantId").as_deref(), Some("contoso.example"));
    let apis = settings.section("DownstreamApis");
    assert_eq!(apis.section("PartnerAPI").words("Scopes", &mut faults).unwrap().len(), 2);
    assert_eq!(apis.section("GraphAPI").words("Scopes", &mut faults).unwrap(), ["User.Read"]);
    assert_eq!(text(&apis.section("More"), "BaseUrl").as_deref(), Some("https://more.example"));
    assert!(settings.section("PATH").is_absent());
    assert!(faults.is_empty());
}

#[test]
fn file_then_environment_file_then_variables() {
    let directory = directory(&[
        ("appsettings.json", r#"{"A": {"x": "file", "y": "file", "z": "file"}}"#),
        ("appsettings.Production.json", r#"{"a": {"Y": "production", "Z": "production"}}"#),
        ("appsettings.Development.json", r#"{"a": {"Y": "development"}}"#),
        ("appsettings.Staging.json", r#"{"a": {"Y": "staging"}}"#),
    ]);
    let found = |variables: &[(&str, &str)]| {
        let section = load(directory.path(), variables).section("A");
        ["x", "y", "z"].map(|key| text(&section, key).unwrap())
    };
    assert_eq!(found(&[("A__z", "variable")]), ["file", "production", "variable"]);
    assert_eq!(found(&[("ASPNETCORE_ENVIRONMENT", "Development")]), ["file", "development", "file"]);
    let both = [("ASPNETCORE_ENVIRONMENT", "Development"), ("DOTNET_ENVIRONMENT", "Staging")];
    assert_eq!(found(&both), ["file", "staging", "file"]);
    let told = Settings::loader()
        .file(directory.path().join("appsettings.json"))
        .environment(Environment::from_pairs(both))
        .environment_name("Development")
        .load()
        .unwrap();
    assert_eq!(text(&told.section("A"), "y").as_deref(), Some("development"));
}

#[test]
fn a_missing_file_is_told_where_it_was_looked_for() {
    let empty = directory(&[]);
    let error =
        Settings::loader().directory(empty.path()).environment(Environment::empty()).load().unwrap_err();
    assert!(error.to_string().contains("appsettings.json: there is no such file"), "{error}");
    // The tests' working directory and executable have no such file beside them.
    let error =
        Settings::loader().environment(Environment::from_pairs([("PATH", "/bin")])).load().unwrap_err();
    assert!(error.to_string().contains("no appsettings.json was found in "), "{error}");
    assert!(error.to_string().contains(env!("CARGO_MANIFEST_DIR")), "{error}");
    let alone =
        Settings::loader().environment(Environment::from_pairs([("AzureAd__ClientId", "x")])).load().unwrap();
    assert_eq!(text(&alone.section("AzureAd"), "ClientId").as_deref(), Some("x"));
}

#[test]
fn broken_files_name_themselves_and_show_nothing() {
    let broken =
        directory(&[("appsettings.json", "{\n \"AzureAd\": { \"ClientSecret\": \"s3cret?%G&=\" ]\n}")]);
    let error =
        Settings::loader().directory(broken.path()).environment(Environment::empty()).load().unwrap_err();
    let told = format!("{error} {error:#} {error:?}");
    assert!(told.contains("appsettings.json, line 2, column "), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
    let hostile = Settings::loader().directory(broken.path()).environment_name("../../etc/x").load();
    assert!(hostile.unwrap_err().to_string().contains("name of the environment"));
    let unreadable = Settings::loader().file(broken.path()).environment(Environment::empty()).load();
    assert!(unreadable.unwrap_err().to_string().contains("the file cannot be read"));
}
