//! Puts an acquirer together. Nothing here does I/O beyond reading the system's trusted roots.

mod others;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, AttestKey, AuthorityKind, Clock, Cloud, Environment, HttpSettings, ManagedIdentityId,
    MemoryLimit, Misconfigured, ProvideAssertion, Section, SharedStore, SystemClock,
};

use crate::{
    acquirer::{Engine, Shared, TokenAcquirer},
    application::Application,
    cache::{Cache, Identity},
    credential::{Algorithm, CredentialChain, Manner, Surroundings},
    endpoint::Endpoints,
    flight::Flights,
    http, jitter,
    managed_identity::{BindingKey, Certificates, Platform},
    refresh::RefreshTokens,
    region::{Detection, Region},
    second_level::SecondLevel,
    session::Sessions,
    telemetry::{self, Meters, Metrics},
    wire::{RetryDelay, Wire},
};

/// Builds a [`TokenAcquirer`]. Every setting has a default that is right for production.
#[doc(alias = "TokenAcquirerFactory")]
pub struct TokenAcquirerBuilder {
    application: Application,
    http: HttpSettings,
    clock: Arc<dyn Clock>,
    environment: Environment,
    providers: Vec<(String, Arc<dyn ProvideAssertion>)>,
    vault_tokens: Option<Arc<dyn AcquireToken>>,
    configuration: Option<Section>,
    /// The sections of the applications that this one vouches for.
    vouching_for: Vec<String>,
    retry_delay: Duration,
    look_again_after: Duration,
    discovers_instances: bool,
    cache_budget: Option<usize>,
    meters: Meters,
    store: Option<SharedStore>,
    host: Option<ManagedIdentityId>,
    arc_keys: Option<PathBuf>,
    certificates: Arc<Certificates>,
}

const CACHE_BUDGET: usize = 256 * 1024 * 1024;

impl TokenAcquirerBuilder {
    pub(crate) fn new(application: Application) -> Self {
        Self {
            application,
            http: HttpSettings::default(),
            clock: Arc::new(SystemClock),
            environment: Environment::of_process(),
            providers: Vec::new(),
            vault_tokens: None,
            configuration: None,
            vouching_for: Vec::new(),
            retry_delay: Duration::from_secs(1),
            look_again_after: Duration::from_secs(300),
            discovers_instances: true,
            cache_budget: None,
            meters: None,
            store: None,
            host: None,
            arc_keys: None,
            certificates: Arc::default(),
        }
    }

    /// How token endpoints are reached.
    #[must_use]
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// The clock that decides what has expired.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The environment variables that credentials and regions may name, instead of the process's own.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// The provider that a credential of the source type `CustomSignedAssertion` names in
    /// `CustomSignedAssertionProviderName`.
    #[must_use]
    pub fn assertion_provider(
        mut self,
        name: impl Into<String>,
        provider: Arc<dyn ProvideAssertion>,
    ) -> Self {
        self.providers.push((name.into(), provider));
        self
    }

    /// Whose tokens open the key vaults of credentials. Where nothing is said: the workload identity of
    /// the pod (`AZURE_FEDERATED_TOKEN_FILE`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`), else the host's
    /// managed identity.
    // Unlike .NET: no tool of a developer's desk is asked, and no secret of the environment is used.
    #[doc(alias = "DefaultAzureCredential")]
    #[must_use]
    pub fn vault_tokens(mut self, tokens: Arc<dyn AcquireToken>) -> Self {
        self.vault_tokens = Some(tokens);
        self
    }

    /// The whole configuration: pass `settings.section("")`. Two things are read there: `SizeLimit` of
    /// the section `TokenCache`, which is the [budget](Self::cache_budget) of the tokens in memory, and
    /// the section of another application that vouches for this one, where a credential names it (the
    /// assertion provider `OidcIdpSignedAssertion`).
    ///
    /// ```
    /// # fn build(application: entra_token_acquisition::Application) -> Result<(), entra_abstractions::Misconfigured> {
    /// use entra_abstractions::Section;
    /// use entra_token_acquisition::TokenAcquirer;
    ///
    /// let root = Section::new("", serde_json::json!({"TokenCache": {"SizeLimit": 67_108_864}}));
    /// let tokens = TokenAcquirer::builder(application).configuration(root).build()?;
    /// # drop(tokens);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "AddOidcFic")]
    #[doc(alias = "AddInMemoryTokenCaches")]
    #[must_use]
    pub fn configuration(mut self, root: Section) -> Self {
        self.configuration = Some(root);
        self
    }

    /// How long to wait before a request that failed for the moment is repeated, once; 1 s where
    /// nothing is said.
    #[must_use]
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay;
        self
    }

    /// How long it is remembered that the region of this machine could not be detected, or that
    /// Entra could not be asked about a login host; five minutes where nothing is said.
    #[must_use]
    pub fn look_again_after(mut self, interval: Duration) -> Self {
        self.look_again_after = interval;
        self
    }

    /// Never asks Entra whether a login host that is not known by heart is its own: for clouds
    /// without a way to the public one. The host is taken for Entra's.
    #[doc(alias = "WithInstanceDiscovery")]
    #[must_use]
    pub fn without_instance_discovery(mut self) -> Self {
        self.discovers_instances = false;
        self
    }

    /// How many bytes the tokens in memory may take, about. Where nothing is said it is `SizeLimit` of
    /// the section `TokenCache`, as [`configuration`](Self::configuration) or the
    /// [store](Self::store) has it, else 256 MiB, which is some 150,000 tokens of a common size. With
    /// 0 none is kept.
    ///
    /// What is counted is what an allocator hands out, so the memory of the process follows it. A
    /// user's token takes some 200 bytes beside its text, one that is used more than once a second
    /// some 900 more.
    #[doc(alias = "L1CacheOptions.SizeLimit")]
    #[doc(alias = "SizeLimit")]
    #[must_use]
    pub fn cache_budget(mut self, bytes: usize) -> Self {
        self.cache_budget = Some(bytes);
        self
    }

    /// The store that this process shares with others: tokens that one instance fetched serve on all,
    /// and long-running sessions and sign-ins outlive the process. Without one, everything is kept in
    /// memory and ends with the process.
    ///
    /// A store that is slow or away fails no call whose token can be fetched; where the store is the
    /// only source, the error says so: [`Unavailable::store`](entra_abstractions::Unavailable::store).
    /// Tokens of managed identities and of long-running sessions stay in the process.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use entra_abstractions::{EncryptionKeys, SharedStore, StoreTokens};
    /// # fn run(
    /// #     application: entra_token_acquisition::Application, redis: Arc<dyn StoreTokens>, key: &str,
    /// # ) -> Result<(), entra_abstractions::Misconfigured> {
    /// use entra_token_acquisition::TokenAcquirer;
    ///
    /// let store = SharedStore::encrypted(redis, EncryptionKeys::new(key)?);
    /// let tokens = TokenAcquirer::builder(application).store(store).build()?;
    /// # drop(tokens);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "AddDistributedTokenCaches")]
    #[doc(alias = "IDistributedCache")]
    #[must_use]
    pub fn store(mut self, store: SharedStore) -> Self {
        self.store = Some(store);
        self
    }

    /// The key to which tokens of managed identities are bound, also where one proves the application;
    /// see [`ManagedIdentityBuilder::attested_by`](crate::ManagedIdentityBuilder::attested_by).
    #[doc(alias = "WithAttestationSupport")]
    #[must_use]
    pub fn attested_by(mut self, key: Arc<dyn AttestKey>) -> Self {
        self.certificates = Arc::new(Certificates::new(BindingKey::Attested(key)));
        self
    }

    /// Tokens of managed identities may be bound to keys of this process's memory; see
    /// [`ManagedIdentityBuilder::key_in_memory`](crate::ManagedIdentityBuilder::key_in_memory).
    #[must_use]
    pub fn key_in_memory(mut self) -> Self {
        self.certificates = Arc::new(Certificates::new(BindingKey::InMemory));
        self
    }

    /// The application is none: what it asks for itself, the host is asked for.
    pub(crate) fn in_place_of_application(
        mut self,
        id: ManagedIdentityId,
        arc_keys: Option<PathBuf>,
        certificates: Arc<Certificates>,
    ) -> Self {
        self.host = Some(id);
        self.arc_keys = arc_keys;
        self.certificates = certificates;
        self
    }

    pub(crate) fn meters(mut self, meters: Meters) -> Self {
        self.meters = meters;
        self
    }

    /// Counts and measures by this meter, of the program's own provider; nothing is counted where
    /// none is given. What there is stands in [observability.md].
    ///
    /// ```
    /// # fn build(application: entra_token_acquisition::Application) -> Result<(), entra_abstractions::Misconfigured> {
    /// use entra_token_acquisition::TokenAcquirer;
    ///
    /// let meter = opentelemetry::global::meter("entra");
    /// let tokens = TokenAcquirer::builder(application).meter(&meter).build()?;
    /// # drop(tokens);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [observability.md]: https://github.com/entra-rs/entra-rs/blob/main/docs/observability.md
    #[cfg(feature = "opentelemetry")]
    #[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
    #[must_use]
    pub fn meter(mut self, meter: &opentelemetry::metrics::Meter) -> Self {
        self.meters = Some(meter.clone());
        self
    }

    /// Builds the acquirer.
    ///
    /// # Errors
    /// [`Misconfigured`] when a credential names a provider or application that is not here, or no
    /// HTTP client can be built from the settings.
    pub fn build(self) -> Result<TokenAcquirer, Misconfigured> {
        let authority = self.application.authority();
        let delay = RetryDelay(self.retry_delay);
        let region = Region::new(
            self.application.region(),
            authority,
            Detection {
                environment: &self.environment,
                http: &self.http,
                clock: Arc::clone(&self.clock),
                delay,
                again_after: self.look_again_after,
            },
        )?;
        let client = http::build(&self.http, authority)?;
        let budget = self.budget()?;
        let credentials = self.credentials(&client)?;
        let app_tenant = match self.application.app_home_tenant() {
            Some(home) if !authority.tenant().is_real() => home,
            _ => authority.tenant(),
        };
        let identity = Identity::new(
            authority.canonical(),
            self.application.client_id().clone(),
            authority.tenant().clone(),
            app_tenant.clone(),
            self.application.path_of("TenantId"),
        );
        let identity = identity.of_host(self.host);
        let second_level = self.store.map(|store| SecondLevel::new(store, Arc::clone(&self.clock)));
        let shared = Shared {
            platform: Platform::new(
                self.environment,
                self.http.clone(),
                Arc::clone(&self.clock),
                delay,
                self.arc_keys,
                self.certificates,
            ),
            wire: Wire::new(client, http::bound(&self.http), Arc::clone(&self.clock), delay),
            endpoints: Endpoints::new(
                authority,
                self.discovers_instances,
                region,
                Arc::clone(&self.clock),
                self.look_again_after,
            ),
            sessions: match &second_level {
                Some(level) => Sessions::shared(level),
                None => Sessions::in_memory(Arc::clone(&self.clock)),
            },
            second_level,
            cache: Cache::new(self.clock, budget),
            refresh_tokens: RefreshTokens::default(),
            flights: Arc::new(Flights::default()),
            metrics: Metrics::of(&self.meters, &identity.client),
            deadline: self.http.giving_up_after(),
            early: jitter::thousandths(),
            application: self.application,
        };
        let tokens = TokenAcquirer::from_engine(Engine {
            identity: Arc::new(identity),
            credentials,
            shared: Arc::new(shared),
        });
        telemetry::observe(&self.meters, &tokens);
        Ok(tokens)
    }

    /// What code says wins over the configuration, as in .NET.
    fn budget(&self) -> Result<usize, Misconfigured> {
        let configured = match &self.configuration {
            Some(root) => MemoryLimit::from_section(&root.section("TokenCache"))?,
            None => None,
        };
        let limit = configured.or_else(|| self.store.as_ref().and_then(SharedStore::memory));
        Ok(self.cache_budget.or(limit.map(MemoryLimit::bytes)).unwrap_or(CACHE_BUDGET))
    }

    fn credentials(&self, client: &reqwest::Client) -> Result<CredentialChain, Misconfigured> {
        let authority = self.application.authority();
        let is_entra =
            matches!(authority.kind(), AuthorityKind::Aad | AuthorityKind::B2c | AuthorityKind::Ciam);
        let surroundings = Surroundings {
            providers: &self.providers,
            others: self,
            vault_tokens: self.vault_tokens.as_ref(),
            cloud: authority.cloud().unwrap_or(Cloud::Public),
            manner: Manner {
                algorithm: match authority.kind() {
                    // These know certificates by the older thumbprint, and no PSS.
                    AuthorityKind::Adfs | AuthorityKind::Dsts => Algorithm::Rs256,
                    AuthorityKind::Aad | AuthorityKind::B2c | AuthorityKind::Ciam | AuthorityKind::Oidc => {
                        Algorithm::Ps256
                    }
                },
                reusable: is_entra,
                send_x5c: self.application.send_x5c(),
            },
            http: client,
            environment: &self.environment,
            clock: &self.clock,
        };
        CredentialChain::new(self.application.credentials(), &surroundings)
    }
}

impl fmt::Debug for TokenAcquirerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAcquirerBuilder").field("application", &self.application).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use entra_abstractions::{StoreSettings, testing::MemoryStore};
    use serde_json::{Value, json};

    use super::*;

    fn builder() -> TokenAcquirerBuilder {
        let application = Application::builder().tenant("contoso.example");
        TokenAcquirerBuilder::new(
            application.client_id("22222222-2222-4222-8222-222222222222").build().unwrap(),
        )
    }

    fn root(limit: impl Into<Value>) -> Section {
        Section::new("", json!({"TokenCache": {"Encryption": "None", "SizeLimit": limit.into()}}))
    }

    #[test]
    fn the_budget_is_what_code_says_else_what_the_configuration_says() {
        let budget = |builder: TokenAcquirerBuilder| builder.budget().unwrap();
        assert_eq!(budget(builder()), CACHE_BUDGET);
        assert_eq!(budget(builder().configuration(Section::default())), CACHE_BUDGET);
        assert_eq!(budget(builder().configuration(root(json!(2_000_000)))), 2_000_000);
        assert_eq!(budget(builder().configuration(root(json!(2_000_000))).cache_budget(7)), 7);
        // Whoever opens a store has read the section already.
        let store = StoreSettings::from_section(&root(json!("3000000")).section("TokenCache")).unwrap();
        let store = store.share(Arc::new(MemoryStore::new(Arc::new(SystemClock))));
        assert_eq!(budget(builder().store(store)), 3_000_000);
        let error = builder().configuration(root(json!(0))).build().unwrap_err().to_string();
        assert!(error.starts_with("TokenCache.SizeLimit: less than 1 MiB"), "{error}");
    }
}
