//! Who moves a flight, and what becomes of it when they go away.

use std::{task::Waker, time::SystemTime};

use entra_abstractions::{ClientId, Scheme, Scopes, Secret, TenantId, TokenRequest};
use tokio::{sync::oneshot, task::yield_now};

use super::*;
use crate::{cache::Identity, plan::key_of};

fn destination() -> Destination {
    let tenant = TenantId::new("contoso.example").unwrap();
    let identity = Arc::new(Identity::new(
        "https://login.example/".into(),
        ClientId::new("11111111-1111-4111-8111-111111111111").unwrap(),
        tenant.clone(),
        tenant,
        "AzureAd.TenantId".into(),
    ));
    let request = TokenRequest::as_app(Scopes::try_from("api://orders/.default").unwrap());
    Destination { key: key_of(&identity, &request).unwrap().to_key(), claims: None, renewed: false }
}

fn token() -> AccessToken {
    AccessToken::new(Scheme::Bearer, Secret::new("eyJ.a.b"), SystemTime::UNIX_EPOCH).unwrap()
}

/// A flight that lands when it is told to, and another place on it.
fn two_places(flights: &Arc<Flights>) -> (oneshot::Sender<()>, Boarded, Boarded) {
    let (land, landing) = oneshot::channel::<()>();
    let first = flights.board(destination(), || async {
        landing.await.unwrap();
        Ok(token())
    });
    let second = flights.join(&destination()).unwrap();
    assert_eq!(flights.count(), 1);
    (land, first, second)
}

#[tokio::test]
async fn whoever_is_awake_moves_it() {
    let flights = Arc::new(Flights::default());
    let (land, mut first, second) = two_places(&flights);
    let mut asleep = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut first).poll(&mut asleep).is_pending());
    let second = tokio::spawn(second);
    yield_now().await;
    land.send(()).unwrap();
    assert!(second.await.unwrap().is_ok(), "though the first is not asked again");
    assert_eq!((flights.count(), flights.is_active(&destination())), (0, false));
    assert!(first.await.is_ok(), "who comes late has the same");
}

#[tokio::test]
async fn it_goes_on_without_its_passengers() {
    let flights = Arc::new(Flights::default());
    let (land, mut first, second) = two_places(&flights);
    assert!(Pin::new(&mut first).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop((first, second));
    yield_now().await;
    assert_eq!(flights.count(), 1);
    land.send(()).unwrap();
    flights.settled().await;
    assert!(flights.join(&destination()).is_none());
}

#[tokio::test]
async fn what_panics_is_lost_and_ends_nobody() {
    let flights = Arc::new(Flights::default());
    let (land, first, second) = two_places(&flights);
    drop(land);
    for place in [first, second] {
        let error = place.await.unwrap_err();
        assert!(error.to_string().starts_with("the runtime stopped"), "{error}");
    }
    assert_eq!(flights.count(), 0);
}

#[test]
fn a_runtime_that_ends_takes_nothing_but_its_flights_along() {
    let flights = Arc::new(Flights::default());
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let first = runtime();
    first.block_on(async { drop(flights.board(destination(), std::future::pending)) });
    drop(first);
    assert_eq!(flights.count(), 0, "its task ended with it");
    let outcome = runtime().block_on(async { flights.board(destination(), || async { Ok(token()) }).await });
    assert!(outcome.is_ok());
}
