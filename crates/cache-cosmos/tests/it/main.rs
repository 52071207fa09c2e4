//! The store over a double of Cosmos DB: every rule of a store, and every way to fail.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod double;
#[cfg(test)]
mod failures;
