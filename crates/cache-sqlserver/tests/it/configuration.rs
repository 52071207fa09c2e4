//! What stands in `appsettings.json`, and what is wrong with it, all at once.

use entra_abstractions::{Section, testing::assert_no_secrets};
use entra_cache_sqlserver::SqlServerStore;
use serde_json::{Value, json};

use crate::double::PASSWORD;

fn store(json: Value) -> Result<SqlServerStore, String> {
    let root = Section::new("", json);
    SqlServerStore::from_section(&root.section("TokenCache"), &root).map_err(|error| {
        assert_no_secrets(&format!("{error:#} {error:?}"), [PASSWORD, "hunter2"]);
        error.to_string()
    })
}

fn with(connection: &str) -> Result<SqlServerStore, String> {
    store(json!({ "TokenCache": { "ConnectionString": connection } }))
}

#[test]
fn the_strings_of_dot_net_are_read() {
    for text in [
        // As the portal of Azure gives it.
        "Server=tcp:contoso.database.windows.net,1433;Initial Catalog=Tokens;Persist Security Info=False;\
         User ID=app;Password=s3cret?%G&=;MultipleActiveResultSets=False;Encrypt=True;\
         TrustServerCertificate=False;Connection Timeout=30;",
        "Data Source=.;Database=Tokens;UID=app;PWD='a;b';Encrypt=Optional;Pooling=true;Max Pool Size=50",
        "server=db\\INSTANCE,50000;database=Tokens;user id=app;password=x;Trust Server Certificate=yes;App=api",
        "Server=[::1],1433;Database=Tokens;User=app;Password=x;Integrated Security=false;ApplicationIntent=ReadWrite",
    ] {
        let store = with(text).unwrap();
        assert!(format!("{store:?}").starts_with("SqlServerStore([dbo].[TokenCache]"), "{store:?}");
    }
}

#[test]
fn a_name_leads_to_connection_strings() {
    let json = json!({
        "ConnectionStrings": { "TokenCacheDb": "Server=db.contoso.example;Database=Tokens;User ID=a;Password=b" },
        "TokenCache": {
            "Kind": "SqlServer", "ConnectionString": "TokenCacheDb",
            "SchemaName": "auth", "TableName": "To]kens", "CreateIfNotExists": true
        }
    });
    assert!(format!("{:?}", store(json).unwrap()).contains("[auth].[To]]kens]"));
}

#[test]
fn every_part_that_is_not_understood_is_named_and_no_value_is() {
    let check = |text: &str, expected: &[&str]| {
        let error = with(text).unwrap_err();
        for expected in expected {
            assert!(error.contains(expected), "{expected} in: {error}");
        }
    };
    check(
        "Server=np:db;Passwrd=hunter2;Encrypt=hunter2;Max Pool Size=0;User ID=app;ApplicationIntent=ReadOnly",
        &[
            "TokenCache.ConnectionString: Server: a protocol other than tcp is not possible here",
            "Database: missing",
            "Password: missing",
            "Passwrd: not understood here (did you mean Password?)",
            "Encrypt: not understood",
            "Max Pool Size: nothing can be asked without a connection",
            "ApplicationIntent: a cache is written to",
        ],
    );
    let rest = ";Database=Tokens;User ID=app;Password=hunter2";
    check(&format!("Server=db\\SQLEXPRESS{rest}"), &["an instance needs its port"]);
    check(&format!("Server=(localdb)\\MSSQLLocalDB,1{rest}"), &["a host is expected"]);
    check(&format!("Server=db,x{rest}"), &["the port is not a number"]);
    check("Server=db;Database=Tokens;Trusted_Connection=True", &["Integrated Security: not possible here"]);
    check(
        "Server=db;Database=Tokens;Authentication=Active Directory Interactive",
        &["Active Directory Default"],
    );
    check(
        "Server=db;Database=Tokens;Authentication=Active Directory Managed Identity;User ID=o'brien",
        &["User ID: not the client id of a managed identity"],
    );
    check(
        "Server=db;Database=Tokens;Authentication=Active Directory Default",
        &["nobody acquires one (SqlServerStoreBuilder::from_section(..)?.credential(..))"],
    );
    check(
        "Server=db;Database=Tokens;Authentication=Active Directory Default;TrustServerCertificate=True",
        &["TrustServerCertificate: a token goes to a server that is verified only (leave it out)"],
    );
    check(
        &format!("Server=db;Authentication=Active Directory Default{rest}"),
        &["Password: does not go with"],
    );
}

#[test]
fn names_of_tables_are_looked_at() {
    let json = json!({ "TokenCache": {
        "ConnectionString": "Server=db;Database=Tokens;User ID=app;Password=hunter2", "TableName": "a\0b"
    }});
    assert_eq!(
        store(json).unwrap_err(),
        "TokenCache.TableName: this is no name of SQL Server's (1 to 128 characters, none of them a control character)"
    );
}
