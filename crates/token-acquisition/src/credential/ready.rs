//! Makes described credentials ready to be used, with what surrounds them. Nothing is read or asked.

use std::sync::Arc;

use entra_abstractions::{
    AcquireToken, Clock, Cloud, Environment, Faults, Misconfigured, ProvideAssertion, ProviderSettings,
    Secret, section::nearest,
};

use super::{
    description::{CredentialDescription, CredentialSource, PIPELINES, VaultSource},
    disk::{DiskCertificate, Place},
    federated::TokenAssertion,
    link::{Link, Means},
    pipelines::PipelineAssertion,
    signer::{CertificateSigner, Manner},
    source::CertificateSource,
    store::{Place as StorePlace, StoreCertificate},
    vault::{KeyStays, VaultCertificate, VaultClient},
};

/// What credentials are made of, beside what is written of them.
pub(crate) struct Surroundings<'a> {
    /// The user's own providers, by name.
    pub(crate) providers: &'a [(String, Arc<dyn ProvideAssertion>)],
    pub(crate) others: &'a dyn FindAcquirers,
    /// Whose tokens open key vaults, where it is not a managed identity.
    pub(crate) vault_tokens: Option<&'a Arc<dyn AcquireToken>>,
    /// The cloud that is asked; the public one, where nobody knows.
    pub(crate) cloud: Cloud,
    pub(crate) manner: Manner,
    pub(crate) http: &'a reqwest::Client,
    pub(crate) environment: &'a Environment,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

/// Finds those whose tokens a credential needs.
pub(crate) trait FindAcquirers {
    /// The managed identity with this client id, or the system's.
    fn managed_identity(&self, client_id: Option<&str>) -> Result<Arc<dyn AcquireToken>, Misconfigured>;

    /// The workload identity of this pod, where it has one: with this client id, or with its own.
    fn workload_identity(
        &self,
        client_id: Option<&str>,
    ) -> Result<Option<Arc<dyn AcquireToken>>, Misconfigured>;

    /// The application that a section of the configuration describes, and the host that it asks.
    fn application(&self, section: &str) -> Result<(Arc<dyn AcquireToken>, Option<String>), Misconfigured>;
}

impl Surroundings<'_> {
    /// The credential, or nothing where something that it names is not here.
    pub(super) fn link(&self, description: &CredentialDescription, faults: &mut Faults) -> Option<Link> {
        let CredentialDescription { at, source, uses_binding } = description;
        let means = self.means(source).map_err(|fault| fault.at(&**at));
        let means = match faults.take(means)? {
            Means::Certificate(signer) => Means::Certificate(Box::new(signer.bound(*uses_binding))),
            other => other,
        };
        Some(Link::new(Arc::clone(at), source.kind(), means).bound(*uses_binding))
    }

    /// What other machines lack makes a credential unusable; what the program lacks is a fault.
    fn means(&self, source: &CredentialSource) -> Result<Means, Misconfigured> {
        Ok(match source {
            CredentialSource::Secret(secret) => Means::Secret(secret.clone()),
            CredentialSource::CertificateFile { path, password } => {
                self.on_disk(Place::File(path.clone()), password.as_ref())
            }
            CredentialSource::CertificateEncoded { value, password } => {
                self.on_disk(Place::Value(value.clone()), password.as_ref())
            }
            CredentialSource::CertificateStore { path, find, password } => {
                let wanted = find.wanted()?;
                match StorePlace::of(path.as_deref(), self.environment) {
                    Ok(place) => {
                        let store = StoreCertificate::new(place, wanted, password.clone());
                        self.certificate(CertificateSource::Store(Arc::new(store)), self.manner, None)
                    }
                    Err(fault) => Means::Unusable(fault),
                }
            }
            CredentialSource::Vault(vault) => self.in_vault(vault)?,
            CredentialSource::AssertionFile { path: Some(path) } => Means::AssertionFile(path.clone()),
            CredentialSource::AssertionFile { path: None } => self.federated_token_file(),
            CredentialSource::ManagedIdentity { client_id, audience, exchange_in } => {
                let tokens = self.others.managed_identity(client_id.as_deref())?;
                let audience = self.audience(audience.as_deref(), *exchange_in);
                provider(TokenAssertion::of_managed_identity(tokens, &audience)?)
            }
            CredentialSource::Acquirer(tokens) => {
                let audience = self.audience(None, None);
                provider(TokenAssertion::of_application(Arc::clone(tokens), &audience, None)?)
            }
            CredentialSource::Provider(provider) => {
                Means::Provider(Arc::clone(provider), ProviderSettings::default())
            }
            CredentialSource::NamedProvider { name, settings, audience } => {
                self.named(name, settings, audience.as_deref())?
            }
            CredentialSource::Pipelines { service_connection } => self.pipelines(service_connection),
        })
    }

    fn on_disk(&self, place: Place, password: Option<&Secret>) -> Means {
        let disk = DiskCertificate::new(place, password.cloned());
        self.certificate(CertificateSource::Disk(Arc::new(disk)), self.manner, None)
    }

    fn in_vault(&self, vault: &VaultSource) -> Result<Means, Misconfigured> {
        let tokens = match self.vault_tokens {
            Some(tokens) => Arc::clone(tokens),
            None => match self.others.workload_identity(vault.managed_identity.as_deref()) {
                Ok(Some(tokens)) => tokens,
                Ok(None) => {
                    self.others.managed_identity(managed_identity_of_vault(vault, self.environment))?
                }
                Err(fault) => return Ok(Means::Unusable(fault)),
            },
        };
        let client =
            Arc::new(VaultClient::new(&vault.url, self.http.clone(), tokens, Arc::clone(self.clock))?);
        let key = if vault.always_signs { KeyStays::Always } else { KeyStays::IfItMust };
        let source = CertificateSource::Vault(VaultCertificate::new(client, vault.name.clone(), key));
        let algorithm = vault.algorithm.unwrap_or(self.manner.algorithm);
        Ok(self.certificate(source, Manner { algorithm, ..self.manner }, vault.audience.clone()))
    }

    fn certificate(&self, source: CertificateSource, manner: Manner, audience: Option<String>) -> Means {
        let signer = CertificateSigner::new(source, manner, Arc::clone(self.clock));
        Means::Certificate(Box::new(signer.with_audience(audience)))
    }

    /// What the exchange asks of a token: what is written, or what that cloud expects, or the cloud
    /// that is asked.
    fn audience(&self, audience: Option<&str>, exchange_in: Option<Cloud>) -> String {
        audience.unwrap_or(exchange_in.unwrap_or(self.cloud).exchange_audience()).to_owned()
    }

    fn federated_token_file(&self) -> Means {
        match self.environment.get(FEDERATED_TOKEN_FILE).filter(|path| !path.trim().is_empty()) {
            Some(path) => Means::AssertionFile(path.into()),
            None => Means::Unusable(
                Misconfigured::new(format!("no file is given, and {FEDERATED_TOKEN_FILE} is not set")).hint(
                    "set SignedAssertionFileDiskPath, or run where workload identity sets the variable",
                ),
            ),
        }
    }

    /// The user's own provider, or one that is always there.
    fn named(
        &self,
        name: &str,
        settings: &ProviderSettings,
        audience: Option<&str>,
    ) -> Result<Means, Misconfigured> {
        if let Some((_, provider)) = self.providers.iter().find(|(known, _)| known == name) {
            return Ok(Means::Provider(Arc::clone(provider), settings.clone()));
        }
        match name {
            OTHER_APPLICATION => {
                let section = text(settings, "ConfigurationSection", "the section of the other application")?;
                let (tokens, host) = self.others.application(section)?;
                let assertion = TokenAssertion::of_application(tokens, &self.audience(audience, None), host)?;
                Ok(Means::Provider(Arc::new(assertion), settings.clone()))
            }
            PIPELINES => {
                let id = text(settings, "ServiceConnectionId", "the id of the service connection")?;
                Ok(self.pipelines(id))
            }
            _ => Err(self.unknown(name)),
        }
    }

    fn pipelines(&self, service_connection: &str) -> Means {
        match PipelineAssertion::new(service_connection, self.environment, self.http.clone()) {
            Ok(assertion) => provider(assertion),
            Err(fault) => Means::Unusable(fault),
        }
    }

    fn unknown(&self, name: &str) -> Misconfigured {
        let own = self.providers.iter().map(|(known, _)| known.as_str());
        let names: Vec<&str> = own.chain([OTHER_APPLICATION, PIPELINES]).collect();
        let fault = Misconfigured::new(format!("there is no assertion provider {name:?}"));
        match (nearest(name, &names), self.providers.is_empty()) {
            (Some(known), _) => fault.hint(format!("did you mean {known}?")),
            (None, false) => fault.hint(format!("there is {}", names.join(", "))),
            (None, true) => {
                fault.hint("give it to the acquirer's builder with assertion_provider(name, provider)")
            }
        }
    }
}

/// Set by Azure's workload identity in each pod that uses it.
pub(crate) const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// The provider for which another application of the same configuration vouches.
const OTHER_APPLICATION: &str = "OidcIdpSignedAssertion";

/// The client id of the managed identity that opens a vault: its own, else the one that Azure's
/// libraries take.
fn managed_identity_of_vault<'a>(vault: &'a VaultSource, environment: &'a Environment) -> Option<&'a str> {
    let ambient = || environment.get("AZURE_CLIENT_ID").filter(|id| !id.trim().is_empty());
    vault.managed_identity.as_deref().or_else(ambient)
}

fn provider(assertion: impl ProvideAssertion + 'static) -> Means {
    Means::Provider(Arc::new(assertion), ProviderSettings::default())
}

fn text<'a>(settings: &'a ProviderSettings, name: &str, what: &str) -> Result<&'a str, Misconfigured> {
    settings.text(name).filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        Misconfigured::new(format!("{name} is missing in CustomSignedAssertionProviderData"))
            .hint(format!("name {what} there"))
    })
}
