#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod acquirer;
mod application;
mod builder;
mod cache;
mod client_assertion;
mod credential;
mod endpoint;
mod explain;
mod fetch;
mod flight;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod grant;
mod handle;
mod hex;
mod http;
mod jitter;
mod managed_identity;
mod plan;
mod refresh;
mod region;
mod second_level;
mod session;
mod sign_in;
mod telemetry;
mod wire;

pub use acquirer::TokenAcquirer;
pub use application::{Application, ApplicationBuilder};
pub use builder::TokenAcquirerBuilder;
pub use cache::{AnsweredBy, KeyDigest, Reason, Statistics};
pub use credential::{CertificateFacts, CredentialReport, CredentialState};
pub use explain::{CachedToken, Explanation, Pause, StoreFinding, StoreReport};
pub use fetch::TOKEN_EXCHANGE_SCOPE;
pub use handle::TokenHandle;
pub use managed_identity::{ManagedIdentity, ManagedIdentityBuilder};
pub use sign_in::{AuthorizationCode, SignedIn};
