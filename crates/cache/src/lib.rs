#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod kind;
mod open;
mod opening;

pub use kind::Kind;
pub use open::{open, open_as, open_as_with, open_with};
