//! The section is read as it is written, and every fault has its place.

use serde_json::json;

use super::*;

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn read(json: serde_json::Value) -> Result<StoreSettings, String> {
    let section = Section::new("TokenCache", json);
    StoreSettings::from_section(&section).map_err(|error| error.to_string())
}

#[test]
fn as_it_is_written() {
    let read =
        read(json!({"Kind": "Redis", "EncryptionKeys": [KEY], "Timeout": "00:00:00.050", "Lease": "10"}));
    let StoreSettings { keys, timeout, lease, memory } = read.unwrap();
    assert_eq!(memory, None);
    assert!(keys.is_some());
    assert_eq!((timeout, lease), (Some(Duration::from_millis(50)), Some(Duration::from_secs(10))));
}

#[test]
fn open_only_where_it_is_written() {
    assert!(read(json!({"Encryption": "none"})).unwrap().keys.is_none());
    assert!(read(json!({})).unwrap_err().contains("openssl rand"));
    let told = |json| read(json).unwrap_err();
    assert!(
        told(json!({"Encryption": "Aes"}))
            .starts_with("TokenCache.Encryption: the only value known here is None")
    );
    let both = told(json!({"Encryption": "None", "EncryptionKeys": [KEY]}));
    assert!(both.starts_with("TokenCache.Encryption: None contradicts"), "{both}");
}

#[test]
fn every_fault_at_once() {
    let told = read(json!({"TimeOut": "soon", "Leese": "10"})).unwrap_err();
    for part in
        ["TokenCache.Leese: unknown key (did you mean Lease?)", "TokenCache.Timeout: not a time", "openssl"]
    {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_limit_of_memory_goes_along_with_the_store() {
    let read = read(json!({"Encryption": "None", "SizeLimit": 2_097_152})).unwrap();
    assert_eq!(read.memory.map(MemoryLimit::bytes), Some(2_097_152));
    let told = self::read(json!({"Encryption": "None", "SizeLimit": 500})).unwrap_err();
    assert!(told.starts_with("TokenCache.SizeLimit: less than 1 MiB"), "{told}");
}

#[test]
fn a_key_without_a_use_is_told_with_the_kinds_that_have_one() {
    let check = |json, kind| {
        let mut faults = Faults::default();
        StoreSettings::check_keys(&Section::new("TokenCache", json), kind, &mut faults);
        faults.into_result(()).map_err(|error| error.to_string())
    };
    assert_eq!(
        check(json!({"instancename": "MyWebApi", "TableName": "tokens"}), "SqlServer").unwrap_err(),
        "TokenCache.InstanceName: SqlServer has no use for this key: it is for Redis \
         (remove it, or in an overlay set it to null)"
    );
    let told = check(json!({"CertificateAuthority": "ca.pem"}), "CosmosDb").unwrap_err();
    assert!(told.contains("it is for Redis, PostgreSql, MySql and SqlServer"), "{told}");
    assert!(check(json!({"InstanceName": null, "SchemaName": ""}), "CosmosDb").is_ok());
    assert!(check(json!({"InstanceName": " "}), "SqlServer").is_err());
}
