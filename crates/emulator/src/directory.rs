//! Who exists: tenants, applications, agents, users, and who has consented to what.
//!
//! In: a TOML or JSON file, or values built in code. Never: a request; what a request may do is decided in the grants.

mod app;
mod file;
mod first_party;
pub mod ids;
mod lookup;
mod managed_identity;
mod secret;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use managed_identity::Named;

pub use app::{App, FederatedCredential, TrustedSubject};
pub use file::DirectoryError;
pub use managed_identity::ManagedIdentity;
pub use secret::Hidden;

/// Everything the emulator knows about the world.
///
/// [`Directory::default`] is ready made (its ids are in [`ids`]); a file replaces it whole. Names, ids and identifier
/// URIs all work as references: a consent may say `client = "shop-api"` or give the GUID.
///
/// ```
/// use entra_emulator::Directory;
///
/// let directory = Directory::from_toml(r#"
///     [[tenants]]
///     id = "6b1f6a0e-2c7d-4a53-9f18-0d7c5a1e9b42"
///     domain = "fabrikam.example"
///
///     [[apps]]
///     name = "nightly-job"
///     client_id = "9d2c7f31-54ab-4be0-8a6d-3f0e1c2b4a59"
///     secrets = ["job's s3cret"]
/// "#)?;
/// assert_eq!(directory.apps[0].name, "nightly-job");
/// # Ok::<(), entra_emulator::DirectoryError>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Directory {
    /// Tenants; the first one is meant where none is named.
    pub tenants: Vec<Tenant>,
    /// Applications: clients, APIs, blueprints and agents alike.
    #[serde(default)]
    pub apps: Vec<App>,
    /// People and agent users.
    #[serde(default)]
    pub users: Vec<User>,
    /// Who may do what, and where.
    #[serde(default)]
    pub consents: Vec<Consent>,
    /// Conditional access: when the user must do more.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// Issuers outside Entra whose tokens federated credentials may name.
    #[serde(default)]
    pub issuers: Vec<ExternalIssuer>,
    /// Which applications are the identities of a host.
    #[serde(default)]
    pub managed_identities: Vec<ManagedIdentity>,
    /// How long things last.
    #[serde(default)]
    pub lifetimes: Lifetimes,
}

/// A tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tenant {
    /// Its GUID.
    pub id: String,
    /// A verified domain, which may stand for the GUID in an authority.
    #[serde(default)]
    pub domain: String,
}

/// A user, or an agent's user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct User {
    /// A short name for logs and references.
    pub name: String,
    /// Object id, a GUID.
    pub object_id: String,
    /// User principal name.
    pub upn: String,
    /// What tokens say in `name`.
    #[serde(default)]
    pub display_name: String,
    /// Home tenant; the first one when not given.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The agent identity whose user this is.
    #[serde(default)]
    pub agent: Option<String>,
    /// May not sign in (AADSTS50057).
    #[serde(default)]
    pub disabled: bool,
}

/// What a client may do at a resource: scopes for users, roles for itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Consent {
    /// Who may. An agent also has what its blueprint has.
    pub client: String,
    /// Where.
    pub resource: String,
    /// For whom; everybody when not given (an administrator's consent).
    #[serde(default)]
    pub user: Option<String>,
    /// Delegated permissions.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Application roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Conditional access: tokens for this resource need an authentication context.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// For which resource.
    pub resource: String,
    /// For which user; everybody when not given.
    #[serde(default)]
    pub user: Option<String>,
    /// Which `acrs` value the user must have earned, such as `c1`.
    pub context: String,
}

/// An OpenID Connect issuer outside Entra.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExternalIssuer {
    /// Its `iss`.
    pub issuer: String,
    /// Its keys, as a JWKS document. Without it the issuer signs with the emulator's test key: see
    /// [`Emulator::workload_assertion`](crate::Emulator::workload_assertion).
    #[serde(default)]
    pub jwks: Option<Value>,
}

/// How long things last, in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Lifetimes {
    /// `expires_in` of access tokens.
    pub access_token: u64,
    /// `refresh_in`; not sent when not given.
    pub refresh_in: Option<u64>,
    /// Authorization codes.
    pub code: u64,
    /// Refresh tokens.
    pub refresh_token: u64,
    /// Access tokens of managed identities.
    pub managed_identity: u64,
    /// Certificates of managed identities.
    pub certificate: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: 3599,
            refresh_in: None,
            code: 600,
            refresh_token: 90 * 24 * 3600,
            managed_identity: 86_400,
            certificate: 7 * 86_400,
        }
    }
}

impl Lifetimes {
    pub(crate) fn code(&self) -> Duration {
        Duration::from_secs(self.code)
    }

    pub(crate) fn refresh_token(&self) -> Duration {
        Duration::from_secs(self.refresh_token)
    }
}

impl User {
    /// A person of the first tenant.
    pub fn new(name: impl Into<String>, object_id: impl Into<String>, upn: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            object_id: object_id.into(),
            upn: upn.into(),
            tenant: None,
            agent: None,
            disabled: false,
        }
    }
}

impl Consent {
    /// Everybody's consent to these scopes.
    pub fn scopes<'a>(client: &str, resource: &str, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            client: client.to_owned(),
            resource: resource.to_owned(),
            user: None,
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            roles: Vec::new(),
        }
    }

    /// The client's own roles.
    pub fn roles<'a>(client: &str, resource: &str, roles: impl IntoIterator<Item = &'a str>) -> Self {
        Self { roles: roles.into_iter().map(str::to_owned).collect(), ..Self::scopes(client, resource, []) }
    }
}
