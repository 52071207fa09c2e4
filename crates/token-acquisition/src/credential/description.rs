//! The credentials as they were written: which kind, with which values, and where that stands.
//! Reading them touches no file; what cannot be used whatever the files hold is refused here.

use std::{path::PathBuf, sync::Arc};

use entra_abstractions::{
    Faults, Misconfigured, ProvideAssertion, Secret, Section,
    section::{is_placeholder, known, nearest},
};

/// One way for the application to prove itself, and where it was configured.
#[derive(Debug, Clone)]
pub(crate) struct CredentialDescription {
    /// The path in the configuration, or the builder's method.
    pub(crate) at: Arc<str>,
    pub(crate) source: CredentialSource,
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
    /// A file with a signed assertion; without a path, the one that `AZURE_FEDERATED_TOKEN_FILE`
    /// names.
    AssertionFile {
        path: Option<PathBuf>,
    },
    /// The user's own provider, by the name under which it is given to the acquirer.
    NamedProvider(String),
    /// The user's own provider itself.
    Provider(Arc<dyn ProvideAssertion>),
}

impl CredentialDescription {
    pub(crate) fn new(at: impl Into<Arc<str>>, source: CredentialSource) -> Self {
        Self { at: at.into(), source }
    }

    /// Reads `ClientCredentials` of an application's section, or the older keys where that list is
    /// empty.
    pub(crate) fn all_from_section(section: &Section, faults: &mut Faults) -> Vec<Self> {
        let entries = section.list("ClientCredentials", faults);
        if !entries.is_empty() {
            return entries.iter().filter_map(|entry| Self::from_entry(entry, faults)).collect();
        }
        refuse_managed_identity(&section.section("ClientCredentialsUsingManagedIdentity"), faults);
        // Unlike .NET: these are understood wherever they stand, not in web apps only.
        let certificates = section.list("ClientCertificates", faults);
        let mut credentials: Vec<Self> =
            certificates.iter().filter_map(|entry| Self::from_entry(entry, faults)).collect();
        if let Some(secret) = given(section, "ClientSecret", faults) {
            credentials
                .push(Self::new(section.path_of("ClientSecret"), CredentialSource::Secret(secret.into())));
        }
        credentials
    }

    fn from_entry(entry: &Section, faults: &mut Faults) -> Option<Self> {
        entry.check_keys(known::CREDENTIAL, faults);
        if entry.flag("Skip", faults) == Some(true) {
            return None;
        }
        let source_type = source_type(entry, faults)?;
        refuse_bound(entry, source_type, faults);
        let password = |faults: &mut Faults| entry.text("CertificatePassword", faults).map(Secret::from);
        let source = match source_type {
            "ClientSecret" => CredentialSource::Secret(required(entry, "ClientSecret", faults)?.into()),
            "Path" => CredentialSource::CertificateFile {
                path: required(entry, "CertificateDiskPath", faults)?.into(),
                password: password(faults),
            },
            "Base64Encoded" => CredentialSource::CertificateEncoded {
                value: required(entry, "Base64EncodedValue", faults)?.into(),
                password: password(faults),
            },
            "SignedAssertionFilePath" => CredentialSource::AssertionFile {
                path: given(entry, "SignedAssertionFileDiskPath", faults).map(PathBuf::from),
            },
            // CustomSignedAssertionProviderData is for the provider's maker, who can read it here.
            "CustomSignedAssertion" => {
                CredentialSource::NamedProvider(required(entry, "CustomSignedAssertionProviderName", faults)?)
            }
            other => {
                faults.add(no_loader(other).at(entry.path_of("SourceType")));
                return None;
            }
        };
        Some(Self::new(entry.path(), source))
    }
}

/// Every source of Microsoft.Identity.Web. The position is its number there, which may be written
/// in place of the name.
const SOURCE_TYPES: &[&str] = &[
    "Certificate",
    "KeyVault",
    "Base64Encoded",
    "Path",
    "StoreWithThumbprint",
    "StoreWithDistinguishedName",
    "ClientSecret",
    "SignedAssertionFromManagedIdentity",
    "SignedAssertionFilePath",
    "SignedAssertionFromVault",
    "AutoDecryptKeys",
    "CustomSignedAssertion",
    "ManagedCertificate",
    "StoreWithSubjectName",
];

const LOADED: &str = "ClientSecret, Path, Base64Encoded, SignedAssertionFilePath or CustomSignedAssertion";

fn source_type(entry: &Section, faults: &mut Faults) -> Option<&'static str> {
    let at = entry.path_of("SourceType");
    let Some(written) = entry.text("SourceType", faults) else {
        faults.add(Misconfigured::new("missing").at(at).hint(format!("one of {LOADED}")));
        return None;
    };
    let written = written.trim();
    let by_number = || SOURCE_TYPES.get(written.parse::<usize>().ok()?);
    let found = SOURCE_TYPES.iter().find(|name| name.eq_ignore_ascii_case(written)).or_else(by_number);
    if found.is_none() {
        let fault = Misconfigured::new(format!("unknown source {written:?}")).at(at);
        faults.add(match nearest(written, SOURCE_TYPES) {
            Some(name) => fault.hint(format!("did you mean {name}?")),
            None => fault.hint(format!("one of {LOADED}")),
        });
    }
    found.copied()
}

fn no_loader(source_type: &str) -> Misconfigured {
    Misconfigured::new(format!("no loader for source {source_type} yet")).hint(format!("use {LOADED}"))
}

fn refuse_managed_identity(section: &Section, faults: &mut Faults) {
    if section.flag("IsEnabled", faults) == Some(true) {
        faults.add(no_loader("SignedAssertionFromManagedIdentity").at(section.path()));
    }
}

/// A bound credential proves itself in the TLS handshake; sending a plain one instead would quietly
/// prove less. A secret cannot be bound, so there the key says nothing.
fn refuse_bound(entry: &Section, source_type: &str, faults: &mut Faults) {
    if entry.flag("UseBoundCredential", faults) == Some(true) && source_type != "ClientSecret" {
        faults.add(
            Misconfigured::new("bound credentials are not supported yet")
                .at(entry.path_of("UseBoundCredential"))
                .hint("remove it to prove the application by a signed assertion"),
        );
    }
}

fn required(entry: &Section, key: &str, faults: &mut Faults) -> Option<String> {
    let value = given(entry, key, faults);
    // A placeholder has been told already.
    if value.is_none() && entry.text(key, &mut Faults::default()).is_none() {
        faults.add(Misconfigured::new("missing").at(entry.path_of(key)).hint("this source needs it"));
    }
    value
}

/// A text that is not one of the documents' placeholders; the fault does not show it.
fn given(entry: &Section, key: &str, faults: &mut Faults) -> Option<String> {
    let value = entry.text(key, faults)?;
    if is_placeholder(&value) {
        faults.add(placeholder().at(entry.path_of(key)));
        return None;
    }
    Some(value)
}

pub(crate) fn placeholder() -> Misconfigured {
    Misconfigured::new("a placeholder, not the real value").hint(
        "put in the real one, from the environment or a secret store rather than a file in the repository",
    )
}
