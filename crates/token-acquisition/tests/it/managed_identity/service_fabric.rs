//! Service Fabric: the certificate that the cluster made itself, and tokens that can be revoked.

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, Claims, Clock, Environment, ManagedIdentityId, TokenHash, testing::ManualClock,
};
use entra_emulator::{Emulator, ManagedIdentityHost as Host, ids};
use entra_token_acquisition::ManagedIdentity;

use super::{asked, on};
use crate::kit::{Kit, ORDERS, as_app, claims, every_text, who};

fn over_https(thumbprint: Option<&str>) -> (Emulator, ManagedIdentity) {
    let emulator = Emulator::builder().https(true).start_blocking().unwrap();
    let clock = ManualClock::new(emulator.clock().now());
    let variables =
        emulator.managed_identity_environment(Host::ServiceFabric).into_iter().map(|(name, value)| {
            let value =
                thumbprint.filter(|_| name == "IDENTITY_SERVER_THUMBPRINT").map_or(value, str::to_owned);
            (name, value)
        });
    let identity = ManagedIdentity::system()
        .clock(Arc::new(clock) as Arc<dyn Clock>)
        .environment(Environment::from_pairs(variables))
        .retry_delay(Duration::ZERO)
        .build()
        .unwrap();
    (emulator, identity)
}

#[tokio::test]
async fn the_clusters_certificate_is_known_by_its_thumbprint_alone() {
    let (_emulator, identity) = over_https(None);
    let token = identity.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(claims(&token)["azp"], ids::HOST);

    for wrong in ["ABCDEF", "0000000000000000000000000000000000000000"] {
        let (emulator, identity) = over_https(Some(wrong));
        let error = identity.acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "nobody", "{error}");
        assert!(error.to_string().starts_with("no connection"), "{error}");
        assert!(!every_text(&error).contains(ids::HOST_SECRET));
        assert_eq!(emulator.log().entries().len(), 0, "the secret never left");
    }
}

#[tokio::test]
async fn a_token_that_an_api_refused_is_named_to_the_host() {
    let kit = Kit::new();
    let identity =
        on(&kit, Host::ServiceFabric, ManagedIdentityId::System).capability("cp1").build().unwrap();
    let first = identity.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(claims(&first)["xms_cc"][0], "cp1");
    let forced = identity.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    assert_eq!(forced.secret(), first.secret(), "the host keeps its tokens, too");

    let challenge = Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#).unwrap();
    let second = identity.acquire(&as_app(ORDERS).claims(challenge)).await.unwrap();
    assert_ne!(second.secret(), first.secret());
    assert_eq!(identity.acquire(&as_app(ORDERS)).await.unwrap().secret(), second.secret());
    let asked = asked(&kit);
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|entry| entry.field("xms_cc") == Some("cp1")));
    let sha256 = TokenHash::of(first.secret()).to_string();
    assert_eq!(asked[2].field("token_sha256_to_refresh"), Some(sha256.as_str()));
    assert_eq!(asked[0].field("token_sha256_to_refresh"), None);

    // Whoever says which token was refused does not lose the one that took its place.
    let late = as_app(ORDERS).replacing(TokenHash::of(first.secret()));
    assert_eq!(identity.acquire(&late).await.unwrap().secret(), second.secret());
    let again = as_app(ORDERS).replacing(TokenHash::of(second.secret()));
    assert_ne!(identity.acquire(&again).await.unwrap().secret(), second.secret());
}
