#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod app_scopes;
mod body;
mod bound;
mod builder;
mod call;
mod caller;
mod check;
mod config;
mod consent;
mod error;
mod execute;
mod header;
mod http;
#[cfg(feature = "middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "middleware")))]
pub mod middleware;
mod options;
mod path;
mod place;
mod response;
mod telemetry;

pub use entra_abstractions::{
    AcquireToken, HttpSettings, InteractionRequired, Misconfigured, Scopes, TokenError, UserAssertion,
};

pub use api::Api;
pub use builder::ApiBuilder;
pub use call::Call;
pub use caller::Caller;
pub use error::{CallError, DecodeError, StatusError, TransportError};
#[cfg(feature = "middleware")]
pub use middleware::{AuthorizationMiddleware, AuthorizationOptions};
pub use response::Response;
