//! What one instance has fetched the other does not ask for.

use entra_abstractions::Environment;
use entra_emulator::{Emulator, ids};
use entra_settings::Settings;
use entra_token_acquisition::TokenAcquirer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OTHER_KEY: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";

/// The embedded Entra, and the folder of the file that instances share.
struct World {
    emulator: Emulator,
    folder: TempDir,
}

/// A running web API.
struct Instance {
    url: String,
    tokens: TokenAcquirer,
}

impl World {
    async fn new() -> Self {
        let emulator = Emulator::builder().strict_traffic().start().await.unwrap();
        Self { emulator, folder: TempDir::new().unwrap() }
    }

    fn file(&self) -> String {
        self.folder.path().join("tokens.db").display().to_string()
    }

    fn settings(&self, cache: &[(&str, &str)]) -> Settings {
        let base = self.emulator.base_url();
        let mut variables = vec![
            ("AzureAd__Instance", format!("{base}/")),
            ("AzureAd__TenantId", String::from("contoso.example")),
            ("AzureAd__ClientId", ids::API.to_owned()),
            ("AzureAd__Audience", ids::API.to_owned()),
            ("AzureAd__ClientCredentials__0__ClientSecret", ids::API_SECRET.to_owned()),
            ("DownstreamApis__PartnerAPI__BaseUrl", format!("{base}/orders")),
            ("DownstreamApis__PartnerAPI__Scopes__0", String::from("api://orders/read")),
            ("ConnectionStrings__TokenCacheDb", format!("Data Source={}", self.file())),
        ];
        variables.extend(cache.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let json = include_str!("../../appsettings.json");
        Settings::loader().json(json).environment(Environment::from_pairs(variables)).load().unwrap()
    }

    async fn instance(&self, cache: &[(&str, &str)]) -> Instance {
        let (app, tokens) = example_shared_cache::app(&self.settings(cache)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Instance { url, tokens }
    }

    fn token_requests(&self) -> usize {
        self.emulator.log().token_requests().len()
    }
}

impl Instance {
    #[expect(clippy::disallowed_methods, reason = "the user's own client")]
    async fn call(&self, token: &str) -> Value {
        let request = reqwest::Client::new().get(format!("{}/api/data", self.url)).bearer_auth(token);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let body = response.json().await.unwrap();
        // What is written behind the answer is there before the next instance looks.
        self.tokens.settled().await;
        body
    }
}

const KEYED: &[(&str, &str)] = &[("TokenCache__EncryptionKeys__0", KEY)];

#[tokio::test]
async fn what_one_instance_fetched_the_other_has() {
    let world = World::new().await;
    let alice = world.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    let first = world.instance(KEYED).await.call(&alice).await;
    assert_eq!(first["caller"]["oid"], ids::ALICE, "{first}");
    assert_eq!(world.token_requests(), 1);
    let second = world.instance(KEYED).await.call(&alice).await;
    assert_eq!(second["caller"]["oid"], ids::ALICE, "{second}");
    assert_eq!(world.token_requests(), 1, "the other instance asked nobody");

    // Bob's token is his, whichever instance he comes to.
    let bob = world.emulator.user_token("bob", &format!("api://{}/access_as_user", ids::API));
    let third = world.instance(KEYED).await.call(&bob).await;
    assert_eq!(third["caller"]["oid"], ids::BOB, "{third}");
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn keys_are_rotated_and_what_is_stored_stays() {
    let world = World::new().await;
    let alice = world.emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
    world.instance(KEYED).await.call(&alice).await;
    let rotated = [("TokenCache__EncryptionKeys__0", OTHER_KEY), ("TokenCache__EncryptionKeys__1", KEY)];
    world.instance(&rotated).await.call(&alice).await;
    assert_eq!(world.token_requests(), 1);
    // Who has only another key finds nothing, and fetches for itself.
    world.instance(&rotated[..1]).await.call(&alice).await;
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn the_key_is_the_one_thing_that_is_missing() {
    let world = World::new().await;
    let error = example_shared_cache::app(&world.settings(&[])).unwrap_err().to_string();
    assert!(
        error.starts_with("TokenCache.EncryptionKeys: a shared store needs an encryption key"),
        "{error}"
    );
    assert!(error.contains("openssl rand -base64 32"), "{error}");
}
