//! Describes an application in code; every fault is told at once, by the method that it concerns.

use std::{fmt, path::PathBuf, sync::Arc};

use entra_abstractions::{
    AcquireToken, Authority, AuthorityKind, Cloud, Faults, Misconfigured, ProvideAssertion, Secret, TenantId,
    section::is_placeholder,
};

use super::{Application, Inner, check_region, client_id, home_tenant};
use crate::{
    credential::{
        CredentialDescription, CredentialSource, Find, VaultSource, placeholder, vault_name, vault_url,
    },
    region::AUTO,
};

/// Builds an [`Application`]. Credentials are tried in the order in which they are given.
#[doc(alias = "CertificateDescription")]
#[doc(alias = "CredentialDescription")]
#[doc(alias = "ClientCredentials")]
#[derive(Default)]
#[must_use]
pub struct ApplicationBuilder {
    instance: Option<String>,
    tenant: Option<String>,
    authority: Option<String>,
    discovered: Option<String>,
    region: Option<String>,
    client_id: Option<String>,
    app_home_tenant: Option<String>,
    capabilities: Vec<String>,
    query_parameters: Vec<(String, String)>,
    send_x5c: bool,
    credentials: Vec<CredentialDescription>,
    /// That the last credential was to be shown, and there was none.
    shows_nothing: bool,
}

impl ApplicationBuilder {
    /// The cloud; the public one, `https://login.microsoftonline.com`, where nothing is said.
    #[doc(alias = "Instance")]
    pub fn instance(mut self, url: impl Into<String>) -> Self {
        self.instance = Some(url.into());
        self
    }

    /// The directory (tenant) id, or one of its domain names.
    #[doc(alias = "TenantId")]
    #[doc(alias = "AadAuthorityAudience")]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The cloud by its name, in place of its URL.
    #[doc(alias = "AzureCloudInstance")]
    pub fn cloud(self, cloud: Cloud) -> Self {
        self.instance(format!("https://{}", cloud.login_host()))
    }

    /// Host and tenant in one URL, in place of instance and tenant. Of whatever kind: Entra External
    /// ID (`https://contoso.ciamlogin.com`), a user flow of B2C
    /// (`https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi`), AD FS
    /// (`https://fs.contoso.example/adfs`), or another OpenID provider.
    #[doc(alias = "Authority")]
    #[doc(alias = "WithAuthority")]
    #[doc(alias = "WithB2CAuthority")]
    #[doc(alias = "WithAdfsAuthority")]
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.authority = Some(url.into());
        self
    }

    /// Another OpenID provider than Entra, in place of instance and tenant: its token endpoint is
    /// discovered from `/.well-known/openid-configuration` below this URL.
    #[doc(alias = "WithOidcAuthority")]
    pub fn discovered_authority(mut self, url: impl Into<String>) -> Self {
        self.discovered = Some(url.into());
        self
    }

    /// The application (client) id.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// The tenant for tokens of the application itself, where the configured one names none.
    pub fn app_home_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.app_home_tenant = Some(tenant.into());
        self
    }

    /// The Azure region in which the application's own tokens are issued, such as `westus2`.
    #[doc(alias = "WithAzureRegion")]
    #[doc(alias = "AzureRegion")]
    pub fn region(mut self, name: impl Into<String>) -> Self {
        self.region = Some(name.into());
        self
    }

    /// Has the region of this machine detected, when the first token is asked for: from the variable
    /// `REGION_NAME`, else by the machine's metadata service. Where there is none the global
    /// endpoint serves.
    #[doc(alias = "TryAutoDetect")]
    #[doc(alias = "AttemptRegionDiscovery")]
    pub fn detect_region(self) -> Self {
        self.region(AUTO)
    }

    /// Something that this application can do, such as `cp1`: it can answer a claims challenge.
    #[doc(alias = "ClientCapabilities")]
    pub fn capability(mut self, name: impl Into<String>) -> Self {
        self.capabilities.push(name.into());
        self
    }

    /// A parameter for the query of each request to the token endpoint.
    #[doc(alias = "ExtraQueryParameters")]
    pub fn query_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query_parameters.push((name.into(), value.into()));
        self
    }

    /// Sends certificates along with what they sign, so that Entra can trust their issuer and they
    /// can be renewed without being registered again.
    #[doc(alias = "SendX5C")]
    pub fn send_x5c(mut self) -> Self {
        self.send_x5c = true;
        self
    }

    /// A client secret.
    #[doc(alias = "ClientSecret")]
    pub fn secret(self, secret: impl Into<Secret>) -> Self {
        self.credential("secret", CredentialSource::Secret(secret.into()))
    }

    /// A certificate and its private key in a file, PFX or PEM. It is read at the first use, and
    /// again when it has changed.
    #[doc(alias = "FromPath")]
    pub fn certificate_file(self, path: impl Into<PathBuf>) -> Self {
        self.credential(
            "certificate_file",
            CredentialSource::CertificateFile { path: path.into(), password: None },
        )
    }

    /// As [`certificate_file`](Self::certificate_file), locked by a password.
    pub fn certificate_file_with_password(
        self,
        path: impl Into<PathBuf>,
        password: impl Into<Secret>,
    ) -> Self {
        self.credential(
            "certificate_file_with_password",
            CredentialSource::CertificateFile { path: path.into(), password: Some(password.into()) },
        )
    }

    /// A certificate and its private key as PEM text.
    pub fn certificate_pem(self, pem: impl Into<Secret>) -> Self {
        self.credential(
            "certificate_pem",
            CredentialSource::CertificateEncoded { value: pem.into(), password: None },
        )
    }

    /// A certificate and its private key: a PFX or PEM file as base64.
    #[doc(alias = "Base64EncodedValue")]
    pub fn certificate_base64(self, value: impl Into<Secret>) -> Self {
        self.credential(
            "certificate_base64",
            CredentialSource::CertificateEncoded { value: value.into(), password: None },
        )
    }

    /// As [`certificate_base64`](Self::certificate_base64), locked by a password.
    pub fn certificate_base64_with_password(
        self,
        value: impl Into<Secret>,
        password: impl Into<Secret>,
    ) -> Self {
        self.credential(
            "certificate_base64_with_password",
            CredentialSource::CertificateEncoded { value: value.into(), password: Some(password.into()) },
        )
    }

    /// A signed assertion in a file that somebody else keeps fresh.
    #[doc(alias = "SignedAssertionFilePath")]
    pub fn assertion_file(self, path: impl Into<PathBuf>) -> Self {
        self.credential("assertion_file", CredentialSource::AssertionFile { path: Some(path.into()) })
    }

    /// Workload identity in Kubernetes: the file that `AZURE_FEDERATED_TOKEN_FILE` names.
    pub fn assertion_file_from_environment(self) -> Self {
        self.credential("assertion_file_from_environment", CredentialSource::AssertionFile { path: None })
    }

    /// A certificate in the store of the system's user or machine (`CurrentUser/My`,
    /// `LocalMachine/My`), by its thumbprint.
    #[doc(alias = "StoreWithThumbprint")]
    #[doc(alias = "FromStoreWithThumbprint")]
    pub fn certificate_by_thumbprint(self, store: impl Into<String>, thumbprint: impl Into<String>) -> Self {
        self.in_store("certificate_by_thumbprint", store, Find::Thumbprint(thumbprint.into()))
    }

    /// As [`certificate_by_thumbprint`](Self::certificate_by_thumbprint), by its whole subject, such as
    /// `CN=app.contoso.example, O=Contoso`; the newest that is valid is used.
    #[doc(alias = "StoreWithDistinguishedName")]
    pub fn certificate_by_subject(self, store: impl Into<String>, subject: impl Into<String>) -> Self {
        self.in_store("certificate_by_subject", store, Find::DistinguishedName(subject.into()))
    }

    /// As [`certificate_by_thumbprint`](Self::certificate_by_thumbprint), by a part of its subject; the
    /// newest that is valid is used.
    #[doc(alias = "StoreWithSubjectName")]
    pub fn certificate_by_subject_name(self, store: impl Into<String>, name: impl Into<String>) -> Self {
        self.in_store("certificate_by_subject_name", store, Find::SubjectName(name.into()))
    }

    /// A certificate in Azure Key Vault. Where its key may not leave, the vault signs. The host's
    /// managed identity opens the vault, or whoever
    /// [`vault_tokens`](crate::TokenAcquirerBuilder::vault_tokens) names.
    #[doc(alias = "KeyVault")]
    #[doc(alias = "FromKeyVault")]
    pub fn key_vault_certificate(self, vault: impl Into<String>, name: impl Into<String>) -> Self {
        self.in_vault("key_vault_certificate", vault, name, false)
    }

    /// As [`key_vault_certificate`](Self::key_vault_certificate), but the key stays in the vault even
    /// where it could leave.
    #[doc(alias = "SignedAssertionFromVault")]
    pub fn key_vault_signature(self, vault: impl Into<String>, name: impl Into<String>) -> Self {
        self.in_vault("key_vault_signature", vault, name, true)
    }

    /// The managed identity that the system assigned to the host, federated with this application.
    #[doc(alias = "SignedAssertionFromManagedIdentity")]
    pub fn managed_identity(self) -> Self {
        self.credential("managed_identity", managed_identity(None))
    }

    /// As [`managed_identity`](Self::managed_identity), of the one that a user assigned, by its client
    /// id.
    pub fn user_assigned_managed_identity(self, client_id: impl Into<String>) -> Self {
        self.credential("user_assigned_managed_identity", managed_identity(Some(client_id.into())))
    }

    /// Another application, whose tokens this one's registration trusts as a federated credential.
    #[doc(alias = "OidcIdpSignedAssertion")]
    pub fn federated(self, tokens: Arc<dyn AcquireToken>) -> Self {
        self.credential("federated", CredentialSource::Acquirer(tokens))
    }

    /// Shows the credential that was said last over connections with its certificate; the tokens stay
    /// bearers'. `"UseBoundCredential": true` says the same.
    #[doc(alias = "UseBoundCredential")]
    pub fn bound_credential(mut self) -> Self {
        match self.credentials.last_mut() {
            Some(credential) => credential.uses_binding = true,
            None => self.shows_nothing = true,
        }
        self
    }

    /// The service connection of the Azure pipeline in which the program runs.
    pub fn azure_pipelines(self, service_connection_id: impl Into<String>) -> Self {
        let service_connection = service_connection_id.into();
        self.credential("azure_pipelines", CredentialSource::Pipelines { service_connection })
    }

    /// Your own code that provides a signed assertion.
    #[doc(alias = "CustomSignedAssertion")]
    pub fn assertion_provider(self, provider: Arc<dyn ProvideAssertion>) -> Self {
        self.credential("assertion_provider", CredentialSource::Provider(provider))
    }

    fn in_store(self, at: &str, store: impl Into<String>, find: Find) -> Self {
        let path = Some(store.into());
        self.credential(at, CredentialSource::CertificateStore { path, find, password: None })
    }

    fn in_vault(
        self,
        at: &str,
        vault: impl Into<String>,
        name: impl Into<String>,
        always_signs: bool,
    ) -> Self {
        let source = VaultSource {
            url: vault.into(),
            name: name.into(),
            managed_identity: None,
            always_signs,
            algorithm: None,
            audience: None,
        };
        self.credential(at, CredentialSource::Vault(source))
    }

    fn credential(mut self, at: &str, source: CredentialSource) -> Self {
        self.credentials.push(CredentialDescription::new(at, source));
        self
    }

    /// The application.
    ///
    /// # Errors
    /// [`Misconfigured`] with everything that is missing, malformed or still a placeholder: the
    /// developer must act.
    pub fn build(mut self) -> Result<Application, Misconfigured> {
        let mut faults = Faults::default();
        let authority = self.issuer(&mut faults);
        let region = self
            .region
            .as_deref()
            .and_then(|region| faults.take(check_region(region).map_err(|fault| fault.at("region"))));
        let client_id =
            faults.take(client_id(self.client_id.as_deref()).map_err(|fault| fault.at("client_id")));
        let app_home_tenant = self.app_home_tenant.and_then(|tenant| {
            faults.take(home_tenant(&tenant).map_err(|fault| fault.at("app_home_tenant")))
        });
        if self.shows_nothing {
            let fault = Misconfigured::new("there is no credential yet").at("bound_credential");
            faults.add(fault.hint("say it behind the credential that it is about"));
        }
        for CredentialDescription { at, source, uses_binding } in &mut self.credentials {
            faults.take(check(source).map_err(|fault| fault.at(&**at)));
            if *uses_binding {
                let shown = source.check_shown().map_err(|fault| fault.at(format!("{at}, bound_credential")));
                *uses_binding = faults.take(shown) == Some(true);
            }
        }
        match (authority, client_id) {
            (Some(authority), Some(client_id)) => faults.into_result(Application(Arc::new(Inner {
                path: String::new(),
                authority,
                client_id,
                app_home_tenant,
                capabilities: self.capabilities,
                query_parameters: self.query_parameters,
                region,
                send_x5c: self.send_x5c,
                credentials: self.credentials,
            }))),
            _ => Err(faults.into_error()),
        }
    }

    fn issuer(&self, faults: &mut Faults) -> Option<Authority> {
        let is_parted = self.instance.is_some() || self.tenant.is_some();
        let (at, authority) = match (&self.authority, &self.discovered) {
            (None, None) => return self.entra(faults),
            (Some(_), Some(_)) => ("authority", Err(Misconfigured::new("given beside another authority"))),
            (Some(url), None) => ("authority", Authority::parse(url)),
            (None, Some(url)) => ("discovered_authority", Authority::discovered(url)),
        };
        let authority = match authority {
            Ok(_) if is_parted => {
                Err(Misconfigured::new("given beside an instance or a tenant").hint("keep one of the two"))
            }
            authority => authority,
        };
        faults.take(authority.map_err(|fault| fault.at(at)))
    }

    fn entra(&self, faults: &mut Faults) -> Option<Authority> {
        let instance = self.instance.as_deref().unwrap_or(PUBLIC_CLOUD);
        let Some(tenant) = &self.tenant else {
            // The host of an external id, and AD FS, name no tenant beside them.
            if let Ok(authority) = Authority::parse(instance)
                && matches!(authority.kind(), AuthorityKind::Ciam | AuthorityKind::Adfs)
            {
                return Some(authority);
            }
            faults.add(
                Misconfigured::new("missing")
                    .at("tenant")
                    .hint("the directory (tenant) id of the app registration"),
            );
            return None;
        };
        let tenant = faults.take(TenantId::new(tenant).map_err(|fault| fault.at("tenant")))?;
        let authority = Authority::new(instance, tenant).map_err(|fault| fault.at("instance"));
        faults.take(authority)
    }
}

const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

/// What is set shows, but no secret and no query.
impl fmt::Debug for ApplicationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationBuilder")
            .field("instance", &self.instance)
            .field("tenant", &self.tenant)
            .field("client_id", &self.client_id)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

fn managed_identity(client_id: Option<String>) -> CredentialSource {
    CredentialSource::ManagedIdentity { client_id, audience: None, exchange_in: None }
}

fn check(source: &CredentialSource) -> Result<(), Misconfigured> {
    let text = match source {
        CredentialSource::Secret(value) | CredentialSource::CertificateEncoded { value, .. } => {
            value.expose()
        }
        CredentialSource::CertificateFile { path, .. }
        | CredentialSource::AssertionFile { path: Some(path) } => {
            path.to_str().unwrap_or("not UTF-8, but a path")
        }
        CredentialSource::CertificateStore { find, .. } => {
            find.wanted()?;
            find.text()
        }
        CredentialSource::Vault(vault) => {
            vault_name(&vault.name)?;
            vault_url(&vault.url)?;
            &vault.url
        }
        CredentialSource::NamedProvider { name: text, .. }
        | CredentialSource::Pipelines { service_connection: text }
        | CredentialSource::ManagedIdentity { client_id: Some(text), .. } => text,
        CredentialSource::AssertionFile { path: None }
        | CredentialSource::ManagedIdentity { client_id: None, .. }
        | CredentialSource::Acquirer(_)
        | CredentialSource::Provider(_) => return Ok(()),
    };
    if text.trim().is_empty() {
        return Err(Misconfigured::new("empty"));
    }
    if is_placeholder(text) { Err(placeholder()) } else { Ok(()) }
}
