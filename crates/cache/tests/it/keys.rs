//! Every key of `TokenCache` beside every kind: it means something there, or it is refused.

use entra_abstractions::{Section, section::known};
use entra_cache::{open, open_as};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::naming::{KEY, KINDS};

/// Each key with a value that is right for it, and the kinds that have a use for it.
fn keys(authority: &str) -> [(&'static str, Value, &'static str); 15] {
    let all = "Redis Sqlite PostgreSql MySql SqlServer CosmosDb";
    [
        ("CertificateAuthority", json!(authority), "Redis PostgreSql MySql SqlServer"),
        ("ConnectionString", Value::Null, all),
        ("ContainerId", json!("Tokens"), "CosmosDb"),
        ("CreateIfNotExists", json!(true), "Sqlite PostgreSql MySql SqlServer CosmosDb"),
        ("DatabaseId", json!("TokenCache"), "CosmosDb"),
        ("Encryption", Value::Null, all),
        ("EncryptionKeys", json!([KEY]), all),
        ("ExpiredItemsDeletionInterval", json!("00:10:00"), "Sqlite PostgreSql MySql"),
        ("InstanceName", json!("MyWebApi"), "Redis"),
        ("Kind", Value::Null, all),
        ("Lease", json!("00:00:10"), all),
        ("SchemaName", json!("auth"), "PostgreSql MySql SqlServer"),
        ("SizeLimit", json!(67_108_864), all),
        ("TableName", json!("tokens"), "Sqlite PostgreSql MySql SqlServer"),
        ("Timeout", json!("00:00:00.050"), all),
    ]
}

#[test]
fn a_key_means_something_or_is_refused() {
    let authority = NamedTempFile::new().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["db.contoso.example".to_owned()]).unwrap();
    std::fs::write(authority.path(), certificate.cert.pem()).unwrap();
    let keys = keys(&authority.path().display().to_string());
    assert_eq!(keys.each_ref().map(|(key, ..)| *key).as_slice(), known::TOKEN_CACHE, "a new key needs a row");

    for (kind, connection) in KINDS {
        let cache = json!({"Kind": kind.as_str(), "ConnectionString": connection, "EncryptionKeys": [KEY]});
        let opened = |key: &str, value: &Value| {
            let mut cache = cache.clone();
            if !value.is_null() {
                cache[key] = value.clone();
            }
            open(&Section::new("", json!({ "TokenCache": cache }))).map_err(|error| error.to_string())
        };
        if opened("Kind", &Value::Null).is_err_and(|error| error.contains("was built without")) {
            continue;
        }
        for (key, value, kinds) in &keys {
            let opened = opened(key, value);
            if kinds.split(' ').any(|one| one == kind.as_str()) {
                assert!(opened.is_ok_and(|store| store.is_some()), "{kind} {key}");
                continue;
            }
            let told = opened.unwrap_err();
            let expected = format!("TokenCache.{key}: {kind} has no use for this key: it is for ");
            let listed = told.strip_prefix(&expected).and_then(|rest| rest.split_once(" ("));
            let listed = listed.unwrap_or_else(|| panic!("{told}")).0.replace(',', "").replace(" and ", " ");
            assert_eq!(listed, *kinds, "{told}");
        }
    }
}

/// The section of a shared store stands in `appsettings.json`, and a developer's overlay says that
/// nothing is shared, or that another store is.
#[test]
fn an_overlay_may_choose_another_kind() {
    let mut cache = json!({
        "Kind": "InMemory", "ConnectionString": "Redis", "InstanceName": "MyWebApi", "SizeLimit": "2000000"
    });
    assert!(open(&Section::new("", json!({ "TokenCache": cache }))).unwrap().is_none());
    cache["SizeLimit"] = json!(5);
    cache["Instancename2"] = json!("x");
    let told = open(&Section::new("", json!({ "TokenCache": cache }))).unwrap_err().to_string();
    assert!(
        told.contains("TokenCache.Instancename2: unknown key") && told.contains("TokenCache.SizeLimit: less")
    );
    // An overlay takes a key away by null, or by a variable without a value.
    for nothing in [Value::Null, json!("")] {
        let cache = json!({"ConnectionString": "Data Source=tokens.db", "EncryptionKeys": [KEY], "InstanceName": nothing});
        let root = Section::new("", json!({ "TokenCache": cache }));
        match open_as(entra_cache::Kind::Sqlite, &root) {
            Ok(store) => assert!(store.is_encrypted()),
            Err(error) => assert!(error.to_string().contains("was built without"), "{error}"),
        }
    }
}

/// As in .NET's `AddInMemoryTokenCaches`: nothing is shared, and memory has a bound.
#[test]
fn a_size_alone_is_about_memory() {
    let told =
        |cache: Value| open(&Section::new("", json!({ "TokenCache": cache }))).map(|store| store.is_some());
    assert!(!told(json!({"SizeLimit": 67_108_864})).unwrap());
    assert!(!told(json!({"SizeLimit": "67108864", "Kind": null})).unwrap());
    let error = told(json!({"SizeLimit": 500})).unwrap_err().to_string();
    assert!(error.starts_with("TokenCache.SizeLimit: less than 1 MiB (1048576)"), "{error}");
    let error = told(json!({"SizeLimit": 67_108_864, "Timeout": "1"})).unwrap_err().to_string();
    assert!(error.contains("TokenCache.Kind: it must be said which kind"), "{error}");
}
