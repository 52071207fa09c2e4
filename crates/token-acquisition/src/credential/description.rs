//! The credentials as they were written: which kind, with which values, and where that stands.

mod read;

use std::{path::PathBuf, sync::Arc};

use entra_abstractions::{AcquireToken, Cloud, Misconfigured, ProvideAssertion, ProviderSettings, Secret};

use super::{certificate::Algorithm, store::Wanted};

pub(crate) use read::{placeholder, vault_name};

/// One way for the application to prove itself, and where it was configured.
#[derive(Debug, Clone)]
pub(crate) struct CredentialDescription {
    /// The path in the configuration, or the builder's method.
    pub(crate) at: Arc<str>,
    pub(crate) source: CredentialSource,
    /// Whether connections to Entra are made with its certificate: `UseBoundCredential`.
    pub(crate) uses_binding: bool,
}

/// Where the proof comes from.
#[derive(Debug, Clone)]
pub(crate) enum CredentialSource {
    Secret(Secret),
    CertificateFile {
        path: PathBuf,
        password: Option<Secret>,
    },
    /// A certificate as a value: PEM as it is, or PEM or PFX as base64.
    CertificateEncoded {
        value: Secret,
        password: Option<Secret>,
    },
    /// A certificate in a store such as `CurrentUser/My`.
    CertificateStore {
        path: Option<String>,
        find: Find,
        password: Option<Secret>,
    },
    Vault(VaultSource),
    /// A file with a signed assertion; without a path, the one that `AZURE_FEDERATED_TOKEN_FILE`
    /// names.
    AssertionFile {
        path: Option<PathBuf>,
    },
    /// The token of a managed identity: of the one with this client id, or of the system's.
    ManagedIdentity {
        client_id: Option<String>,
        audience: Option<String>,
        /// The cloud that exchanges the token, where it is not the one that is asked.
        exchange_in: Option<Cloud>,
    },
    /// The token of another application.
    Acquirer(Arc<dyn AcquireToken>),
    /// The service connection of an Azure pipeline.
    Pipelines {
        service_connection: String,
    },
    /// The user's own provider, by the name under which it is given to the acquirer.
    NamedProvider {
        name: String,
        settings: ProviderSettings,
        audience: Option<String>,
    },
    /// The user's own provider itself.
    Provider(Arc<dyn ProvideAssertion>),
}

/// By what a certificate is found in its store, as written.
#[derive(Debug, Clone)]
pub(crate) enum Find {
    Thumbprint(String),
    DistinguishedName(String),
    SubjectName(String),
}

/// A certificate in a key vault.
#[derive(Debug, Clone)]
pub(crate) struct VaultSource {
    pub(crate) url: String,
    pub(crate) name: String,
    /// The client id of the managed identity that opens the vault.
    pub(crate) managed_identity: Option<String>,
    /// Whether the key stays in the vault even where it could leave.
    pub(crate) always_signs: bool,
    pub(crate) algorithm: Option<Algorithm>,
    /// Whom the assertion is for, where it is not the token endpoint.
    pub(crate) audience: Option<String>,
}

impl Find {
    /// What is looked for.
    pub(crate) fn wanted(&self) -> Result<Wanted, Misconfigured> {
        match self {
            Self::Thumbprint(written) => Wanted::thumbprint(written),
            Self::DistinguishedName(written) => Wanted::distinguished_name(written),
            Self::SubjectName(written) => Wanted::subject_name(written),
        }
    }

    /// The value as written.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Thumbprint(text) | Self::DistinguishedName(text) | Self::SubjectName(text) => text,
        }
    }
}

impl CredentialSource {
    /// Its name as a `SourceType`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Secret(_) => "ClientSecret",
            Self::CertificateFile { .. } => "Path",
            Self::CertificateEncoded { .. } => "Base64Encoded",
            Self::CertificateStore { find: Find::Thumbprint(_), .. } => "StoreWithThumbprint",
            Self::CertificateStore { find: Find::DistinguishedName(_), .. } => "StoreWithDistinguishedName",
            Self::CertificateStore { find: Find::SubjectName(_), .. } => "StoreWithSubjectName",
            Self::Vault(vault) if vault.always_signs => "SignedAssertionFromVault",
            Self::Vault(_) => "KeyVault",
            Self::AssertionFile { .. } => "SignedAssertionFilePath",
            Self::ManagedIdentity { .. } => "SignedAssertionFromManagedIdentity",
            Self::Acquirer(_) | Self::Pipelines { .. } | Self::NamedProvider { .. } | Self::Provider(_) => {
                "CustomSignedAssertion"
            }
        }
    }

    /// Whether it is shown over connections with its certificate, where that is asked for
    /// (`UseBoundCredential`). Of a secret the setting says nothing, as in .NET.
    ///
    /// # Errors
    /// Where it never could be: sending it plain instead would quietly prove less.
    pub(crate) fn check_shown(&self) -> Result<bool, Misconfigured> {
        let what = match self {
            Self::Secret(_) => return Ok(false),
            Self::AssertionFile { .. } => "an assertion from a file cannot be bound to a connection",
            Self::Vault(vault) if vault.always_signs => {
                "a key that stays in its vault cannot make a connection"
            }
            Self::CertificateFile { .. }
            | Self::CertificateEncoded { .. }
            | Self::CertificateStore { .. }
            | Self::Vault(_)
            | Self::ManagedIdentity { .. }
            | Self::Acquirer(_)
            | Self::Pipelines { .. }
            | Self::NamedProvider { .. }
            | Self::Provider(_) => return Ok(true),
        };
        Err(Misconfigured::new(what).hint("remove it, or use a certificate whose key can be exported"))
    }
}

impl CredentialDescription {
    pub(crate) fn new(at: impl Into<Arc<str>>, source: CredentialSource) -> Self {
        Self { at: at.into(), source, uses_binding: false }
    }
}

/// The provider that is always there: the Azure pipeline that runs the program.
pub(super) const PIPELINES: &str = "AzurePipelines";
