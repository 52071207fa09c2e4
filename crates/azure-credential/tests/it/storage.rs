//! The Azure SDK's own client of Blob Storage takes the credential. Against Azurite it does so in
//! `cargo xtask conformance`.

use std::sync::Arc;

use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{ClientOptions, RequestContent, Transport, Url, policies::Policy},
};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use entra_abstractions::UserAssertion;
use entra_azure_credential::EntraCredential;
use futures_util::TryStreamExt;

use crate::{STORAGE, bearer, blobs::Blobs, giving};

fn service(
    blobs: &Arc<Blobs>,
    credential: impl Into<Arc<dyn TokenCredential>>,
    policies: Vec<Arc<dyn Policy>>,
) -> BlobServiceClient {
    let blobs: Arc<Blobs> = Arc::clone(blobs);
    let client_options = ClientOptions {
        transport: Some(Transport::new(blobs)),
        per_try_policies: policies,
        ..ClientOptions::default()
    };
    let options = BlobServiceClientOptions { client_options, ..BlobServiceClientOptions::default() };
    let url = Url::parse("https://contoso.blob.core.windows.net/").unwrap();
    BlobServiceClient::new(url, Some(credential.into()), Some(options)).unwrap()
}

#[tokio::test]
async fn a_container_is_made_filled_listed_and_read() {
    let blobs = Arc::new(Blobs::letting_in("at-user"));
    let user = UserAssertion::new("a.b.c").unwrap();
    let tokens = giving("at-user");
    let credential = EntraCredential::new(Arc::clone(&tokens)).on_behalf_of(&user);
    let container = service(&blobs, credential, Vec::new()).blob_container_client("orders");
    container.create(None).await.unwrap();
    let blob = container.blob_client("o'hara.txt");
    blob.upload(RequestContent::from(b"a bolt".to_vec()), None).await.unwrap();
    let names: Vec<_> = container.list_blobs(None).unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(names.len(), 1);
    let read = blob.download(None).await.unwrap().body.collect().await.unwrap();
    assert_eq!(&read[..], b"a bolt");
    assert!(blobs.shown().iter().all(|token| token == "at-user"));
    assert_eq!(tokens.requests().len(), 1, "a client keeps its token");
}

#[tokio::test]
async fn a_challenge_is_answered_by_the_policy_alone() {
    let blobs = Arc::new(Blobs::letting_in("at-2"));
    let tokens = Arc::new(entra_abstractions::testing::FakeAcquirer::new(|request| {
        Ok(bearer(if request.claims.is_some() { "at-2" } else { "at-1" })?)
    }));
    let credential = EntraCredential::new(Arc::clone(&tokens));
    let without = service(&blobs, credential.clone(), Vec::new());
    let refused = without.blob_container_client("orders").create(None).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::HttpResponse { status, .. } if *status == 401));

    let policies = vec![credential.policy(STORAGE).unwrap()];
    let with = service(&blobs, credential, policies);
    with.blob_container_client("orders").create(None).await.unwrap();
    let last = tokens.requests().pop().unwrap();
    assert_eq!(last.claims.unwrap().as_str(), r#"{"access_token":{"nbf":{"essential":true}}}"#);
    assert!(last.replaces.is_some());
    assert_eq!(blobs.shown(), ["at-1", "at-1", "at-2"]);
}
