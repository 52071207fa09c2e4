#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod builder;
mod call;
mod caller;
mod error;
mod graph;
mod hosts;
mod link;
mod page;
mod query;
mod retry;
mod upload;

pub use entra_downstream_api::{AcquireToken, CallError, HttpSettings, Misconfigured, Response, TokenError};

pub use batch::{Batch, BatchAnswers, BatchId};
pub use builder::GraphBuilder;
pub use call::GraphCall;
pub use caller::GraphCaller;
pub use error::{GraphError, Refusal};
pub use graph::Graph;
pub use hosts::graph_host;
pub use link::DeltaLink;
pub use page::{Page, Pages};
pub use query::{quoted, segment};
pub use upload::{Progress, UploadSession};
