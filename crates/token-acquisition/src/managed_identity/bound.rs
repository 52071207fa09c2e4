//! Tokens of managed identities that are bound to a certificate: the metadata service issues one for a
//! key of this process, and Entra the token, over a connection with it.
//!
//! In: a plan. Out: what was granted, with the certificate. Never: a certificate for a key that is not
//! ours, or of another identity.

mod answer;
mod attestation;
mod certificate;
mod csr;
mod issue;
mod key;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use entra_abstractions::{Binding, Claims, ManagedIdentityId, Misconfigured, Place, TokenError};
use tokio::sync;

use crate::{
    acquirer::TokenAcquirer,
    credential::Proof,
    plan::Plan,
    telemetry,
    wire::{Form, Granted, Post},
};

use super::{NAME, ask::Ask, platform::Platform};
use attestation::Attestations;
pub(super) use certificate::Certificate;
use certificate::is_refused;
pub(crate) use key::BindingKey;

/// The certificates of the identities of this host: one for each, shared by the acquirers that one
/// builder made.
#[derive(Default)]
pub(crate) struct Certificates {
    key: BindingKey,
    attestations: Attestations,
    slots: Mutex<HashMap<ManagedIdentityId, Arc<Slot>>>,
}

/// What is kept of one identity. Whoever comes while a certificate is being issued waits for it.
#[derive(Default)]
struct Slot {
    state: sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Certificate>,
    /// How often a certificate was asked for, and how that ended last, where it failed.
    asked: u64,
    failed: Option<TokenError>,
}

impl Certificates {
    pub(crate) fn new(key: BindingKey) -> Self {
        Self { key, ..Self::default() }
    }

    /// Whether there is a key to bind to.
    ///
    /// # Errors
    /// [`Misconfigured`] where the program has not said to which.
    pub(super) fn check_key(&self) -> Result<(), Misconfigured> {
        self.key.check()
    }

    /// The certificate of an identity: that which is kept, or a new one some time before it ends. While
    /// none can be had the one at hand serves to its end.
    // Unlike .NET: there the last day of a certificate is of no use, and an outage of it is felt.
    async fn of(&self, platform: &Platform, ask: &Ask<'_>) -> Result<Certificate, TokenError> {
        let slot = self.slot(ask.id);
        let before = slot.asked();
        let mut state = slot.state.lock().await;
        let now = platform.now();
        if let Some(certificate) = state.kept.as_ref().filter(|kept| kept.serves(now)) {
            return Ok(certificate.clone());
        }
        // Who waited while it was asked in vain need not ask the same again.
        let meanwhile = state.failed.clone().filter(|_| before.is_none_or(|before| before != state.asked));
        let issued = match meanwhile {
            Some(error) => Err(error),
            None => issue::issue(platform, &self.key, &self.attestations, ask).await,
        };
        state.asked += 1;
        match issued {
            Ok(certificate) => {
                telemetry::certificate_issued(ask.id, certificate.binding().thumbprint());
                (state.kept, state.failed) = (Some(certificate.clone()), None);
                Ok(certificate)
            }
            Err(error) => {
                state.failed = Some(error.clone());
                match state.kept.as_ref().filter(|kept| kept.is_valid(platform.now())) {
                    Some(kept) => {
                        telemetry::certificate_kept(ask.id, &error);
                        Ok(kept.clone())
                    }
                    None => Err(error),
                }
            }
        }
    }

    /// Lets go of a certificate that Entra refused, unless there is another one by now.
    async fn forget(&self, id: &ManagedIdentityId, refused: &Binding) {
        let slot = self.slot(id);
        let mut state = slot.state.lock().await;
        if state.kept.as_ref().is_some_and(|kept| kept.binding() == refused) {
            (state.kept, state.failed) = (None, None);
        }
    }

    fn slot(&self, id: &ManagedIdentityId) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(id.clone()).or_default())
    }
}

impl Slot {
    /// How often a certificate was asked for; nothing while it is.
    fn asked(&self) -> Option<u64> {
        self.state.try_lock().ok().map(|state| state.asked)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Asks Entra for the token, over a connection with the identity's certificate. One that is refused is
/// replaced, once.
pub(super) async fn grant(engine: &TokenAcquirer, plan: &Plan, ask: &Ask<'_>) -> Result<Granted, TokenError> {
    let (platform, certificates) = (engine.platform(), engine.platform().certificates());
    let certificate = certificates.of(platform, ask).await?;
    let error = match post(engine, plan, ask, &certificate).await {
        Err(error) if is_refused(&error) => error,
        settled => return settled,
    };
    telemetry::repeating(NAME, ask.correlation_id, &error);
    certificates.forget(ask.id, certificate.binding()).await;
    let certificate = certificates.of(platform, ask).await?;
    post(engine, plan, ask, &certificate).await
}

/// The certificate to which the next token would be bound.
pub(super) async fn binding(engine: &TokenAcquirer, ask: &Ask<'_>) -> Result<Binding, TokenError> {
    let certificate = engine.platform().certificates().of(engine.platform(), ask).await?;
    Ok(certificate.binding().clone())
}

async fn post(
    engine: &TokenAcquirer,
    plan: &Plan,
    ask: &Ask<'_>,
    certificate: &Certificate,
) -> Result<Granted, TokenError> {
    let mut form = Form::default();
    form.set("client_id", certificate.client().as_str());
    form.set("grant_type", "client_credentials");
    form.set("scope", &format!("{}/.default", ask.resource()));
    form.set("token_type", plan.scheme.token_type());
    if let Some(claims) = Claims::with_capabilities(plan.claims.as_ref(), ask.capabilities) {
        form.set("claims", claims.as_str());
    }
    let mut url = certificate.token_endpoint().clone();
    for parameter in plan.parameters.iter().filter(|parameter| parameter.place() == Place::Query) {
        url.query_pairs_mut().append_pair(parameter.name(), parameter.value());
    }
    let post = Post {
        grant: NAME,
        url,
        form,
        proof: Proof::by_binding(&SHOWN.into(), certificate.binding().clone()),
        client: certificate.client(),
        scopes: &plan.scopes,
        scheme: &plan.scheme,
        headers: &[],
        for_user: false,
        correlation_id: plan.correlation_id,
        routing_hint: None,
    };
    let granted = engine.wire().post(&post, async || None).await;
    let mut granted =
        granted.map_err(|error| error.in_leg(format!("asking Entra for a bound token of {}", ask.id)))?;
    // No connection can be made with what has ended.
    granted.ends_at = granted.ends_at.min(certificate.ends_at());
    Ok(granted)
}

/// As which credential errors name it.
const SHOWN: &str = "the certificate of the managed identity";
