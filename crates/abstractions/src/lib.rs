#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod acquire;
mod allocation;
mod assertion;
mod authority;
mod binding;
mod challenge;
mod claims;
mod clock;
mod cloud;
mod connection_string;
mod correlation;
mod environment;
mod error;
mod held_key;
mod http_settings;
mod id;
mod pop_key;
mod request;
mod scope;
mod secret;
pub mod section;
mod store;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod token_hash;

pub use acquire::{AcquireToken, Acquiring};
pub use assertion::{AssertionContext, ProvideAssertion, ProviderSettings, SignedAssertion};
pub use authority::{Authority, AuthorityKind, is_safe, is_this_machine, safe_url};
pub use binding::{BindTokens, Binding, KeyForm, WeakBinding};
pub use challenge::Challenge;
pub use claims::Claims;
pub use clock::{Clock, SystemClock};
pub use cloud::Cloud;
pub use connection_string::{ConnectionParts, ConnectionString};
pub use correlation::CorrelationId;
pub use environment::Environment;
pub use error::{
    ClockSkew, Diagnosis, Exchange, Fault, Faults, InteractionRequired, LostSession, Misconfigured, Owner,
    Rejected, TokenError, Unavailable,
};
pub use held_key::{AttestKey, AttestationContext, HoldKey, RsaSignature};
pub use http_settings::HttpSettings;
pub use id::{AgentId, ClientId, ObjectId, TenantId, is_guid};
pub use pop_key::PopKey;
pub use request::{FmiPath, Parameter, Place, TokenRequest};
pub use scope::{Scopes, is_identity_scope};
pub use secret::{Secret, SecretRef};
pub use section::Section;
pub use store::{
    EncryptionKeys, Kept, MemoryLimit, RefusedLogins, SharedStore, StoreError, StoreKey, StoreSettings,
    StoreTokens, StoredEntry, Unreadable,
};
pub use subject::{
    AccountId, AgentSubject, AgentUser, ManagedIdentityId, OnBehalfOf, ResourceId, SessionKey, Subject, Upn,
    User, UserAssertion,
};
pub use token::{AccessToken, Scheme, TokenParts, TokenTerms};
pub use token_hash::TokenHash;
