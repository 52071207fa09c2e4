//! Sections as people write them.

use serde_json::{Value, json};

use super::*;

fn read(root: Value) -> Result<SqlStoreBuilder, Misconfigured> {
    let root = Section::new("", root);
    SqlStoreBuilder::from_section(&root.section("TokenCache"), &root)
}

#[cfg(feature = "postgres")]
#[test]
fn the_section_of_dotnets_samples_is_read() {
    let root = json!({
        "ConnectionStrings": {"PostgresCache": "Host=localhost;Database=tokens;Username=app;Password=s3cret?%G&="},
        "PostgresCache": {"SchemaName": "auth", "TableName": "Tokens", "CreateIfNotExists": "true"},
        "TokenCache": {"Kind": "PostgreSql", "ConnectionString": "PostgresCache", "TableName": "token_cache"},
    });
    let builder = read(root).unwrap();
    assert_eq!(builder.schema.name.as_deref(), Some("auth"));
    assert_eq!(builder.table.name.as_deref(), Some("token_cache"), "the nearer section wins");
    assert_eq!(builder.create_if_not_exists, Some(true));
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[cfg(feature = "sqlite")]
#[test]
fn every_fault_is_told_at_its_path() {
    let root =
        json!({"TokenCache": {"Kind": "Oracle", "ConnectionString": "Nowhere", "CreateIfNotExists": "?"}});
    let error = read(root).unwrap_err();
    let at: Vec<_> = error.faults().iter().filter_map(|fault| fault.at()).collect();
    assert_eq!(at, ["TokenCache.Kind", "TokenCache.ConnectionString", "TokenCache.CreateIfNotExists"]);

    let root =
        json!({"TokenCache": {"Kind": "Sqlite", "ConnectionString": "/x/tokens.db", "TableName": "a\"; --"}});
    let error = read(root).unwrap().build().unwrap_err();
    assert_eq!(error.faults()[0].at(), Some("TokenCache.TableName"));

    let root =
        json!({"TokenCache": {"Kind": "Sqlite", "ConnectionString": "/x/tokens.db", "SchemaName": "dbo"}});
    let error = read(root).unwrap_err().to_string();
    assert!(error.starts_with("TokenCache.SchemaName: Sqlite has no use for this key: it is for"), "{error}");
    // As it stands beside a database that has schemas.
    let root = json!({
        "ConnectionStrings": {"Cache": "/x/tokens.db"}, "Cache": {"SchemaName": "dbo"},
        "TokenCache": {"Kind": "Sqlite", "ConnectionString": "Cache"}
    });
    let error = read(root).unwrap().build().unwrap_err();
    assert_eq!(error.to_string(), "Cache.SchemaName: SQLite has no schemas (remove it)");
}

#[test]
fn a_database_that_was_left_out_is_told() {
    let root = json!({"TokenCache": {"Kind": "Cassandra", "ConnectionString": "Host=x"}});
    let error = read(root).unwrap_err().to_string();
    assert!(error.contains("one of Sqlite, PostgreSql, MySql"), "{error}");
}
