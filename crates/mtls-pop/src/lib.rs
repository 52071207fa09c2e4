#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod http;
mod tls;

pub use client::{BoundClient, FirstRequest};
pub use http::BoundClients;
