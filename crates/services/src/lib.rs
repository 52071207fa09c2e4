#![doc = include_str!("../README.md")]

mod failure;
mod folder;
mod mariadb;
mod package;
mod pause;
mod port;
mod postgresql;
mod proxy;
mod redis;
mod server;
mod shared;
mod signal;
#[cfg(feature = "tls")]
mod tls;
mod url;
mod user;
mod watchdog;

pub use crate::{
    failure::Failure,
    mariadb::MariaDb,
    package::{Missing, missing},
    postgresql::PostgreSql,
    proxy::{Direction, Proxy},
    redis::{Redis, RedisCluster, RedisSentinel},
    server::Server,
    shared::Shared,
    url::PASSWORD,
};
