//! The validated identity of this application: who it is, whom it asks for tokens, and how it can
//! prove itself. Made once, at start-up; no file is read and nothing is asked for it.

mod builder;
mod section;

use std::{fmt, sync::Arc};

use entra_abstractions::{Authority, ClientId, Misconfigured, Section, TenantId};

pub use builder::ApplicationBuilder;

use crate::{credential::CredentialDescription, region::is_region};

/// An application that is registered in Entra. Cloning it is one atomic increment.
///
/// ```
/// use entra_abstractions::Section;
/// use entra_token_acquisition::Application;
///
/// let section = Section::new("AzureAd", serde_json::json!({
///     "Instance": "https://login.microsoftonline.com/",
///     "TenantId": "contoso.example",
///     "ClientId": "22222222-2222-4222-8222-222222222222",
///     "ClientCredentials": [{ "SourceType": "Path", "CertificateDiskPath": "daemon.pfx" }]
/// }));
/// let application = Application::from_section(&section)?;
///
/// let in_code = Application::builder()
///     .tenant("contoso.example")
///     .client_id("22222222-2222-4222-8222-222222222222")
///     .certificate_file("daemon.pfx")
///     .build()?;
/// assert_eq!(application.client_id(), in_code.client_id());
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "MicrosoftIdentityApplicationOptions")]
#[doc(alias = "MicrosoftEntraApplicationOptions")]
#[doc(alias = "ConfidentialClientApplication")]
#[derive(Clone)]
pub struct Application(Arc<Inner>);

struct Inner {
    /// The section it was read from; empty where it was described in code.
    path: String,
    authority: Authority,
    client_id: ClientId,
    app_home_tenant: Option<TenantId>,
    capabilities: Vec<String>,
    query_parameters: Vec<(String, String)>,
    region: Option<String>,
    send_x5c: bool,
    credentials: Vec<CredentialDescription>,
}

impl Application {
    /// Reads an application as it is written for Microsoft.Identity.Web, usually in the section
    /// `AzureAd`. Keys that concern only other crates are let pass.
    ///
    /// # Errors
    /// [`Misconfigured`] with every fault at once, each with its path: unknown keys, what is
    /// missing, placeholders, an `Authority` that disagrees with `Instance` or `TenantId`, sources
    /// of credentials that cannot be loaded. The developer must act. An application without
    /// credentials is none: some need no proof.
    pub fn from_section(section: &Section) -> Result<Self, Misconfigured> {
        section::read(section)
    }

    /// Describes an application in code.
    pub fn builder() -> ApplicationBuilder {
        ApplicationBuilder::default()
    }

    /// The application (client) id.
    pub fn client_id(&self) -> &ClientId {
        &self.0.client_id
    }

    /// The tenant for tokens of the application itself, where the configured one names none.
    pub fn app_home_tenant(&self) -> Option<&TenantId> {
        self.0.app_home_tenant.as_ref()
    }

    /// What this application can do, as it tells Entra (`xms_cc`), such as `cp1`: it can answer a
    /// claims challenge.
    pub fn capabilities(&self) -> &[String] {
        &self.0.capabilities
    }

    /// The Azure region whose token endpoint is asked for, or `TryAutoDetect`.
    pub fn region(&self) -> Option<&str> {
        self.0.region.as_deref()
    }

    /// Who issues the tokens. For a discovered authority it names its host alone.
    pub(crate) fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The host of the authority, as it may stand in logs.
    pub(crate) fn authority_host(&self) -> &str {
        self.0.authority.host()
    }

    /// Where it was configured; empty where it was described in code.
    pub(crate) fn path(&self) -> &str {
        &self.0.path
    }

    /// Where a key of this application stands, for faults that show only later.
    pub(crate) fn path_of(&self, key: &str) -> String {
        Section::new(self.0.path.as_str(), serde_json::Value::Null).path_of(key)
    }

    pub(crate) fn query_parameters(&self) -> &[(String, String)] {
        &self.0.query_parameters
    }

    pub(crate) fn credentials(&self) -> &[CredentialDescription] {
        &self.0.credentials
    }

    pub(crate) fn send_x5c(&self) -> bool {
        self.0.send_x5c
    }
}

/// Without the values of query parameters and of credentials, which may be secrets.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<&str> = self.0.credentials.iter().map(|credential| &*credential.at).collect();
        f.debug_struct("Application")
            .field("client_id", &self.0.client_id)
            .field("authority", &self.0.authority.host())
            .field("tenant", self.0.authority.tenant())
            .field("credentials", &places)
            .finish_non_exhaustive()
    }
}

fn client_id(written: Option<&str>) -> Result<ClientId, Misconfigured> {
    let Some(id) = written else {
        return Err(Misconfigured::new("missing").hint("the application (client) id of the app registration"));
    };
    ClientId::new(id)
}

/// The name of a region, or the word that has it detected.
fn check_region(region: &str) -> Result<String, Misconfigured> {
    let region = region.trim();
    if is_region(region) {
        return Ok(region.to_owned());
    }
    Err(Misconfigured::new("not the name of an Azure region").hint("such as westus2, or TryAutoDetect"))
}

/// The tenant that stands in for one that names none, and so must name one itself.
fn home_tenant(tenant: &str) -> Result<TenantId, Misconfigured> {
    let tenant = TenantId::new(tenant)?;
    if tenant.is_real() {
        return Ok(tenant);
    }
    Err(Misconfigured::new(format!("{tenant} names no tenant"))
        .hint("the id of the application's own tenant"))
}

#[cfg(test)]
mod tests;
