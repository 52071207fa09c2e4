//! Stores to which one logs in by a token of Entra. Nobody gets one here, so that nothing leaves this
//! machine; that a token opens the door is tested where each store is.

use std::sync::Arc;

use entra_abstractions::{Misconfigured, Section, Subject, testing::FakeAcquirer};
use entra_cache::{Kind, open, open_as, open_as_with, open_with};
use serde_json::json;

use crate::naming::{KEY, KINDS};

const CLIENT: &str = "11111111-1111-4111-8111-111111111111";

fn root(kind: Kind, connection: &str) -> Section {
    let cache = json!({"Kind": kind.as_str(), "ConnectionString": "Cache", "EncryptionKeys": [KEY]});
    Section::new("", json!({"ConnectionStrings": {"Cache": connection}, "TokenCache": cache}))
}

fn nobody() -> Arc<FakeAcquirer> {
    Arc::new(FakeAcquirer::new(|_| Err(Misconfigured::new("there is no identity here").into())))
}

#[tokio::test]
async fn who_logs_in_by_a_token_is_asked_for_one() {
    let sql = "Server=tcp:contoso.database.windows.net,1433;Initial Catalog=Tokens;Encrypt=True;Authentication=Active Directory";
    let by_client = format!("{sql} Managed Identity;User Id={CLIENT}");
    let redis_user = format!("localhost:1,user={CLIENT}");
    for (kind, connection, scope) in [
        (Kind::SqlServer, format!("{sql} Default;"), "https://database.windows.net/.default"),
        (Kind::SqlServer, by_client, "https://database.windows.net/.default"),
        (Kind::SqlServer, format!("{sql} Workload Identity"), "https://database.windows.net/.default"),
        (
            Kind::PostgreSql,
            "Host=contoso.postgres.database.azure.com;Database=tokens;Username=shop-api;Ssl Mode=Require"
                .to_owned(),
            "https://ossrdbms-aad.database.windows.net/.default",
        ),
        (
            Kind::MySql,
            "mysql://shop-api@contoso.mysql.database.azure.com/tokens".to_owned(),
            "https://ossrdbms-aad.database.windows.net/.default",
        ),
        (Kind::Redis, "contoso.redis.cache.windows.net:6380".to_owned(), "https://redis.azure.com/.default"),
        (
            Kind::Redis,
            "contoso.westeurope.redis.azure.net:10000,ssl=True".to_owned(),
            "https://redis.azure.com/.default",
        ),
        (Kind::Redis, redis_user, "https://redis.azure.com/.default"),
        (Kind::CosmosDb, "https://localhost:1/".to_owned(), "https://cosmos.azure.com/.default"),
    ] {
        let root = root(kind, &connection);
        let error = open(&root).unwrap_err().to_string();
        if error.contains("was built without") {
            continue;
        }
        assert!(
            error.starts_with(
                "ConnectionStrings.Cache: one logs in there by a token of Entra, and nobody acquires any (open it by \
                 entra_cache::open_with(&root, tokens)"
            ),
            "{kind}: {error}"
        );
        assert_eq!(open_as(kind, &root).unwrap_err().to_string(), error);

        let tokens = nobody();
        let store = open_with(&root, Arc::clone(&tokens)).unwrap().unwrap();
        assert!(open_as_with(kind, &root, Arc::clone(&tokens)).is_ok());
        assert!(tokens.requests().is_empty(), "to open a store asks nobody");
        let error = store.check().await.unwrap_err().to_string();
        assert!(error.contains("token"), "{kind}: {error}");
        let asked = tokens.requests();
        assert_eq!(asked.first().map(|request| request.scopes.as_str()), Some(scope), "{kind} {connection}");
        let is_managed = asked.iter().all(|request| matches!(request.subject, Subject::ManagedIdentity(_)));
        assert_eq!(is_managed, connection.contains("Managed Identity"), "{connection}");
    }
}

/// One program serves a developer's machine and Azure: what has a password is opened by it.
#[tokio::test]
async fn who_has_a_password_needs_no_token() {
    for (kind, connection) in KINDS {
        let tokens = nobody();
        match open_with(&root(kind, connection), Arc::clone(&tokens)) {
            Ok(store) => assert!(store.is_some_and(|store| store.is_encrypted()), "{kind}"),
            Err(error) => assert!(error.to_string().contains("was built without"), "{kind}: {error}"),
        }
        assert!(tokens.requests().is_empty());
    }
    // Nor does a server of one's own that lets everybody in: tokens go to Azure.
    for (kind, connection) in [
        (Kind::Redis, "localhost:1"),
        (Kind::Redis, "redis.contoso.example:6380,ssl=True"),
        (Kind::PostgreSql, "Host=db.contoso.example;Database=tokens;Username=app"),
        (Kind::MySql, "Server=localhost;Database=tokens;User ID=app"),
    ] {
        if let Err(error) = open(&root(kind, connection)) {
            assert!(error.to_string().contains("was built without"), "{kind}: {error}");
        }
    }
}

#[test]
fn a_login_that_cannot_be_is_told() {
    let told = |kind, connection: &str| open_with(&root(kind, connection), nobody()).unwrap_err().to_string();
    let error = told(Kind::Redis, "contoso.redis.cache.windows.net:6379,ssl=False");
    assert!(
        error.contains("may not be sent to this server without TLS") || error.contains("built without"),
        "{error}"
    );
    let error = told(
        Kind::PostgreSql,
        "Host=contoso.postgres.database.azure.com;Database=t;Username=a;Ssl Mode=Disable",
    );
    assert!(
        error.contains("a token goes to a server that is verified only") || error.contains("built without"),
        "{error}"
    );
}
