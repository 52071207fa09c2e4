//! How the application proves itself to a token endpoint: its credentials in the order in which
//! they were configured, of which the first usable one is used.
//!
//! In: what the proof is for. Out: form fields. Knows nothing of grants or of the wire.

mod assertion_file;
mod certificate;
mod certificate_source;
mod container;
mod description;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use std::{
    fmt, iter,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use entra_abstractions::{
    AssertionContext, Clock, Environment, Faults, Misconfigured, ProvideAssertion, Secret, TokenError,
    section::nearest,
};

use crate::{client_assertion::ClientAssertion, telemetry};

pub(crate) use certificate::SigningCertificate;
use certificate_source::{CertificateSource, Place};
pub(crate) use description::{CredentialDescription, CredentialSource, placeholder};

/// The credentials of an application. Cloning it is one atomic increment.
#[derive(Clone)]
pub(crate) struct CredentialChain(Arc<Chain>);

struct Chain {
    links: Vec<Link>,
    /// The link that proved the application last: the next proof starts there, so that a credential
    /// which failed is not asked again, and told about, at every request.
    chosen: AtomicUsize,
}

struct Link {
    at: Arc<str>,
    means: Means,
}

/// A credential, ready to be used.
enum Means {
    Secret(Secret),
    Certificate(Arc<Signer>),
    AssertionFile(PathBuf),
    Provider(Arc<dyn ProvideAssertion>),
    /// Configured, but not usable here, and why.
    Unusable(Misconfigured),
}

struct Signer {
    source: CertificateSource,
    send_x5c: bool,
    clock: Arc<dyn Clock>,
}

impl CredentialChain {
    /// Makes the described credentials ready, without reading any file.
    ///
    /// # Errors
    /// [`Misconfigured`] naming each provider that is asked for but was not given.
    pub(crate) fn new(
        descriptions: &[CredentialDescription],
        providers: &[(String, Arc<dyn ProvideAssertion>)],
        send_x5c: bool,
        environment: &Environment,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let certificate = move |place, password: &Option<Secret>| {
            let source = CertificateSource::new(place, password.clone());
            Means::Certificate(Arc::new(Signer { source, send_x5c, clock: clock.clone() }))
        };
        let mut links = Vec::with_capacity(descriptions.len());
        for CredentialDescription { at, source } in descriptions {
            let means = match source {
                CredentialSource::Secret(secret) => Means::Secret(secret.clone()),
                CredentialSource::CertificateFile { path, password } => {
                    certificate(Place::File(path.clone()), password)
                }
                CredentialSource::CertificateEncoded { value, password } => {
                    certificate(Place::Value(value.clone()), password)
                }
                CredentialSource::AssertionFile { path: Some(path) } => Means::AssertionFile(path.clone()),
                CredentialSource::AssertionFile { path: None } => assertion_file_of(environment),
                CredentialSource::Provider(provider) => Means::Provider(provider.clone()),
                CredentialSource::NamedProvider(name) => {
                    let Some(provider) = faults.take(find(name, providers).map_err(|fault| fault.at(&**at)))
                    else {
                        continue;
                    };
                    Means::Provider(provider)
                }
            };
            links.push(Link { at: at.clone(), means });
        }
        faults.into_result(Self::of(links))
    }

    /// A single assertion from a provider: how an agent is proven, by its blueprint's token.
    pub(crate) fn of_assertion(provider: Arc<dyn ProvideAssertion>) -> Self {
        Self::of(vec![Link { at: "assertion".into(), means: Means::Provider(provider) }])
    }

    fn of(links: Vec<Link>) -> Self {
        Self(Arc::new(Chain { links, chosen: AtomicUsize::new(0) }))
    }

    /// Proves the application: with the credential that did so last, else with the first usable one.
    ///
    /// # Errors
    /// [`TokenError::Misconfigured`] telling of each credential why it cannot be used, or that there
    /// is none. Where a provider failed for a reason that others must act on, or nobody, that.
    pub(crate) async fn prove(&self, context: &AssertionContext) -> Result<Proof, TokenError> {
        let links = &self.0.links;
        let chosen = self.0.chosen.load(Ordering::Relaxed);
        let others = (0..links.len()).filter(|index| *index != chosen);
        let mut refusals = Vec::new();
        for index in iter::once(chosen).chain(others) {
            let Some(link) = links.get(index) else { continue };
            match link.prove(context).await {
                Ok(fields) => {
                    self.0.chosen.store(index, Ordering::Relaxed);
                    for (_, refusal) in &refusals {
                        telemetry::passed_over(refusal, &link.at);
                    }
                    telemetry::proven(&link.at);
                    return Ok(Proof { fields });
                }
                Err(refusal) => refusals.push((index, refusal)),
            }
        }
        refusals.sort_by_key(|(index, _)| *index);
        Err(none_usable(refusals.into_iter().map(|(_, refusal)| refusal)))
    }
}

/// Only where the credentials come from shows.
impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.links.iter().map(|link| &link.at)).finish()
    }
}

impl Link {
    async fn prove(&self, context: &AssertionContext) -> Result<Vec<Field>, TokenError> {
        let proof = match &self.means {
            Means::Secret(secret) => return Ok(vec![("client_secret", secret.clone())]),
            Means::Certificate(signer) => signer.clone().sign(context).await,
            Means::AssertionFile(path) => {
                let path = path.clone();
                aside(move || assertion_file::read(&path)).await
            }
            Means::Unusable(fault) => Err(fault.clone()),
            Means::Provider(provider) => match provider.assertion(context).await {
                Ok(assertion) if assertion.token().is_blank() => {
                    Err(Misconfigured::new("the provider gave an empty assertion"))
                }
                Ok(assertion) => Ok(assertion.token().clone()),
                Err(TokenError::Misconfigured(fault)) => Err(fault),
                Err(failure) => return Err(failure),
            },
        };
        let assertion = proof.map_err(|fault| fault.at(&*self.at))?;
        Ok(vec![("client_assertion_type", JWT_BEARER.into()), ("client_assertion", assertion)])
    }
}

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Signer {
    async fn sign(self: Arc<Self>, context: &AssertionContext) -> Result<Secret, Misconfigured> {
        let client = context.client.clone();
        let audience = context.token_endpoint.clone();
        aside(move || {
            let now = self.clock.now();
            let certificate = self.source.certificate(now)?;
            let x5c = if self.send_x5c { certificate.chain() } else { &[] };
            ClientAssertion { client: &client, audience: &audience, x5c, now }.sign(&certificate)
        })
        .await
    }
}

/// Does what waits for the disk, or computes for long, where it holds up nobody. A parser that
/// breaks over a hostile file breaks there, too, and is one more reason to try the next credential.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Misconfigured> + Send + 'static,
) -> Result<T, Misconfigured> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Misconfigured::new("reading the credential broke off").with_source(error)),
    }
}

fn assertion_file_of(environment: &Environment) -> Means {
    match environment.get(FEDERATED_TOKEN_FILE).filter(|path| !path.trim().is_empty()) {
        Some(path) => Means::AssertionFile(path.into()),
        None => Means::Unusable(
            Misconfigured::new(format!("no file is given, and {FEDERATED_TOKEN_FILE} is not set"))
                .hint("set SignedAssertionFileDiskPath, or run where workload identity sets the variable"),
        ),
    }
}

/// Set by Azure's workload identity in each pod that uses it.
const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

fn find(
    name: &str,
    providers: &[(String, Arc<dyn ProvideAssertion>)],
) -> Result<Arc<dyn ProvideAssertion>, Misconfigured> {
    if let Some((_, provider)) = providers.iter().find(|(known, _)| known == name) {
        return Ok(provider.clone());
    }
    let names: Vec<&str> = providers.iter().map(|(known, _)| known.as_str()).collect();
    let fault = Misconfigured::new(format!("there is no assertion provider {name:?}"));
    Err(match (nearest(name, &names), names.is_empty()) {
        (Some(known), _) => fault.hint(format!("did you mean {known}?")),
        (None, false) => fault.hint(format!("there is {}", names.join(", "))),
        (None, true) => {
            fault.hint("give it to the acquirer's builder with assertion_provider(name, provider)")
        }
    })
}

fn none_usable(refusals: impl Iterator<Item = TokenError>) -> TokenError {
    let mut faults = Faults::default();
    for refusal in refusals {
        match refusal {
            TokenError::Misconfigured(fault) => faults.add(fault),
            // This one may pass by itself, or tells whom to ask: no file that is missing beside it
            // is more worth knowing.
            other => return other,
        }
    }
    if faults.is_empty() {
        faults.add(
            Misconfigured::new("the application has no credential, and this needs one")
                .hint("add one to ClientCredentials, or to the application's builder"),
        );
    }
    faults.into_error().into()
}

type Field = (&'static str, Secret);

/// The proof of the application for one request.
#[derive(Debug)]
pub(crate) struct Proof {
    fields: Vec<Field>,
}

impl Proof {
    /// The form fields that carry it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        self.fields.iter().map(|(name, value)| (*name, value))
    }
}

/// For tests of what is done with a certificate.
#[cfg(test)]
pub(crate) fn signing_certificate(
    content: &[u8],
    password: Option<&Secret>,
) -> Result<SigningCertificate, Misconfigured> {
    SigningCertificate::from_container(&container::Container::open(content, password)?)
}

#[cfg(test)]
mod tests;
