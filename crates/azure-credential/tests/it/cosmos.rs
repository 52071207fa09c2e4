//! The Azure SDK's own client of Cosmos DB takes the credential: items are written, read and deleted with
//! its token, and whoever has none is told why.

use std::sync::Arc;

use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, CosmosError, RoutingStrategy,
    options::BinaryEncodingOptions,
};
use entra_abstractions::{
    AgentSubject, Exchange, Rejected, Subject, TokenError, TokenRequest, testing::FakeAcquirer,
    testing::ManualClock,
};
use entra_azure_credential::EntraCredential;
use serde_json::{Value, json};

use crate::giving;

#[path = "../../../cache-cosmos/tests/it/double.rs"]
#[expect(dead_code, reason = "the store's own tests need more of it")]
mod double;

use double::{Double, signature::TOKEN};

/// An account with the container `Tokens`, which lets in whoever has the token.
async fn account() -> Double {
    let double = Double::start(Arc::new(ManualClock::default())).await;
    double.with(|container| container.make("/id", Some(-1)));
    double
}

async fn container(account: &Double, credential: EntraCredential) -> Result<ContainerClient, CosmosError> {
    let endpoint: AccountEndpoint = format!("http://{}/", account.address).parse().unwrap();
    let account = AccountReference::with_credential(endpoint, credential.into());
    let client = Box::pin(
        CosmosClient::builder()
            .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
            .build(account, RoutingStrategy::PreferredRegions(Vec::new())),
    );
    let database = client.await?.database_client("TokenCache");
    Box::pin(database.container_client("Tokens", None)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_written_read_and_deleted() {
    let account = account().await;
    let tokens = giving(TOKEN);
    let mut credential = EntraCredential::new(Arc::clone(&tokens));
    let agent = "33333333-3333-4333-8333-333333333333".try_into().unwrap();
    credential.as_mut().subject = Subject::Agent(agent, AgentSubject::App);
    let container = container(&account, credential).await.unwrap();
    let item = json!({ "id": "o'hara", "pieces": 7, "ttl": 3_600 });
    container.upsert_item("o'hara", "o'hara", &item, None).await.unwrap();
    let read = container.read_item("o'hara", "o'hara", None).await.unwrap().into_model::<Value>().unwrap();
    assert_eq!(read, item);
    container.delete_item("o'hara", "o'hara", None).await.unwrap();
    assert_eq!(account.with(|container| container.items.len()), 0);
    let asked: Vec<TokenRequest> = tokens.requests();
    assert!(!asked.is_empty());
    for request in asked {
        assert_eq!(request.scopes.as_str(), "https://cosmos.azure.com/.default");
        assert!(matches!(request.subject, Subject::Agent(_, AgentSubject::App)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_another_token_or_none_is_not_let_in() {
    let account = account().await;
    let refused = container(&account, EntraCredential::new(giving("at.another"))).await.err().unwrap();
    assert_eq!(u16::from(refused.status().status_code()), 401, "{refused}");
    let rejected = Arc::new(FakeAcquirer::new(|_| {
        let exchange = Exchange::new("client_credentials", "login.example").with_aadsts(vec![7_000_215]);
        Err(Rejected::new(exchange).into())
    }));
    let error = container(&account, EntraCredential::new(rejected)).await.err().unwrap();
    let found = TokenError::in_chain(&error);
    assert!(matches!(found, Some(TokenError::Rejected(_))), "{error:?}");
}
