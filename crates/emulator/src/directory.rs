//! Who exists: tenants, applications, agents, users, and who has consented to what.
//!
//! In: a TOML or JSON file, or values built in code. Never: a request; what a request may do is decided in the grants.

mod file;
mod first_party;
pub mod ids;
mod lookup;
mod secret;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

pub use file::DirectoryError;
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

/// An application: what the portal calls a registration, with the service principal it has in each tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct App {
    /// A short name for logs and references.
    #[serde(default)]
    pub name: String,
    /// Application (client) id, a GUID.
    pub client_id: String,
    /// Object id of its service principal; made from the client id when not given.
    #[serde(default)]
    pub object_id: Option<String>,
    /// Tenants it is installed in, the first being its home; none means the first tenant.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Installed in every tenant.
    #[serde(default)]
    pub multi_tenant: bool,
    /// Identifier URIs: what scopes and v1 audiences name.
    #[serde(default)]
    pub id_uris: Vec<String>,
    /// Secrets that work.
    #[serde(default)]
    pub secrets: Vec<Hidden>,
    /// Secrets that did work once.
    #[serde(default)]
    pub expired_secrets: Vec<Hidden>,
    /// Registered certificates, PEM.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Certificates trusted by subject and issuer instead (the client sends `x5c`).
    #[serde(default)]
    pub trusted_subjects: Vec<TrustedSubject>,
    /// Federated credentials: whose tokens may stand for this application's own proof.
    #[serde(default)]
    pub federated: Vec<FederatedCredential>,
    /// Delegated permissions it offers; none listed means that any name is one.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Application roles it offers.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Which tokens it takes as an API: 1 or 2.
    #[serde(default = "two")]
    pub access_token_version: u8,
    /// Where codes may be sent. `http://localhost` stands for any port.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// A public client: proves nothing.
    #[serde(default)]
    pub public: bool,
    /// Makes it an agent identity of this blueprint.
    #[serde(default)]
    pub blueprint: Option<String>,
    /// `false` refuses plain app-only tokens (AADSTS82001): for a blueprint that may only speak through its agents.
    #[serde(default = "yes")]
    pub app_tokens: bool,
}

/// A certificate trusted by who is named in it and who signed it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustedSubject {
    /// The common name of the certificate.
    pub subject: String,
    /// The certificate of the authority that must have signed it, PEM.
    pub authority: String,
}

/// Whose token may prove this application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FederatedCredential {
    /// An issuer of [`Directory::issuers`], or `entra` for a token of this emulator's own tenant.
    pub issuer: String,
    /// Its `sub`, compared exactly.
    pub subject: String,
    /// Its `aud`.
    #[serde(default = "exchange_audience")]
    pub audience: String,
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
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { access_token: 3599, refresh_in: None, code: 600, refresh_token: 90 * 24 * 3600 }
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

impl App {
    /// An application with this name and client id, and nothing else yet.
    pub fn new(name: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            client_id: client_id.into(),
            object_id: None,
            tenants: Vec::new(),
            multi_tenant: false,
            id_uris: Vec::new(),
            secrets: Vec::new(),
            expired_secrets: Vec::new(),
            certificates: Vec::new(),
            trusted_subjects: Vec::new(),
            federated: Vec::new(),
            scopes: Vec::new(),
            roles: Vec::new(),
            access_token_version: two(),
            redirect_uris: Vec::new(),
            public: false,
            blueprint: None,
            app_tokens: true,
        }
    }

    /// Object id of the service principal.
    pub fn object_id(&self) -> String {
        self.object_id.clone().unwrap_or_else(|| derived_object_id(&self.client_id))
    }

    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { &self.client_id } else { &self.name }
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

/// A service principal has an object id of its own: the last group of the client id, turned around, keeps it recognisable.
fn derived_object_id(client_id: &str) -> String {
    match client_id.rsplit_once('-') {
        Some((head, tail)) => format!("{head}-{}", tail.chars().rev().collect::<String>()),
        None => client_id.to_owned(),
    }
}

fn two() -> u8 {
    2
}

fn yes() -> bool {
    true
}

fn exchange_audience() -> String {
    "api://AzureADTokenExchange".to_owned()
}
