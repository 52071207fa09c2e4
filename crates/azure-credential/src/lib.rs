#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod asked;
mod context;
mod credential;
mod error;
mod policy;

pub use entra_abstractions::{AcquireToken, Claims, CorrelationId, TenantId, TokenError};

pub use credential::EntraCredential;
pub use policy::CurrentTokenPolicy;
