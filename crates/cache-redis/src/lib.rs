#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cluster;
mod config;
mod connection;
mod dial;
mod entry;
mod error;
mod link;
mod login;
mod store;
mod tls;

pub use builder::RedisStoreBuilder;
pub use store::RedisStore;
