//! What stands in `appsettings.json`, and what is wrong with it, all at once.

use std::sync::Arc;

use entra_abstractions::{Section, testing::assert_no_secrets};
use entra_cache_cosmos::{CosmosStore, CosmosStoreBuilder};
use serde_json::{Value, json};

use crate::{bench::Credential, double::signature::KEY};

fn store(json: Value) -> Result<CosmosStore, String> {
    let root = Section::new("", json);
    CosmosStore::from_section(&root.section("TokenCache"), &root).map_err(|error| {
        assert_no_secrets(&format!("{error:#} {error:?}"), [KEY]);
        error.to_string()
    })
}

#[test]
fn a_name_leads_to_connection_strings() {
    let account = format!("AccountEndpoint=https://contoso.documents.azure.com:443/;AccountKey={KEY};");
    let mut json = json!({
        "ConnectionStrings": { "Cosmos": account },
        "TokenCache": { "Kind": "CosmosDb", "ConnectionString": "Cosmos", "CreateIfNotExists": true }
    });
    assert_eq!(format!("{:?}", store(json.clone()).unwrap()), "CosmosStore(TokenCache/Tokens)");
    json["TokenCache"]["DatabaseId"] = json!("auth");
    json["TokenCache"]["ContainerId"] = json!("o'brien");
    assert_eq!(format!("{:?}", store(json).unwrap()), "CosmosStore(auth/o'brien)");
}

#[test]
fn all_that_is_wrong_is_told() {
    let error = store(json!({ "TokenCache": {
        "ConnectionString": "https://contoso.documents.azure.com:443/", "DatabaseId": "a/b", "CreateIfNotExists": true
    }}));
    let error = error.unwrap_err();
    for expected in [
        "TokenCache.DatabaseId: no id of Cosmos DB's",
        "AccountKey: missing, and there is no credential",
        "TokenCache.CreateIfNotExists: only the account's key can create a container",
    ] {
        assert!(error.contains(expected), "{expected} in: {error}");
    }
    let account = format!("AccountEndpoint=https://contoso.documents.azure.com:443/;AccountKey={KEY};");
    let root = Section::new("", json!({ "TokenCache": { "ConnectionString": account } }));
    let builder = CosmosStoreBuilder::from_section(&root.section("TokenCache"), &root).unwrap();
    let error = builder.credential(Arc::new(Credential(true))).build().unwrap_err().to_string();
    assert!(error.contains("there is a credential, too"), "{error}");
}
