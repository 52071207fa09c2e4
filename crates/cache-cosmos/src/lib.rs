#![doc = include_str!("../README.md")]

mod account;
mod builder;
mod connect;
mod item;
mod store;
mod words;

pub use builder::CosmosStoreBuilder;
pub use store::CosmosStore;
