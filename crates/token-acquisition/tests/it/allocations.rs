//! A warm token costs nothing: no allocation, by key or by handle, as application or for a user.

use allocation_counter::{AllocationInfo, measure};
use entra_abstractions::{
    AcquireToken, Environment, ManagedIdentityId, Parameter, Place, TenantId, TokenRequest,
};
use entra_emulator::{ManagedIdentityHost, ids};

use crate::kit::{Kit, ORDERS, READ, as_app, scopes};

const NOTHING: AllocationInfo = AllocationInfo {
    count_total: 0,
    count_current: 0,
    count_max: 0,
    bytes_total: 0,
    bytes_current: 0,
    bytes_max: 0,
};

#[tokio::test]
async fn a_warm_token_allocates_nothing() {
    let kit = Kit::new();
    let host = kit.emulator.managed_identity_environment(ManagedIdentityHost::VirtualMachine);
    let application = kit.client(ids::API).secret(ids::API_SECRET);
    let tokens = kit.builder(application).environment(Environment::from_pairs(host)).build().unwrap();
    let requests = [
        as_app(ORDERS),
        as_app(ORDERS).tenant(TenantId::new("fabrikam.example").unwrap()),
        as_app(ORDERS).parameter(Parameter::shaping(Place::Query, "slice", "test")),
        TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")),
        TokenRequest::as_managed_identity(scopes(ORDERS), ManagedIdentityId::System),
    ];
    for request in &requests {
        tokens.acquire(request).await.unwrap();
        let handle = tokens.handle(request.clone()).unwrap();
        handle.token().await.unwrap();
        for _ in 0..3 {
            let mut warm = 0;
            let by_key = measure(|| warm += usize::from(matches!(tokens.acquire(request).now(), Ok(Ok(_)))));
            let by_handle = measure(|| warm += usize::from(matches!(handle.token().now(), Ok(Ok(_)))));
            // The first look in a thread sets up what the thread needs to look without a lock.
            if warm == 2 && by_key == NOTHING && by_handle == NOTHING {
                break;
            }
        }
        let by_key = measure(|| drop(tokens.acquire(request).now().unwrap().unwrap().authorization_header()));
        let by_handle = measure(|| drop(handle.token().now().unwrap().unwrap().authorization_header()));
        assert_eq!((by_key, by_handle), (NOTHING, NOTHING), "{:?}", request.subject);
    }
}
