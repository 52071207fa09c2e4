//! An application: its ids, how it proves itself, what it offers.

use serde::Deserialize;

use super::Hidden;

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
    /// An issuer of [`Directory::issuers`](super::Directory::issuers), or `entra` for a token of this emulator's own tenant.
    pub issuer: String,
    /// Its `sub`, compared exactly.
    pub subject: String,
    /// Its `aud`.
    #[serde(default = "exchange_audience")]
    pub audience: String,
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
