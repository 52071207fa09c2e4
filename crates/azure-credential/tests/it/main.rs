//! What clients of the Azure SDK get from the credential, and what they do with it.

// `cfg(test)` tells Clippy that what lies beside the tests is test code too.
#[cfg(test)]
mod blobs;
#[cfg(test)]
mod cosmos;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod subjects;
#[cfg(test)]
mod vault;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, Misconfigured, Scheme, Secret, testing::FakeAcquirer};

/// The scope that the SDK's clients of Storage ask for.
const STORAGE: &str = "https://storage.azure.com/.default";

/// A bearer token with this text, for an hour from the time that tests begin at.
fn bearer(text: &str) -> Result<AccessToken, Misconfigured> {
    let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
    AccessToken::new(Scheme::Bearer, Secret::new(text), ends)
}

/// Gives the same token to everybody.
fn giving(text: &'static str) -> Arc<FakeAcquirer> {
    Arc::new(FakeAcquirer::new(move |_| Ok(bearer(text)?)))
}
