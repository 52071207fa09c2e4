//! What every store must do.

use entra_abstractions::testing::store_conformance;

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_store() {
    let bench = Bench::start().await;
    store_conformance(&bench.store, &*bench.clock, async |time| bench.clock.advance(time)).await;
}
