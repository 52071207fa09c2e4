//! Which store a configuration names, and what is told where it cannot be opened.

use entra_abstractions::{Misconfigured, Section, testing::assert_no_secrets};
use entra_cache::{Kind, open, open_as};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Each kind with a connection string that opens it.
pub(crate) const KINDS: [(Kind, &str); 6] = [
    (Kind::Redis, "localhost:1,password=s3cret,ssl=True"),
    (Kind::Sqlite, "Data Source=tokens.db"),
    (Kind::PostgreSql, "Host=localhost;Database=x;Username=y;Password=s3cret"),
    (Kind::MySql, "Server=localhost;Database=x;User ID=y;Password=s3cret"),
    (Kind::SqlServer, "Server=localhost;Database=x;User ID=y;Password=s3cret"),
    (Kind::CosmosDb, "AccountEndpoint=https://localhost:1/;AccountKey=czNjcmV0"),
];

fn root(json: Value) -> Section {
    Section::new("", json)
}

fn told(json: Value) -> String {
    let error = open(&root(json)).unwrap_err().to_string();
    assert_no_secrets(&error, ["s3cret", KEY]);
    error
}

#[test]
fn nothing_is_shared_where_nothing_is_said() {
    assert!(open(&root(json!({}))).unwrap().is_none());
    assert!(open(&root(json!({"TokenCache": {"Kind": "memory"}}))).unwrap().is_none());
}

#[test]
fn an_unknown_kind_lists_the_known_ones() {
    let all = "it is one of Redis, Sqlite, PostgreSql, MySql, SqlServer, CosmosDb, Memory";
    let keys = json!([KEY]);
    assert_eq!(
        told(json!({"TokenCache": {"Kind": "Memcached", "EncryptionKeys": keys}})),
        format!("TokenCache.Kind: no kind of token cache has this name ({all})")
    );
    assert_eq!(
        told(json!({"TokenCache": {"Kind": "Postgress", "EncryptionKeys": keys}})),
        format!("TokenCache.Kind: no kind of token cache has this name (did you mean Postgres? {all})")
    );
    let missing = told(json!({"TokenCache": {"EncryptionKeys": keys}}));
    assert_eq!(missing, format!("TokenCache.Kind: it must be said which kind of store this is ({all})"));
}

#[test]
fn every_fault_is_told_at_once() {
    let error = told(json!({"TokenCache": {"Kind": "Rediss", "Timeout": "soon", "Instancename2": "s3cret"}}));
    for part in [
        "4 faults: ",
        "TokenCache.Kind: ",
        "TokenCache.Timeout: not a time",
        "TokenCache.Instancename2: unknown key (did you mean InstanceName?)",
        "TokenCache.EncryptionKeys: a shared store needs an encryption key (make one with `openssl rand -base64 32`",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(told(json!({"TokenCache": "Redis"})).contains("TokenCache: a section is expected here"));
}

#[test]
fn every_kind_is_opened_or_names_its_feature() {
    for (kind, feature, connection) in [
        ("redis", "redis", "localhost:1,password=s3cret"),
        ("Sqlite", "sqlite", "Data Source=tokens.db"),
        ("PostgreSQL", "postgres", "Host=localhost;Database=x;Username=y;Password=s3cret"),
        ("postgres", "postgres", "postgres://y:s3cret@localhost/x"),
        ("MySql", "mysql", "Server=localhost;Database=x;User ID=y;Password=s3cret"),
        ("MariaDB", "mysql", "mysql://y:s3cret@localhost/x"),
        ("SqlServer", "sqlserver", "Server=localhost;Database=x;User ID=y;Password=s3cret"),
        ("CosmosDb", "cosmos", "AccountEndpoint=https://localhost:1/;AccountKey=czNjcmV0"),
    ] {
        let cache = json!({"Kind": kind, "ConnectionString": "Cache", "EncryptionKeys": [KEY]});
        let root = root(json!({"ConnectionStrings": {"Cache": connection}, "TokenCache": cache}));
        match open(&root) {
            Ok(shared) => assert!(shared.is_some_and(|shared| shared.is_encrypted()), "{kind}"),
            Err(error) => assert_left_out(&error, feature),
        }
    }
}

fn assert_left_out(error: &Misconfigured, feature: &str) {
    let error = error.to_string();
    assert_no_secrets(&error, ["s3cret", "czNjcmV0"]);
    assert!(error.starts_with("TokenCache.Kind: this program was built without "), "{error}");
    assert!(error.ends_with(&format!("(add the feature \"{feature}\" to entra-cache)")), "{error}");
}

/// As the samples for .NET have them: the kind stands in the program, and what is asked for is found.
#[test]
fn a_program_may_choose_the_kind() {
    let seed = |token_cache: Value| {
        root(json!({
            "ConnectionStrings": {
                "Redis": "cache.contoso.example:6380,password=s3cret,ssl=True,abortConnect=False",
                "TokenCacheDb": "Server=tcp:db.contoso.example,1433;Database=Tokens;User ID=app;Password=s3cret;Encrypt=True",
                "PostgresCache": "Host=db.contoso.example;Database=tokens;Username=app;Password=s3cret",
            },
            "PostgresCache": { "SchemaName": "public", "TableName": "token_cache", "CreateIfNotExists": true },
            "TokenCache": token_cache,
        }))
    };
    for (kind, feature) in
        [(Kind::Redis, "redis"), (Kind::SqlServer, "sqlserver"), (Kind::PostgreSql, "postgres")]
    {
        match open_as(kind, &seed(json!({"EncryptionKeys": [KEY]}))) {
            Ok(shared) => assert!(shared.is_encrypted()),
            Err(error) => {
                assert_left_out(&error, feature);
                continue;
            }
        }
        // The one key that such a configuration lacks.
        let error = open_as(kind, &seed(Value::Null)).unwrap_err().to_string();
        assert!(
            error.starts_with("TokenCache.EncryptionKeys: a shared store needs an encryption key"),
            "{error}"
        );
        assert!(!open_as(kind, &seed(json!({"Encryption": "None"}))).unwrap().is_encrypted());
        let error =
            open_as(kind, &root(json!({"TokenCache": {"EncryptionKeys": [KEY]}}))).unwrap_err().to_string();
        assert!(error.starts_with("TokenCache.ConnectionString: missing: the name of an entry"), "{error}");
    }
}
