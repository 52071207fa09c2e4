#![doc = include_str!("../README.md")]
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod address;
mod builder;
mod cleanup;
mod config;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod credential;
mod dialect;
mod error;
mod identifier;
mod kind;
#[cfg(feature = "mysql")]
mod mysql;
mod pause;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod question;
mod sql_store;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use crate::{builder::SqlStoreBuilder, sql_store::SqlStore};
