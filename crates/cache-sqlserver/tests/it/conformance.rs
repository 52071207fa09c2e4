//! What every store must do.

use std::time::Duration;

use entra_abstractions::testing::{
    Spoilt, store_conformance, store_outage_conformance, store_spoilt_conformance,
};

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_store() {
    let bench = Bench::start().await;
    store_conformance(&bench.store, &*bench.clock, async |time| bench.clock.advance(time)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoilt_behind_its_back() {
    let Bench { double, clock, store } = Bench::start().await;
    store_spoilt_conformance(store, &*clock, async |spoilt| {
        let value = if spoilt == Spoilt::TooLarge { vec![1; 1_048_577] } else { b"{}".to_vec() };
        double.with(|table| table.rows.values_mut().for_each(|row| row.0.clone_from(&value)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lives_through_an_outage() {
    let bench = Bench::start().await;
    let (away, back) = (async || bench.double.go_away().await, async || bench.double.come_back().await);
    let pass = async |_| tokio::task::yield_now().await;
    store_outage_conformance(&bench.store, &*bench.clock, pass, Duration::from_secs(5), away, back).await;
}
