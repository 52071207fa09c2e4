//! The configuration of Microsoft's article about web APIs that call web APIs, for each of its caches,
//! letter by letter: .NET's program reads these keys, and so does this crate.

use entra_abstractions::Section;
use entra_cache::{Kind, open, open_as};
use serde_json::{Value, json};

use crate::naming::KEY;

/// What .NET's `GetConnectionString(..)` and `Configuration["PostgresCache:.."]` find.
fn seed() -> Value {
    json!({
        "AzureAd": {
            "Instance": "https://login.microsoftonline.com/",
            "TenantId": "your-tenant-id",
            "ClientId": "your-api-client-id",
            "ClientCredentials": [{ "SourceType": "ClientSecret", "ClientSecret": "your-client-secret" }],
            "Audience": "api://your-api-client-id"
        },
        "ConnectionStrings": {
            "Redis": "contoso.redis.cache.windows.net:6380,password=s3cret?%G&=,ssl=True,abortConnect=False",
            "TokenCacheDb": "Server=tcp:contoso.database.windows.net,1433;Initial Catalog=Tokens;Persist Security Info=False;\
                             User ID=app;Password=s3cret?%G&=;MultipleActiveResultSets=False;Encrypt=True;\
                             TrustServerCertificate=False;Connection Timeout=30;",
            "Cosmos": "AccountEndpoint=https://contoso.documents.azure.com:443/;AccountKey=czNjcmV0PyVHJj0=;",
            "PostgresCache": "Host=contoso.postgres.database.azure.com;Port=5432;Username=app;Password=s3cret?%G&=;\
                              Database=tokens;Ssl Mode=Require;Pooling=true;Timeout=15"
        },
        "PostgresCache": {
            "SchemaName": "public",
            "TableName": "token_cache",
            "CreateIfNotExists": "true",
            "UseWAL": false,
            "ExpiredItemsDeletionInterval": "00:30:00",
            "DefaultSlidingExpiration": "00:20:00"
        }
    })
}

/// The program says which cache it is, and the options that .NET's program sets in code.
#[test]
fn each_cache_of_the_article_opens_from_its_own_section() {
    for (kind, options) in [
        (Kind::Redis, json!({"InstanceName": "MyWebApi"})),
        (Kind::SqlServer, json!({"SchemaName": "dbo", "TableName": "TokenCache"})),
        (Kind::CosmosDb, json!({"DatabaseId": "TokenCache", "ContainerId": "Tokens"})),
        (Kind::PostgreSql, json!({})),
    ] {
        let opened = |cache: &Value| {
            let mut root = seed();
            root["TokenCache"] = cache.clone();
            open_as(kind, &Section::new("", root)).map_err(|error| error.to_string())
        };
        // The one thing that it lacks is a key, and the error says how to make one, and where it goes.
        let error = opened(&options).unwrap_err();
        if error.contains("was built without") {
            continue;
        }
        assert_eq!(
            error,
            "TokenCache.EncryptionKeys: a shared store needs an encryption key (make one with `openssl rand -base64 \
             32`, the same for every instance, and put it into TokenCache:EncryptionKeys, or the environment variable \
             TokenCache__EncryptionKeys__0; to keep tokens unencrypted, write \"Encryption\": \"None\" there instead)"
        );
        let mut keyed = options.clone();
        keyed["EncryptionKeys"] = json!([KEY]);
        assert!(opened(&keyed).unwrap().is_encrypted());
        // As the environment gives it.
        keyed["EncryptionKeys"] = json!({"0": KEY});
        keyed["Kind"] = json!(kind.as_str());
        let mut root = seed();
        root["TokenCache"] = keyed;
        assert!(open(&Section::new("", root)).unwrap().is_some_and(|store| store.is_encrypted()));
    }
    // AddInMemoryTokenCaches.
    assert!(open(&Section::new("", seed())).unwrap().is_none());
}

/// What is missing or was not filled in is told by its place.
#[test]
fn what_was_not_filled_in_is_told() {
    let told = |change: &dyn Fn(&mut Value)| {
        let mut root = seed();
        root["TokenCache"] = json!({"EncryptionKeys": [KEY]});
        change(&mut root);
        open_as(Kind::PostgreSql, &Section::new("", root)).map(drop).map_err(|error| error.to_string())
    };
    let Err(error) =
        told(&|root| root["ConnectionStrings"]["PostgresCache"] = json!("<your-connection-string>"))
    else {
        panic!("a placeholder is no connection string");
    };
    if error.contains("was built without") {
        return;
    }
    assert_eq!(error, "ConnectionStrings.PostgresCache: no connection string was filled in");
    let error = told(&|root| root["ConnectionStrings"] = json!({})).unwrap_err();
    assert_eq!(
        error,
        "TokenCache.ConnectionString: missing: the name of an entry of ConnectionStrings, or a connection string"
    );
    let error = told(&|root| root["PostgresCache"]["TabelName"] = json!("x")).unwrap_err();
    assert_eq!(error, "PostgresCache.TabelName: unknown key (did you mean TableName?)");
    let error = told(&|root| root["PostgresCache"]["CreateIfNotExists"] = json!("ja")).unwrap_err();
    assert_eq!(error, "PostgresCache.CreateIfNotExists: true or false is expected here");
}
