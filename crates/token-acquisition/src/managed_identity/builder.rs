//! Puts an acquirer together that needs no application. Nothing here does I/O beyond reading the
//! system's trusted roots.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use entra_abstractions::{
    AttestKey, Clock, Environment, HttpSettings, ManagedIdentityId, Misconfigured, SystemClock,
};

use super::{BindingKey, Certificates, ManagedIdentity};
use crate::{
    acquirer::TokenAcquirer,
    application::{Application, ApplicationBuilder},
    telemetry::Meters,
};

/// Builds a [`ManagedIdentity`]. Every setting has a default that is right for production.
#[must_use = "an acquirer is made by `build`"]
pub struct ManagedIdentityBuilder {
    id: ManagedIdentityId,
    application: ApplicationBuilder,
    http: HttpSettings,
    clock: Arc<dyn Clock>,
    environment: Option<Environment>,
    retry_delay: Duration,
    arc_keys: Option<PathBuf>,
    certificates: Arc<Certificates>,
    meters: Meters,
}

impl ManagedIdentityBuilder {
    pub(super) fn new(id: ManagedIdentityId) -> Self {
        // Under this name its tokens are kept; nobody else hears it.
        let application = Application::builder().client_id(super::NAME).tenant(super::NAME);
        Self {
            id,
            application,
            http: HttpSettings::default(),
            clock: Arc::new(SystemClock),
            environment: None,
            retry_delay: Duration::from_secs(1),
            arc_keys: None,
            certificates: Arc::default(),
            meters: None,
        }
    }

    /// How the source of tokens is reached. It is on this host, so no proxy is ever asked.
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = settings;
        self
    }

    /// The clock that decides what has expired.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The environment variables by which the host says where tokens come from, instead of the
    /// process's own.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Something that this program can do, such as `cp1`: it can answer a claims challenge. Told to
    /// the sources that ask for it.
    #[doc(alias = "ClientCapabilities")]
    #[doc(alias = "WithClientCapabilities")]
    pub fn capability(mut self, name: impl Into<String>) -> Self {
        self.application = self.application.capability(name);
        self
    }

    /// The unit of the waits before a source is asked again; 1 s where nothing is said.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay;
        self
    }

    /// The folder in which the agent of Azure Arc writes the keys that it asks for, where it is not
    /// the usual one. No file outside is ever read.
    pub fn arc_keys(mut self, folder: impl Into<PathBuf>) -> Self {
        self.arc_keys = Some(folder.into());
        self
    }

    /// The key to which its tokens are bound where an API wants that ([`Scheme::MtlsPop`]): one of which
    /// a third party says that this machine guards it. The metadata service of a virtual machine issues
    /// a certificate for it.
    ///
    /// [`Scheme::MtlsPop`]: entra_abstractions::Scheme::MtlsPop
    #[doc(alias = "WithAttestationSupport")]
    #[doc(alias = "WithMtlsProofOfPossession")]
    pub fn attested_by(mut self, key: Arc<dyn AttestKey>) -> Self {
        self.certificates = Arc::new(Certificates::new(BindingKey::Attested(key)));
        self
    }

    /// Its tokens may be bound to keys of this process's memory, which nobody attests: whoever can read
    /// the memory has them. Entra and the APIs decide where such a key will do.
    pub fn key_in_memory(mut self) -> Self {
        self.certificates = Arc::new(Certificates::new(BindingKey::InMemory));
        self
    }

    /// Shares the certificates of this host's identities with another acquirer.
    pub(crate) fn sharing(mut self, certificates: Arc<Certificates>) -> Self {
        self.certificates = certificates;
        self
    }

    /// Counts and measures by this meter; see [`TokenAcquirerBuilder::meter`]. Its client is called
    /// `managed_identity`.
    ///
    /// [`TokenAcquirerBuilder::meter`]: crate::TokenAcquirerBuilder::meter
    #[cfg(feature = "opentelemetry")]
    #[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
    pub fn meter(mut self, meter: &opentelemetry::metrics::Meter) -> Self {
        self.meters = Some(meter.clone());
        self
    }

    /// Builds the acquirer.
    ///
    /// # Errors
    /// [`Misconfigured`] when no HTTP client can be built from the settings. What is wrong with the
    /// environment is told by the first token that is asked for.
    pub fn build(self) -> Result<ManagedIdentity, Misconfigured> {
        let tokens = TokenAcquirer::builder(self.application.build()?)
            .http(self.http)
            .clock(self.clock)
            .environment(self.environment.unwrap_or_else(Environment::of_process))
            .retry_delay(self.retry_delay)
            .in_place_of_application(self.id.clone(), self.arc_keys, self.certificates)
            .meters(self.meters)
            .build()?;
        Ok(ManagedIdentity { id: self.id, tokens })
    }
}

impl fmt::Debug for ManagedIdentityBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityBuilder").field("id", &self.id).finish_non_exhaustive()
    }
}
