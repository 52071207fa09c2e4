//! A store that is entered with the application's own token instead of a key: Cosmos DB, by a token that
//! Entra issued for it.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, Clock, EncryptionKeys, Environment, Section, SharedStore, SystemClock, TokenRequest,
    UserAssertion,
};
use entra_azure_credential::EntraCredential;
use entra_cache_cosmos::CosmosStoreBuilder;
use entra_emulator::{App, Emulator, ids};
use entra_token_acquisition::{Application, TokenAcquirer, TokenAcquirerBuilder};
use serde_json::json;

#[path = "../../../cache-cosmos/tests/it/double.rs"]
#[expect(dead_code, reason = "the store's own tests need more of it")]
mod double;

use double::Double;

const COSMOS: &str = "https://cosmos.azure.com";
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn acquirer(entra: &Emulator, client: &str, secret: &str, store: Option<SharedStore>) -> TokenAcquirer {
    let application = Application::builder().instance(entra.base_url()).tenant(ids::TENANT);
    let application = application.client_id(client).secret(secret).build().unwrap();
    let tokens = TokenAcquirer::builder(application).environment(Environment::empty());
    store.into_iter().fold(tokens, TokenAcquirerBuilder::store).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_tokens_are_shared_in_a_container_that_is_entered_by_a_token() {
    let entra = Emulator::builder().start().await.unwrap();
    entra.edit(|directory| {
        let mut cosmos = App::new("cosmos", "a232010e-820c-4083-83bb-3ace5fc29d0b");
        cosmos.id_uris = vec![COSMOS.to_owned()];
        directory.apps.push(cosmos);
    });
    // Its tokens are kept in memory alone: the container cannot be entered by what lies in it.
    let opener = acquirer(&entra, ids::DAEMON, ids::DAEMON_SECRET, None);
    let scope = format!("{COSMOS}/.default");
    let shown = opener.acquire(&TokenRequest::as_app(scope.as_str().try_into().unwrap())).await.unwrap();
    let account = Double::start(Arc::new(SystemClock)).await;
    account.with(|container| {
        container.make("/id", Some(-1));
        container.token = Some(shown.secret().expose().to_owned());
    });

    let root = Section::new(
        "",
        json!({ "TokenCache": {
            "Kind": "CosmosDb", "ConnectionString": format!("http://{}/", account.address),
            "EncryptionKeys": [KEY],
        } }),
    );
    let cache = root.section("TokenCache");
    let shared = || {
        let store = CosmosStoreBuilder::from_section(&cache, &root).unwrap();
        let store = store.credential(EntraCredential::new(opener.clone()).into()).build().unwrap();
        let keys = EncryptionKeys::from_section(&cache).unwrap();
        // The first request opens the container, which takes its time.
        SharedStore::encrypted(Arc::new(store), keys).timeout(Duration::from_secs(10))
    };
    let api = || acquirer(&entra, ids::API, ids::API_SECRET, Some(shared()));
    let user = UserAssertion::new(entra.user_token("alice", &format!("api://{}/access_as_user", ids::API)));
    let request = TokenRequest::on_behalf_of("api://orders/read".try_into().unwrap(), &user.unwrap());
    let (first, second) = (api(), api());
    let token = first.acquire(&request).await.unwrap();
    first.settled().await;
    assert_eq!(account.with(|container| container.items.len()), 1);
    assert!(SystemClock.now() < token.expires_at());
    entra.log().clear();
    assert_eq!(second.acquire(&request).await.unwrap().secret(), token.secret());
    assert_eq!(entra.log().count_tokens(), 0, "another instance finds it, and the opener's serves again");
}
