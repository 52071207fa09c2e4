//! Without the feature `opentelemetry` nothing is counted, and no code is made for it.

#![expect(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    reason = "the same doors as where something is counted"
)]

use std::{convert::Infallible, time::Duration};

use entra_abstractions::ClientId;

use crate::{
    acquirer::TokenAcquirer,
    cache::{AnsweredBy, Reason},
};

/// None can be given.
pub(crate) type Meters = Option<Infallible>;

#[derive(Debug)]
pub(crate) struct Metrics;

impl Metrics {
    pub(crate) fn of(_meters: &Meters, _client: &ClientId) -> Self {
        Self
    }

    pub(crate) fn are_on(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn fresh(&self) {}

    pub(crate) fn asked(&self, _by: AnsweredBy, _reason: Reason) {}

    pub(crate) fn stale(&self, _left: Duration) {}

    pub(crate) fn requested(
        &self,
        _grant: &'static str,
        _host: &str,
        _outcome: &'static str,
        _took: Duration,
    ) {
    }

    pub(crate) fn refreshed(&self, _outcome: &'static str) {}
}

pub(crate) fn observe(_meters: &Meters, _tokens: &TokenAcquirer) {}
