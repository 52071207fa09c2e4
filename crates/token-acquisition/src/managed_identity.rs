//! Managed identities: the tokens of what a program runs on, for which it needs no credential. As
//! an acquirer of its own, and as one more way by which an application's acquirer is granted a
//! token.
//!
//! In: a plan. Out: what was granted. Never: a probe, a proxy, a redirect.

mod answer;
mod app_service;
mod ask;
mod azure_arc;
mod azure_ml;
mod bound;
mod builder;
mod cloud_shell;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod imds;
mod pinned;
mod platform;
mod retry;
mod service_fabric;
mod source;

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use async_trait::async_trait;
use entra_abstractions::{
    AcquireToken, Acquiring, BindTokens, Binding, CorrelationId, ManagedIdentityId, Misconfigured, Place,
    Scheme, Scopes, Subject, TokenError, TokenRequest,
};

use crate::{
    acquirer::TokenAcquirer,
    cache::{Cached, Statistics},
    explain::Explanation,
    plan::Plan,
    telemetry,
    wire::Granted,
};

pub(crate) use bound::{BindingKey, Certificates};
pub use builder::ManagedIdentityBuilder;
pub(crate) use platform::Platform;

use ask::Ask;

/// Acquires tokens as a managed identity, without an application: nothing is registered, nothing
/// is configured, nothing can expire.
///
/// Where the tokens come from is read from the environment: App Service, Functions and Container
/// Apps, Service Fabric, Azure Machine Learning, Cloud Shell, Azure Arc, else the metadata service
/// of a virtual machine. Nothing is asked before the first token is. Clone it freely: clones share
/// the cache.
///
/// ```no_run
/// use entra_abstractions::{AcquireToken, Scopes, TokenRequest};
/// use entra_token_acquisition::ManagedIdentity;
/// # async fn run() -> Result<(), entra_abstractions::TokenError> {
///
/// let identity = ManagedIdentity::system().build()?;
/// let request = TokenRequest::as_app(Scopes::try_from("https://vault.azure.net/.default")?);
/// let header = identity.acquire(&request).await?.authorization_header();
/// # drop(header);
/// # Ok(())
/// # }
/// ```
///
/// It answers requests as the application with its own identity, and those that name another
/// managed identity with that one. An application's [`TokenAcquirer`] answers the latter too.
#[doc(alias = "ManagedIdentityApplication")]
#[doc(alias = "ManagedIdentityApplicationBuilder")]
#[doc(alias = "IManagedIdentityApplication")]
#[doc(alias = "ManagedIdentityCredential")]
#[derive(Clone)]
pub struct ManagedIdentity {
    id: ManagedIdentityId,
    tokens: TokenAcquirer,
}

/// What it is called where grants are named.
pub(crate) const NAME: &str = "managed_identity";

impl ManagedIdentity {
    /// The identity that the system assigned to the host.
    #[doc(alias = "SystemAssigned")]
    pub fn system() -> ManagedIdentityBuilder {
        Self::builder(ManagedIdentityId::System)
    }

    /// An identity of the host.
    pub fn builder(id: ManagedIdentityId) -> ManagedIdentityBuilder {
        ManagedIdentityBuilder::new(id)
    }

    /// Which identity it is.
    pub fn id(&self) -> &ManagedIdentityId {
        &self.id
    }

    /// Waits until nothing is being fetched: before a process ends, or a test looks.
    pub async fn settled(&self) {
        self.tokens.settled().await;
    }

    /// What would be done for a request, and why: from where its token would come, how old what is
    /// cached is, and what stands in the way. A look: the host is not asked.
    ///
    /// ```
    /// use entra_abstractions::{Environment, Scopes, TokenRequest};
    /// use entra_token_acquisition::{ManagedIdentity, Reason};
    ///
    /// let identity = ManagedIdentity::system().environment(Environment::empty()).build()?;
    /// let request = TokenRequest::as_app(Scopes::try_from("https://vault.azure.net/.default")?);
    /// let explanation = identity.explain(&request);
    /// assert_eq!(explanation.reason, Some(Reason::Unseen));
    /// assert_eq!(explanation.host, "169.254.169.254");
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    pub fn explain(&self, request: &TokenRequest) -> Explanation {
        match refusal(request) {
            None => self.tokens.explain(request),
            Some(fault) => self.tokens.explain(&request.clone().refuse(fault)),
        }
    }

    /// What the cache holds.
    pub fn cache_statistics(&self) -> Statistics {
        self.tokens.cache_statistics()
    }
}

impl AcquireToken for ManagedIdentity {
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        match refusal(request) {
            None => self.tokens.acquire(request),
            Some(fault) => Acquiring::ready(Err(fault.into())),
        }
    }

    fn binder(&self) -> Option<&dyn BindTokens> {
        Some(self)
    }
}

#[async_trait]
impl BindTokens for ManagedIdentity {
    fn check(&self, request: &TokenRequest) -> Result<(), Misconfigured> {
        refusal(request).map_or(Ok(()), Err)?;
        self.tokens.check(request)
    }

    fn check_certificate(&self) -> Result<(), Misconfigured> {
        check_bound(&self.tokens)
    }

    async fn binding(&self) -> Result<Binding, TokenError> {
        self.tokens.binding().await
    }
}

/// Why it cannot answer for this subject.
fn refusal(request: &TokenRequest) -> Option<Misconfigured> {
    let what = match &request.subject {
        Subject::App | Subject::ManagedIdentity(_) => return None,
        Subject::User(_) => "a managed identity has no users",
        Subject::Agent(..) => "a managed identity has no agents",
    };
    let hint = "acquire tokens as an application; it may prove itself by the managed identity";
    Some(Misconfigured::new(what).hint(hint))
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Refuses what no host can be asked for: it knows resources, each for itself, and nothing else of
/// what Entra knows. Its tenant is its own, whatever a request names.
///
/// The request is taken apart whole, so that a new field does not compile until somebody has decided.
pub(crate) fn check(request: &TokenRequest) -> Result<(), Misconfigured> {
    let TokenRequest {
        scopes,
        subject: _,
        scheme,
        tenant: _,
        fmi_path,
        parameters,
        claims: _,
        client_claims,
        force_refresh: _,
        replaces: _,
        correlation_id: _,
        refused: _,
    } = request;
    if scopes.iter().len() > 1 {
        return Err(Misconfigured::new("a managed identity asks for one resource at a time")
            .hint("make one request for each resource, with its /.default"));
    }
    let by_application = |what: &str| {
        Err(Misconfigured::new(format!("a managed identity has no {what}"))
            .hint("ask as an application that proves itself by the managed identity"))
    };
    if fmi_path.is_some() {
        return by_application("fmi path");
    }
    if client_claims.is_some() {
        return by_application("claims of its own");
    }
    if matches!(scheme, Scheme::Pop(_)) {
        return by_application("tokens that are bound to a key of the caller's");
    }
    if parameters.iter().any(|parameter| parameter.place() != Place::Query) {
        return Err(Misconfigured::new("a managed identity's request has no body for parameters")
            .hint("give them a place in the query"));
    }
    Ok(())
}

/// Fetches what was planned. Where claims are asked for, the token at hand is the one that an API
/// refused, unless the request says which.
pub(crate) async fn grant(
    engine: &TokenAcquirer,
    plan: &Plan,
    id: &ManagedIdentityId,
) -> Result<Granted, TokenError> {
    let at_hand = || match engine.cache().get(&plan.key.as_ref()) {
        Cached::Fresh(token) | Cached::Aging(token, _) | Cached::Last(token, _) => Some(token.to_hash()),
        Cached::Missing => None,
    };
    let revoked = plan.replaces.or_else(|| plan.claims.as_ref().and_then(|_| at_hand()));
    let ask = Ask {
        id,
        scopes: &plan.scopes,
        parameters: &plan.parameters,
        capabilities: engine.application().capabilities(),
        revoked,
        correlation_id: plan.correlation_id,
    };
    let fingerprint = fingerprint(&ask);
    if let Some((left, error)) = engine.cache().refused_of_late(&plan.key, fingerprint) {
        telemetry::paused(&plan.key.as_ref(), left);
        return Err(error);
    }
    let host = engine.platform().host(&ask).unwrap_or_default();
    let asked = async {
        match plan.scheme {
            Scheme::MtlsPop => bound::grant(engine, plan, &ask).await,
            Scheme::Bearer | Scheme::Pop(_) => engine.platform().token(&ask).await,
        }
    };
    let result = telemetry::timed(engine.metrics(), NAME, &host, asked).await;
    if let Err(error) = &result {
        engine.cache().refused(&plan.key, fingerprint, error);
    }
    result
}

/// The host that would be asked, where the environment describes one that can be.
pub(crate) fn host(
    engine: &TokenAcquirer,
    plan: &Plan,
    id: &ManagedIdentityId,
) -> Result<String, Misconfigured> {
    if plan.scheme == Scheme::MtlsPop {
        check_bound(engine)?;
    }
    engine.platform().host(&Ask {
        id,
        scopes: &plan.scopes,
        parameters: &plan.parameters,
        capabilities: &[],
        revoked: None,
        correlation_id: plan.correlation_id,
    })
}

/// Whether tokens of this host's identities could be bound, as far as that is known without asking.
///
/// # Errors
/// [`Misconfigured`] saying why they never could.
pub(crate) fn check_bound(engine: &TokenAcquirer) -> Result<(), Misconfigured> {
    engine.platform().check_bound()
}

/// The certificate to which the next token of an identity would be bound.
pub(crate) async fn binding(engine: &TokenAcquirer, id: &ManagedIdentityId) -> Result<Binding, TokenError> {
    check_bound(engine)?;
    let scopes = Scopes::try_from(crate::TOKEN_EXCHANGE_SCOPE)?;
    let ask = Ask {
        id,
        scopes: &scopes,
        parameters: &[],
        capabilities: &[],
        revoked: None,
        correlation_id: CorrelationId::random(),
    };
    bound::binding(engine, &ask).await
}

/// What tells a request from others that are made for the same key.
fn fingerprint(ask: &Ask<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    ask.revoked.hash(&mut hasher);
    ask.parameters.hash(&mut hasher);
    hasher.finish()
}
