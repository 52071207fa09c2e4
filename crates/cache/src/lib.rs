#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod kind;
mod open;

pub use kind::Kind;
pub use open::{open, open_as};
