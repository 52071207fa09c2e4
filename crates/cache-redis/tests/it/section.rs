//! The section `TokenCache`, as a .NET user writes it.

use entra_abstractions::Section;
use entra_cache_redis::RedisStore;
use serde_json::json;

fn of(configuration: serde_json::Value) -> Result<RedisStore, String> {
    let root = Section::new("", configuration);
    RedisStore::from_section(&root.section("TokenCache"), &root).map_err(|error| error.to_string())
}

#[test]
fn an_entry_of_the_connection_strings_or_a_string() {
    let azure = "contoso.redis.cache.windows.net:6379,password=s3cret?%G&=,abortConnect=False";
    let cache = json!({"Kind": "Redis", "ConnectionString": "redis", "InstanceName": "MyWebApi"});
    let store = of(json!({"ConnectionStrings": {"Redis": azure}, "TokenCache": cache})).unwrap();
    assert!(!format!("{store:?}").contains("s3cret"), "{store:?}");
    of(json!({"TokenCache": {"Kind": "Redis", "ConnectionString": "redis://:s3cret@localhost:6379/1"}}))
        .unwrap();
}

#[test]
fn each_fault_has_its_place() {
    let strings = json!({"Redis": "h:6379,passwort=s3cret"});
    let error = of(json!({"ConnectionStrings": strings, "TokenCache": {"ConnectionString": "Redis"}}));
    let error = error.unwrap_err();
    assert!(error.starts_with("ConnectionStrings.Redis: passwort of the connection string"), "{error}");
    let error = of(json!({"TokenCache": {"Kind": "Redis", "Instance": "x"}})).unwrap_err();
    assert!(
        error.contains("TokenCache.Instance:") && error.contains("TokenCache.ConnectionString:"),
        "{error}"
    );
    let missing = json!({"ConnectionString": "h:6380,ssl=true", "CertificateAuthority": "none/ca.pem"});
    let error = of(json!({"TokenCache": missing})).unwrap_err();
    assert!(
        error.starts_with("TokenCache.CertificateAuthority: the certificate authority none/ca.pem cannot"),
        "{error}"
    );
    // It would be passed by.
    let no_tls = json!({"ConnectionString": "h:6379", "CertificateAuthority": "ca.pem"});
    let error = of(json!({"TokenCache": no_tls})).unwrap_err();
    assert_eq!(
        error,
        "TokenCache.CertificateAuthority: the connection string asks for no TLS, so nobody is trusted \
         (say ssl=True there, or remove this one)"
    );
    let error = of(json!({"TokenCache": {"ConnectionString": "h:6379", "TableName": "tokens"}})).unwrap_err();
    assert!(
        error.starts_with("TokenCache.TableName: Redis has no use for this key: it is for Sqlite"),
        "{error}"
    );
}
