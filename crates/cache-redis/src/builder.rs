//! How a store is put together, in code or from a section. Never connects.

use std::{path::PathBuf, sync::Arc, time::Duration};

use entra_abstractions::{
    AcquireToken, Clock, ConnectionString, Faults, Misconfigured, ObjectId, Scopes, Secret, Section,
    StoreSettings, SystemClock, is_guid,
};

use crate::{
    RedisStore,
    config::{Config, Endpoint},
    dial::Dialer,
    login::{Login, SCOPE},
    tls,
};

/// Builds a [`RedisStore`].
///
/// ```
/// use entra_cache_redis::RedisStore;
///
/// // Nothing is connected to yet: a program starts while its store is away.
/// let store = RedisStore::builder("cache.contoso.example:6379,password=s3cret?%G&=,abortConnect=False")
///     .instance_name("MyWebApi")
///     .build()?;
/// assert!(!format!("{store:?}").contains("s3cret"));
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[derive(Debug)]
pub struct RedisStoreBuilder {
    connection: Secret,
    path: String,
    instance_name: String,
    authority: Option<PathBuf>,
    authority_path: String,
    timeout: Option<Duration>,
    credential: Option<(Arc<dyn AcquireToken>, Option<ObjectId>)>,
    clock: Arc<dyn Clock>,
}

impl RedisStoreBuilder {
    pub(crate) fn new(connection: Secret) -> Self {
        Self {
            connection,
            path: String::new(),
            instance_name: String::new(),
            authority: None,
            authority_path: "CertificateAuthority".to_owned(),
            timeout: None,
            credential: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Reads `ConnectionString` (which may name an entry of `ConnectionStrings` in `root`),
    /// `InstanceName` and `CertificateAuthority` of a section such as `TokenCache`.
    ///
    /// # Errors
    /// [`Misconfigured`] for whoever wrote the section, with the place of each fault.
    pub fn from_section(section: &Section, root: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        StoreSettings::check_keys(section, "Redis", &mut faults);
        let connection = faults.take(ConnectionString::from_section(section, root));
        // Blanks belong to a prefix as any other sign does.
        let prefix = section.text_or_blank("InstanceName", &mut faults);
        let authority = section.text("CertificateAuthority", &mut faults);
        let Some(connection) = connection else { return Err(faults.into_error()) };
        faults.into_result(Self {
            path: connection.path().to_owned(),
            instance_name: prefix.unwrap_or_default(),
            authority: authority.map(PathBuf::from),
            authority_path: section.path_of("CertificateAuthority"),
            ..Self::new(connection.text().clone())
        })
    }

    /// What all keys start with, so that several applications can share a server. It stands
    /// directly before the key, as .NET writes it. In a cluster, braces in it (`{MyWebApi}`) keep all
    /// keys on one server, so it should have none.
    #[must_use]
    #[doc(alias = "InstanceName")]
    pub fn instance_name(mut self, prefix: impl Into<String>) -> Self {
        self.instance_name = prefix.into();
        self
    }

    /// A PEM file with the authorities that are trusted instead of the system's.
    #[must_use]
    pub fn certificate_authority(mut self, path: impl Into<PathBuf>) -> Self {
        self.authority = Some(path.into());
        self
    }

    /// How long a request may take; what the connection string says (`asyncTimeout`) where this is
    /// not called, and five seconds where it says nothing.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Logs in to Azure Cache for Redis or Azure Managed Redis with tokens of Entra, as the service
    /// principal or managed identity with this object id; with `None` it is the `user` of the connection
    /// string, else what the token says (`oid`).
    ///
    /// The acquirer must be one that does not keep its tokens in this very store. A connection is
    /// replaced before its token ends; nothing that is under way is lost by that.
    #[must_use]
    pub fn credential(
        mut self,
        tokens: Arc<dyn AcquireToken>,
        object_id: impl Into<Option<ObjectId>>,
    ) -> Self {
        self.credential = Some((tokens, object_id.into()));
        self
    }

    /// Whether the connection string leaves it to a [credential](Self::credential) to log in: it has
    /// no password, and leads to one of Azure's hosts or has a `user` that is an object id.
    pub fn wants_credential(&self) -> bool {
        Config::parse(self.connection.expose()).is_ok_and(|config| {
            let is_identity = config.user.as_ref().is_some_and(|user| is_guid(user.expose()));
            config.password.is_none() && (is_identity || config.endpoints.iter().any(Endpoint::is_azures))
        })
    }

    /// The clock by which the life of an entry, and of a token, is counted.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the store. Connections are opened at first use.
    ///
    /// # Errors
    /// [`Misconfigured`] for whoever wrote the connection string: it names each part that is not
    /// understood, and never a value.
    pub fn build(self) -> Result<RedisStore, Misconfigured> {
        let path = self.path.clone();
        self.assemble().map_err(|fault| if path.is_empty() { fault } else { fault.at(path) })
    }

    fn assemble(self) -> Result<RedisStore, Misconfigured> {
        let mut config = Config::parse(self.connection.expose())?;
        if let Some(timeout) = self.timeout {
            config.timeout = timeout;
        }
        let login = match (self.credential, config.password.take()) {
            (None, None) => Login::Nobody,
            (None, Some(password)) => Login::Password { user: config.user.take(), password },
            (Some(_), Some(_)) => {
                return Err(Misconfigured::new("the connection string has a password beside the credential")
                    .hint("remove one of the two"));
            }
            (Some((tokens, object_id)), None) => {
                if config.tls.is_none() && !config.endpoints.iter().all(Endpoint::is_this_machine) {
                    return Err(Misconfigured::new("a token may not be sent to this server without TLS")
                        .hint("say ssl=True in the connection string, or use a rediss:// URL"));
                }
                let user = config.user.take().map(|user| ObjectId::new(user.expose()));
                let object_id = object_id.map(Ok).or(user).transpose()?;
                Login::by_token(tokens, object_id, Scopes::try_from(SCOPE)?)
            }
        };
        let tls = match (&config.tls, &self.authority) {
            (Some(tls), authority) => {
                let client = tls::client_config(tls.versions, authority.as_deref());
                let of_authority = |fault: Misconfigured| match authority {
                    Some(_) => fault.at(&self.authority_path),
                    None => fault,
                };
                Some(client.map_err(of_authority)?)
            }
            (None, Some(_)) => {
                let fault = Misconfigured::new("the connection string asks for no TLS, so nobody is trusted");
                return Err(fault.at(&self.authority_path).hint("say ssl=True there, or remove this one"));
            }
            (None, None) => None,
        };
        let name = config.name();
        Ok(RedisStore::new(name, self.instance_name, Dialer { config, tls, login, clock: self.clock }))
    }
}
