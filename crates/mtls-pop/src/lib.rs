#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod http;
mod tls;

pub use http::BoundClients;
