//! One call that memory alone does not answer: from where it gets its token, and why.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{AccountId, UserAssertion};
use serde::Deserialize;
use tracing::debug;

use super::{Metrics, TARGET, is_detailed, refreshing};
use crate::{
    cache::{AnsweredBy, Cache, Key, Reason},
    grant::Grant,
    plan::Plan,
};

/// What is told of the call, once it is known who answers it.
pub(crate) struct Asked {
    reason: Reason,
    /// Nothing where nobody listens.
    told: Option<Told>,
}

struct Told {
    key: Key,
    differs_in: Option<&'static str>,
    id: entra_abstractions::CorrelationId,
}

impl Asked {
    /// Nothing where nobody counts and nobody listens: then nobody need look for the reason.
    pub(crate) fn new(metrics: &Metrics, cache: &Cache, plan: &Plan) -> Option<Self> {
        if !metrics.are_on() && !is_detailed() {
            return None;
        }
        let reason = reason(cache, plan);
        let told = is_detailed().then(|| Told {
            differs_in: differs_in(cache, plan, reason),
            key: plan.key.clone(),
            id: plan.correlation_id,
        });
        Some(Self { reason, told })
    }

    pub(crate) fn tell(&self, metrics: &Metrics, from: AnsweredBy) {
        if self.reason != Reason::Aging {
            metrics.asked(from, self.reason);
        }
        let Some(Told { key, differs_in, id }) = &self.told else { return };
        let key = key.as_ref();
        if self.reason == Reason::Aging {
            // Its caller has a token; only the flight behind it is news.
            if from == AnsweredBy::Entra {
                refreshing(&key);
            }
            return;
        }
        debug!(
            name: "token.missed",
            target: TARGET,
            from = from.as_str(),
            reason = self.reason.as_str(),
            key = %key.digest(),
            subject = %key.subject(),
            client = %key.identity.client,
            tenant = %key.tenant,
            scopes = key.scopes.as_str(),
            differs_in,
            correlation_id = %id,
            "no cached token answers"
        );
    }
}

/// What memory has for a plan, or why that does not count.
pub(crate) fn reason(cache: &Cache, plan: &Plan) -> Reason {
    if matches!(plan.grant, Grant::Keep { .. }) {
        Reason::Session
    } else if plan.claims.is_some() {
        Reason::Claims
    } else if plan.force_refresh {
        Reason::Forced
    } else if plan.replaces.is_some() {
        Reason::Refused
    } else {
        cache.reason(&plan.key.as_ref())
    }
}

/// For a key that is not cached: in which part alone it differs from one that is.
pub(crate) fn differs_in(cache: &Cache, plan: &Plan, reason: Reason) -> Option<&'static str> {
    let user = match &plan.grant {
        Grant::OnBehalfOf(assertion) => account(assertion),
        _ => None,
    };
    match reason {
        Reason::Unseen | Reason::Ended => cache.differs_in(&plan.key.as_ref(), user.as_ref()),
        _ => None,
    }
}

/// Whose assertion it says it is. Nothing but a hint hangs on it, so its signature is not looked at.
fn account(assertion: &UserAssertion) -> Option<AccountId> {
    #[derive(Deserialize)]
    struct Claims {
        oid: String,
        tid: String,
    }
    let payload = assertion.token().expose().split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let Claims { oid, tid } = serde_json::from_slice(&payload).ok()?;
    AccountId::new(&oid, &tid).ok()
}
