//! Reads the credentials of a section. It touches no file; what cannot be used whatever the files
//! hold is refused here.

use std::path::PathBuf;

use entra_abstractions::{
    Cloud, Faults, Misconfigured, ProviderSettings, Secret, Section, safe_url,
    section::{is_placeholder, known, nearest},
};

use super::{Algorithm, CredentialDescription, CredentialSource, Find, VaultSource};
use crate::credential::vault::vault_url;

impl CredentialDescription {
    /// Reads `ClientCredentials` of an application's section, or the older keys where that list is
    /// empty.
    pub(crate) fn all_from_section(section: &Section, faults: &mut Faults) -> Vec<Self> {
        let vault_identity = given(section, "UserAssignedManagedIdentityClientId", faults);
        let read = |entry: &Section, faults: &mut Faults| {
            let description = Self::from_entry(entry, faults)?;
            Some(description.with_vault_identity(vault_identity.as_ref()))
        };
        let entries = section.list("ClientCredentials", faults);
        if !entries.is_empty() {
            return entries.iter().filter_map(|entry| read(entry, faults)).collect();
        }
        let mut credentials: Vec<Self> =
            of_managed_identity(&section.section("ClientCredentialsUsingManagedIdentity"), faults)
                .into_iter()
                .collect();
        // Unlike .NET: these are understood wherever they stand, not in web apps only.
        let certificates = section.list("ClientCertificates", faults);
        credentials.extend(certificates.iter().filter_map(|entry| read(entry, faults)));
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
        let password = |faults: &mut Faults| entry.text("CertificatePassword", faults).map(Secret::from);
        let audience = |faults: &mut Faults| given(entry, "TokenExchangeUrl", faults);
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
            "StoreWithThumbprint" => in_store(entry, "CertificateThumbprint", Find::Thumbprint, faults)?,
            "StoreWithDistinguishedName" => {
                in_store(entry, "CertificateDistinguishedName", Find::DistinguishedName, faults)?
            }
            "StoreWithSubjectName" => in_store(entry, "CertificateSubjectName", Find::SubjectName, faults)?,
            "KeyVault" => in_vault(entry, false, faults)?,
            "SignedAssertionFromVault" => in_vault(entry, true, faults)?,
            "SignedAssertionFilePath" => CredentialSource::AssertionFile {
                path: given(entry, "SignedAssertionFileDiskPath", faults).map(PathBuf::from),
            },
            "SignedAssertionFromManagedIdentity" => CredentialSource::ManagedIdentity {
                client_id: given(entry, "ManagedIdentityClientId", faults),
                audience: audience(faults),
                exchange_in: exchange_cloud(entry, faults),
            },
            "CustomSignedAssertion" => CredentialSource::NamedProvider {
                name: required(entry, "CustomSignedAssertionProviderName", faults)?,
                settings: provider_settings(entry, faults),
                audience: audience(faults),
            },
            other => {
                faults.add(no_loader(other).at(entry.path_of("SourceType")));
                return None;
            }
        };
        let is_asked_for = entry.flag("UseBoundCredential", faults) == Some(true);
        let shown = if is_asked_for { source.check_shown() } else { Ok(false) };
        let shown = faults.take(shown.map_err(|fault| fault.at(entry.path_of("UseBoundCredential"))));
        Some(Self { uses_binding: shown == Some(true), ..Self::new(entry.path(), source) })
    }

    /// With the managed identity of the whole section, for a vault that names none of its own.
    fn with_vault_identity(mut self, identity: Option<&String>) -> Self {
        if let CredentialSource::Vault(vault) = &mut self.source
            && vault.managed_identity.is_none()
        {
            vault.managed_identity = identity.cloned();
        }
        self
    }
}

fn in_store(
    entry: &Section,
    key: &str,
    find: fn(String) -> Find,
    faults: &mut Faults,
) -> Option<CredentialSource> {
    let find = find(required(entry, key, faults)?);
    faults.take(find.wanted().map_err(|fault| fault.at(entry.path_of(key))));
    Some(CredentialSource::CertificateStore {
        path: given(entry, "CertificateStorePath", faults),
        find,
        password: entry.text("CertificatePassword", faults).map(Secret::from),
    })
}

fn in_vault(entry: &Section, always_signs: bool, faults: &mut Faults) -> Option<CredentialSource> {
    let url = required(entry, "KeyVaultUrl", faults);
    let name = required(entry, "KeyVaultCertificateName", faults);
    let (url, name) = (url?, name?);
    faults.take(vault_url(&url).map_err(|fault| fault.at(entry.path_of("KeyVaultUrl"))));
    faults.take(vault_name(&name).map_err(|fault| fault.at(entry.path_of("KeyVaultCertificateName"))));
    Some(CredentialSource::Vault(VaultSource {
        url,
        name,
        managed_identity: given(entry, "ManagedIdentityClientId", faults),
        always_signs,
        algorithm: algorithm(entry, faults),
        audience: given(entry, "TokenExchangeUrl", faults).filter(|_| always_signs),
    }))
}

/// A certificate's name becomes a part of a path.
pub(crate) fn vault_name(name: &str) -> Result<(), Misconfigured> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(());
    }
    Err(Misconfigured::new("not the name of a certificate in a key vault")
        .hint("letters, digits and hyphens, without a version"))
}

/// The cloud of the authority that is to exchange the token.
fn exchange_cloud(entry: &Section, faults: &mut Faults) -> Option<Cloud> {
    const KEY: &str = "TokenExchangeAuthority";
    const EXAMPLE: &str = "https://login.microsoftonline.us/contoso.example";
    let written = given(entry, KEY, faults)?;
    let cloud = safe_url(&written, EXAMPLE).and_then(|url| {
        Cloud::of_host(url.host_str().unwrap_or_default()).ok_or_else(|| {
            Misconfigured::new("of none of Entra's clouds")
                .hint("write the audience of its exchange as TokenExchangeUrl instead")
        })
    });
    faults.take(cloud.map_err(|fault| fault.at(entry.path_of(KEY))))
}

fn algorithm(entry: &Section, faults: &mut Faults) -> Option<Algorithm> {
    let written = entry.text("Algorithm", faults)?;
    let known = [Algorithm::Ps256, Algorithm::Rs256];
    let found = known.into_iter().find(|known| known.name().eq_ignore_ascii_case(written.trim()));
    if found.is_none() {
        faults.add(
            Misconfigured::new("no algorithm that a certificate signs with here")
                .at(entry.path_of("Algorithm"))
                .hint("PS256, which is taken where nothing is said, or RS256"),
        );
    }
    found
}

fn provider_settings(entry: &Section, faults: &mut Faults) -> ProviderSettings {
    let section = entry.section("CustomSignedAssertionProviderData");
    if !section.is_absent() && section.members().is_none() {
        faults.add(Misconfigured::new("a section is expected here").at(section.path()));
    }
    ProviderSettings::new(section.members().cloned().unwrap_or_default())
}

/// The older way to say that a managed identity vouches for the application.
fn of_managed_identity(section: &Section, faults: &mut Faults) -> Option<CredentialDescription> {
    let keys = ["IsEnabled", "ManagedIdentityClientId", "TokenExchangeUrl"];
    section.check_keys(&keys, faults);
    let client_id = given(section, "ManagedIdentityClientId", faults);
    let audience = given(section, "TokenExchangeUrl", faults);
    let is_enabled = section.flag("IsEnabled", faults) == Some(true);
    let source = CredentialSource::ManagedIdentity { client_id, audience, exchange_in: None };
    is_enabled.then(|| CredentialDescription::new(section.path(), source))
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

const LOADED: &str = "ClientSecret, Path, Base64Encoded, StoreWithThumbprint, StoreWithDistinguishedName, \
    StoreWithSubjectName, KeyVault, SignedAssertionFromManagedIdentity, SignedAssertionFilePath, \
    SignedAssertionFromVault or CustomSignedAssertion";

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
    let fault = Misconfigured::new(format!("there is no loader for the source {source_type}"));
    match source_type {
        "Certificate" => fault.hint("it takes a certificate from code: use Path or Base64Encoded"),
        "AutoDecryptKeys" => {
            fault.hint("it decrypts tokens and proves nothing: remove it from ClientCredentials")
        }
        _ => fault.hint(format!("use {LOADED}")),
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
