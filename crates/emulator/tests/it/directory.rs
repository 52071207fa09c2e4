//! A directory of one's own: from TOML, from JSON, from a file, in code.

use entra_emulator::{App, Consent, Directory, Emulator, User};

use crate::kit::Kit;

const TENANT: &str = "6b1f6a0e-2c7d-4a53-9f18-0d7c5a1e9b42";
const JOB: &str = "9d2c7f31-54ab-4be0-8a6d-3f0e1c2b4a59";

async fn token(kit: &Kit) -> crate::kit::Answer {
    kit.token_in(
        TENANT,
        &[
            ("grant_type", "client_credentials"),
            ("client_id", JOB),
            ("client_secret", "job's s3cret"),
            ("scope", "https://graph.microsoft.com/.default"),
        ],
    )
    .await
}

#[tokio::test]
async fn toml_json_and_code_make_the_same_directory() {
    let toml = Directory::from_toml(&format!(
        "[[tenants]]\nid = \"{TENANT}\"\n[[apps]]\nname = \"job\"\nclient_id = \"{JOB}\"\nsecrets = [\"job's s3cret\"]\n\
         [[consents]]\nclient = \"job\"\nresource = \"graph\"\nroles = [\"User.Read.All\"]"
    ));
    let json = Directory::from_json(&format!(
        r#"{{ "tenants": [{{ "id": "{TENANT}" }}],
             "apps": [{{ "name": "job", "client_id": "{JOB}", "secrets": ["job's s3cret"] }}],
             "consents": [{{ "client": "{JOB}", "resource": "https://graph.microsoft.com", "roles": ["User.Read.All"] }}] }}"#
    ));
    let mut code = Directory::empty(TENANT, "fabrikam.example");
    let mut job = App::new("job", JOB);
    job.secrets.push("job's s3cret".into());
    code.apps.push(job);
    code.consents.push(Consent::roles("job", "graph", ["User.Read.All"]));
    code.users.push(User::new("dan", "11111111-2222-4333-8444-555555555555", "dan@fabrikam.example"));
    for directory in [toml.unwrap(), json.unwrap(), code] {
        let kit = Kit::with(Emulator::builder().directory(directory));
        let answer = token(&kit).await;
        assert_eq!(answer.claims()["roles"], serde_json::json!(["User.Read.All"]));
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let error = Directory::from_file("nowhere/directory.toml").unwrap_err().to_string();
    // What follows is the system's own word for it.
    let expected = "the directory cannot be used: nowhere/directory.toml cannot be read: ";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn an_appsettings_file_is_ready_to_paste() {
    let kit = Kit::new();
    let settings: serde_json::Value = serde_json::from_str(&kit.emulator.appsettings("shop-api")).unwrap();
    assert_eq!(settings["AzureAd"]["Instance"], format!("{}/", kit.emulator.base_url()));
    assert_eq!(settings["AzureAd"]["ClientId"], entra_emulator::ids::API);
    assert_eq!(settings["AzureAd"]["ClientCredentials"][0]["ClientSecret"], entra_emulator::ids::API_SECRET);
    assert_eq!(settings["DownstreamApis"]["Orders"]["Scopes"][0], "api://orders/.default");
    let agent: serde_json::Value = serde_json::from_str(&kit.emulator.appsettings("agent-one")).unwrap();
    assert_eq!(agent["AzureAd"].get("ClientCredentials"), None);
}
