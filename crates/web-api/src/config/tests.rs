//! Sections as people write them.

use serde_json::{Value, json};

use super::*;

fn check(section: Value, expected: &[&str]) {
    let faults: Vec<String> = match Config::read(&Section::new("AzureAd", section)) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    };
    assert_eq!(faults.len(), expected.len(), "{faults:?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}");
    }
}

fn with(changes: &Value) -> Value {
    let mut section = json!({
        "Instance": "https://login.microsoftonline.com/", "TenantId": "common",
        "ClientId": "00001111-aaaa-2222-bbbb-3333cccc4444",
    });
    section.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    section
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    check(
        json!({"Instanz": "https://login.microsoftonline.com/", "AllowWebApiToBeAuthorizedByACL": "perhaps"}),
        &[
            "AzureAd.Instanz: unknown key (did you mean Instance?)",
            "AzureAd.ClientId: missing",
            "AzureAd.Instance: missing",
            "AzureAd.TenantId: missing",
            "AzureAd.AllowWebApiToBeAuthorizedByACL: true or false",
        ],
    );
    check(Value::Null, &["AzureAd: missing"]);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    check(
        with(&json!({"ClientId": "your-client-id"})),
        &["AzureAd.ClientId: \"your-client-id\" is a placeholder"],
    );
    check(
        with(&json!({"Instance": "http://login.microsoftonline.com"})),
        &["AzureAd.Instance: not an https URL"],
    );
    check(with(&json!({"Instance": "http://127.0.0.1:5000"})), &[]);
    check(with(&json!({"Audiences": []})), &["AzureAd.Audiences: empty"]);
    check(
        with(&json!({"Authority": "https://login.microsoftonline.com/organizations/v2.0"})),
        &["AzureAd.Authority: Authority and TenantId disagree"],
    );
    check(
        with(
            &json!({"TokenValidationParameters": {"ValidAlgorithms": ["RS265"], "ValidateAudience": false}}),
        ),
        &[
            "AzureAd.TokenValidationParameters.ValidateAudience: unknown key",
            "AzureAd.TokenValidationParameters.ValidAlgorithms: unknown algorithm \"RS265\" (did you mean RS256?)",
        ],
    );
}

#[test]
fn what_is_not_done_is_refused_by_name() {
    check(
        with(&json!({"Instance": "https://fs.contoso.example/adfs"})),
        &["AzureAd: APIs of AD FS are not protected yet"],
    );
    check(
        with(&json!({"TokenDecryptionCertificates": [{"SourceType": "Path"}]})),
        &["AzureAd.TokenDecryptionCertificates: encrypted tokens are not supported"],
    );
}

#[test]
fn b2c_and_external_id() {
    let b2c = json!({"Instance": "https://fabrikam.b2clogin.com", "SignUpSignInPolicyId": "b2c_1_susi",
        "ClientId": "00001111-aaaa-2222-bbbb-3333cccc4444"});
    check(b2c.clone(), &["AzureAd.Domain: missing"]);
    let mut whole = b2c;
    whole["Domain"] = json!("fabrikam.onmicrosoft.com");
    let config = Config::read(&Section::new("AzureAd", whole)).unwrap();
    assert_eq!(config.rules.issuers.tenancy, Tenancy::UserFlow("b2c_1_susi".into()));
    assert!(matches!(config.rules.audience, Audience::Client(_)));
    check(
        with(&json!({"Instance": "https://contoso.ciamlogin.com/"})),
        &["AzureAd: an authority of Entra External ID has one tenant"],
    );
    check(with(&json!({"Instance": "https://contoso.ciamlogin.com/", "TenantId": null})), &[]);
}

#[test]
fn algorithms_are_those_that_are_listed() {
    let config = |section| Config::read(&Section::new("AzureAd", section)).unwrap();
    assert_eq!(config(with(&json!({}))).algorithms, [Algorithm::Rs256]);
    let listed = with(&json!({"TokenValidationParameters": {"ValidAlgorithms": "PS256 RS256"}}));
    assert_eq!(config(listed).algorithms, [Algorithm::Ps256, Algorithm::Rs256]);
}
