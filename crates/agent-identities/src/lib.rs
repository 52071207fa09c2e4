#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agents;
mod assertion;
mod with;

pub use agents::AgentIdentities;
pub use with::WithAgentIdentity;
