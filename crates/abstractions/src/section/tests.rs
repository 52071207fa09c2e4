//! What configuration readers rely on.

use serde_json::json;

use super::*;

fn section(value: Value) -> Section {
    Section::new("AzureAd", value)
}

fn told(faults: Faults) -> String {
    if faults.is_empty() { String::new() } else { faults.into_error().to_string() }
}

#[test]
fn keys_are_found_without_regard_to_case() {
    let section =
        section(json!({"sendx5c": "True", "TENANTID": "contoso.example", "Empty": " ", "Null": null}));
    let mut faults = Faults::default();
    assert_eq!(section.flag("SendX5C", &mut faults), Some(true));
    assert_eq!(section.text("TenantId", &mut faults).as_deref(), Some("contoso.example"));
    assert_eq!(section.text("Empty", &mut faults), None);
    assert_eq!(section.text("Null", &mut faults), None);
    assert_eq!(told(faults), "");
}

#[test]
fn scopes_are_a_list_or_a_text() {
    let section = section(json!({"A": ["x", "y z"], "B": "x y", "C": [], "D": [{}], "E": {"0": "x"}}));
    let mut faults = Faults::default();
    assert_eq!(section.words("A", &mut faults).unwrap(), ["x", "y", "z"]);
    assert_eq!(section.words("B", &mut faults).unwrap(), ["x", "y"]);
    assert_eq!(section.words("C", &mut faults).unwrap(), Vec::<String>::new());
    assert_eq!(section.words("E", &mut faults).unwrap(), ["x"]);
    assert!(faults.is_empty());
    assert_eq!(section.words("D", &mut faults), None);
    assert_eq!(told(faults), "AzureAd.D: a list of texts is expected here");
}

#[test]
fn an_unknown_key_is_told_with_what_was_meant() {
    let section = section(json!({"TennantId": "x", "ClientId": "y", "Zebra": 1}));
    let mut faults = Faults::default();
    section.check_keys(known::APPLICATION, &mut faults);
    assert_eq!(
        told(faults),
        "2 faults: AzureAd.TennantId: unknown key (did you mean TenantId?); \
         AzureAd.Zebra: unknown key (remove it, or move it out of this section)"
    );
}

#[test]
fn lists_know_their_place() {
    let section = section(json!({"ClientCredentials": [{}, {"SourceType": 7}], "Text": "x"}));
    let mut faults = Faults::default();
    let items = section.list("ClientCredentials", &mut faults);
    assert_eq!(items[1].path(), "AzureAd.ClientCredentials[1]");
    assert_eq!(items[1].text("SourceType", &mut faults).as_deref(), Some("7"));
    assert!(section.list("Text", &mut faults).is_empty());
    assert_eq!(told(faults), "AzureAd.Text: a list is expected here");
}

#[test]
fn absent_sections_know_their_path() {
    let root = Section::new("", json!({"DownstreamApis": {"Orders": {"BaseUrl": "x"}}}));
    assert_eq!(root.section("downstreamapis:Orders").path(), "downstreamapis.Orders");
    assert!(!root.section("downstreamapis:Orders").is_absent());
    assert!(root.section("Nowhere:Near").is_absent());
    assert_eq!(root.section("Nowhere:Near").path(), "Nowhere.Near");
}

#[test]
fn debug_shows_no_value() {
    let shown = format!("{:?}", section(json!({"ClientSecret": "s3cret?%G&="})));
    assert!(shown.contains("ClientSecret") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn placeholders_of_the_documents() {
    for text in
        ["your-tenant-id", "<your-agent-identity>", "YOUR_CLIENT_ID", "[Enter the id]", "Enter_the_Id_here"]
    {
        assert!(is_placeholder(text), "{text}");
    }
    for text in ["contoso.example", "22222222-2222-4222-8222-222222222222", "yours.example"] {
        assert!(!is_placeholder(text), "{text}");
    }
}
