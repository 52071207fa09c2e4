#![doc = include_str!("../README.md")]

mod builder;
mod connect;
mod pool;
mod server;
mod store;
mod table;
mod words;

pub use builder::SqlServerStoreBuilder;
pub use store::SqlServerStore;
