//! How the application proves itself to a token endpoint: its credentials in the order in which
//! they were configured, of which the first usable one is used.
//!
//! In: what the proof is for. Out: form fields. Knows nothing of grants or of the wire.

mod assertion_file;
mod attempts;
mod certificate;
mod container;
mod description;
mod disk;
mod federated;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod link;
mod pipelines;
mod proof;
mod ready;
mod report;
mod reuse;
mod signer;
mod source;
mod store;
mod vault;

use std::{
    collections::BTreeSet,
    fmt, iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use entra_abstractions::{
    AssertionContext, Faults, Misconfigured, ProvideAssertion, ProviderSettings, TokenError,
};

use crate::telemetry;

pub(crate) use attempts::Attempts;
pub(crate) use certificate::{Algorithm, SigningCertificate};
pub(crate) use description::{
    CredentialDescription, CredentialSource, Find, VaultSource, placeholder, vault_name,
};
use link::{Link, Means, Was};
pub(crate) use proof::Proof;
#[cfg(any(test, fuzzing))]
pub(crate) use proof::proof_by_secret;
pub(crate) use ready::{FEDERATED_TOKEN_FILE, FindAcquirers, Surroundings};
pub use report::{CertificateFacts, CredentialReport, CredentialState};
pub(crate) use signer::Manner;
pub(crate) use vault::vault_url;

/// The credentials of an application. Cloning it is one atomic increment.
#[derive(Clone)]
pub(crate) struct CredentialChain(Arc<Chain>);

struct Chain {
    links: Vec<Link>,
    /// The link that proved the application last: the next proof starts there, so that a credential
    /// which failed is not asked again, and told about, at every request.
    chosen: AtomicUsize,
}

impl CredentialChain {
    /// Makes the described credentials ready, without reading any file.
    ///
    /// # Errors
    /// [`Misconfigured`] naming each provider or application that is asked for but was not given.
    pub(crate) fn new(
        descriptions: &[CredentialDescription],
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let links = descriptions.iter().filter_map(|description| surroundings.link(description, &mut faults));
        let links = links.collect();
        faults.into_result(Self::of(links))
    }

    /// A single assertion from a provider: how an agent is proven, by its blueprint's token.
    pub(crate) fn of_assertion(provider: Arc<dyn ProvideAssertion>) -> Self {
        let means = Means::Provider(provider, ProviderSettings::default());
        Self::of(vec![Link::new("assertion".into(), "CustomSignedAssertion", means)])
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
        self.prove_by(context, &BTreeSet::new()).await.map_err(|mut refusals| {
            refusals.sort_by_key(|(index, _)| *index);
            none_usable(refusals.into_iter().map(|(_, refusal)| refusal))
        })
    }

    /// Proves it with another credential than those that were refused.
    async fn prove_by_others(&self, context: &AssertionContext, refused: &BTreeSet<usize>) -> Option<Proof> {
        self.prove_by(context, refused).await.ok()
    }

    async fn prove_by(
        &self,
        context: &AssertionContext,
        but: &BTreeSet<usize>,
    ) -> Result<Proof, Vec<(usize, TokenError)>> {
        let links = &self.0.links;
        let chosen = self.0.chosen.load(Ordering::Relaxed);
        let others = (0..links.len()).filter(|index| *index != chosen);
        let mut refusals = Vec::new();
        for index in iter::once(chosen).chain(others).filter(|index| !but.contains(index)) {
            let Some(link) = links.get(index) else { continue };
            match link.prove(context).await {
                Ok(proof) => {
                    self.0.chosen.store(index, Ordering::Relaxed);
                    for (_, refusal) in &refusals {
                        telemetry::passed_over(refusal, &link.at);
                    }
                    telemetry::proven(&link.at);
                    return Ok(proof.of_link(index));
                }
                Err(refusal) => refusals.push((index, refusal)),
            }
        }
        Err(refusals)
    }

    /// Lets the first one have the next turn.
    fn begin_anew(&self) {
        self.0.chosen.store(0, Ordering::Relaxed);
    }

    /// Why no token that is asked for by these credentials could be bound; nothing where one might.
    pub(crate) fn check_bound(&self) -> Result<(), Misconfigured> {
        let checked: Vec<_> = self.0.links.iter().map(Link::check_bound).collect();
        if checked.iter().any(Result::is_ok) {
            return Ok(());
        }
        Err(match none_usable(checked.into_iter().filter_map(Result::err).map(TokenError::from)) {
            TokenError::Misconfigured(fault) => fault,
            other => Misconfigured::new("no credential can be bound").with_source(other),
        })
    }

    /// Whether one of them is shown over connections with its certificate, whatever is asked for.
    pub(crate) fn uses_binding(&self) -> bool {
        self.0.links.iter().any(|link| link.uses_binding)
    }

    fn link(&self, index: usize) -> Option<&Link> {
        self.0.links.get(index)
    }

    /// What is known of each credential, in their order; reads and asks nothing.
    pub(crate) fn report(&self) -> Vec<CredentialReport> {
        let chosen = self.0.chosen.load(Ordering::Relaxed);
        let state = |index, link: &Link| match (link.was(), &link.means) {
            (Was::NotTried, Means::Unusable(fault)) => {
                CredentialState::PassedOver(fault.clone().at(&*link.at).to_string())
            }
            (Was::NotTried, _) => CredentialState::NotTried,
            (Was::Used, _) if index == chosen => CredentialState::InUse,
            (Was::Used, _) => CredentialState::Usable,
            (Was::PassedOver(error), _) => CredentialState::PassedOver(error.to_string()),
        };
        let report = |(index, link): (usize, &Link)| CredentialReport {
            at: link.at.to_string(),
            kind: link.kind,
            state: state(index, link),
            certificate: link.certificate(),
        };
        self.0.links.iter().enumerate().map(report).collect()
    }
}

/// Only where the credentials come from shows.
impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.links.iter().map(|link| &link.at)).finish()
    }
}

/// Does what waits for the disk, or computes for long, where it holds up nobody. A parser that
/// breaks over a hostile file breaks there, too, and is one more reason to try the next credential.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Misconfigured> + Send + 'static,
) -> Result<T, Misconfigured> {
    // What is told there belongs to this fetch, and goes to whoever listens to it.
    let (listener, span) = (tracing::dispatcher::get_default(Clone::clone), tracing::Span::current());
    let work = move || tracing::dispatcher::with_default(&listener, || span.in_scope(work));
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Misconfigured::new("reading the credential broke off").with_source(error)),
    }
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

/// For tests of what is done with a certificate.
#[cfg(test)]
pub(crate) fn signing_certificate(
    content: &[u8],
    password: Option<&entra_abstractions::Secret>,
) -> Result<Arc<SigningCertificate>, Misconfigured> {
    SigningCertificate::from_content(content, password).map(Arc::new)
}

#[cfg(test)]
mod tests;
