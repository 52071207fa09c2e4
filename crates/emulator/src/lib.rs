#![doc = include_str!("../README.md")]

mod authorize;
mod bearer;
mod certificate;
mod client_assertion;
mod client_authentication;
mod clock;
mod compute;
mod directory;
mod discovery;
mod echo;
mod emulator;
mod exchange;
mod faults;
mod grant;
mod graph;
mod guarded;
mod issue;
mod jwk;
mod jwt;
mod key_vault;
mod keys;
mod managed_identity;
mod mint;
mod mtls;
mod origin;
mod pipeline;
mod realm;
mod refusal;
mod route;
mod scope;
mod serve;
mod server;
mod session;
mod tls;
mod token;
mod toml_error;
mod traffic;
mod user_flow;

pub use clock::VirtualClock;
pub use directory::{
    App, Consent, Directory, DirectoryError, ExternalIssuer, FederatedCredential, Hidden, Lifetimes,
    ManagedIdentity, Policy, Tenant, TrustedSubject, User, ids,
};
pub use emulator::{Emulator, EmulatorBuilder, StartError};
pub use faults::{Fault, Faults, ScriptError};
pub use key_vault::{KeyVault, VaultCertificate, VaultOperation};
pub use managed_identity::ManagedIdentityHost;
pub use mint::Mint;
pub use mtls::any_client_certificate;
pub use route::Endpoint;
pub use traffic::{Entry, Grant, Log};
