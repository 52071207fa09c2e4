//! Validated callers in, the right answers out. Knows no web framework but by the feature `axum`.
#![cfg_attr(feature = "axum", doc = "")]
#![cfg_attr(feature = "axum", doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod certificate;
mod config;
mod confirmation;
mod denial;
#[cfg(feature = "axum")]
mod extract;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod issuer;
mod json;
mod keyring;
mod keys;
mod layer;
mod metadata;
mod problem;
mod require;
mod rules;
mod telemetry;
mod token;
mod user;
mod validator;

pub use certificate::{CertificateHeader, ClientCertificate, Peer};
pub use denial::{Denial, Flaw};
pub use layer::{Protect, Protected};
pub use problem::Problem;
pub use require::{Forbidden, Require};
pub use user::AuthenticatedUser;
pub use validator::{TokenValidator, TokenValidatorBuilder};
