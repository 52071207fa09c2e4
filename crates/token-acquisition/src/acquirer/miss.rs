//! Past memory: a look into the store where there is one, and a flight for what that does not have.
//!
//! Nearly every token that is in the store comes out of it by the look alone: it borrows the request,
//! and makes no plan.

use std::sync::Arc;

use entra_abstractions::{Acquiring, TokenRequest};
use tokio::runtime::Handle;
use tracing::{Instrument, Span};

use super::TokenAcquirer;
use crate::{
    cache::{AnsweredBy, KeyRef},
    fetch::Purpose,
    flight::Boarded,
    plan::{Plan, is_renewal},
    second_level::{Findings, LoneLook},
    telemetry::{self, Asked},
};

impl TokenAcquirer {
    /// What is not at hand.
    #[cold]
    pub(crate) fn fly<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        let key = match self.checked(request) {
            Ok(key) => key,
            Err(fault) => return Acquiring::ready(Err(fault.into())),
        };
        let writes = self.cache().writes();
        Acquiring::fetching(async move {
            // Where anything was put into memory since, it may be this: a flight begins with a look there.
            let may_be_here = is_renewal(request) || self.cache().writes() != writes;
            let Some(look) = (if may_be_here { None } else { LoneLook::begin(self, &key, writes) }) else {
                return self.board(Arc::new(Plan::new(&key, request)), Purpose::Fetch, None).await;
            };
            let waiting = Waiting::new(self, key, request);
            let told = telemetry::is_told(self.metrics()).then(|| Told::new(self, &key, request));
            let seen = match &told {
                None => look.see().await,
                Some(told) => Box::pin(look.see().instrument(told.span.clone())).await,
            };
            waiting.end();
            drop(look);
            match (seen, told) {
                (Ok(token), None) => Ok(token),
                (Ok(token), Some(told)) => {
                    told.found(self);
                    Ok(token)
                }
                (Err(findings), told) => self.board_after(findings, told, &key, request).await,
            }
        })
    }

    /// The flight that goes on from a look, in the span of that.
    #[cold]
    fn board_after(
        &self,
        findings: Findings,
        told: Option<Told>,
        key: &KeyRef<'_>,
        request: &TokenRequest,
    ) -> Boarded {
        let (plan, span) = match told {
            Some(told) => (told.plan, told.span),
            None => (Arc::new(Plan::new(key, request)), Span::none()),
        };
        self.board(plan, Purpose::Fetch, Some((findings, span)))
    }
}

/// Somebody waits for what a look finds. Where they go away before the store answers, a flight goes on:
/// else callers who wait for less than a store that hangs may take would never have a token, and nobody
/// would learn that it hangs.
struct Waiting<'a> {
    engine: &'a TokenAcquirer,
    key: KeyRef<'a>,
    request: &'a TokenRequest,
    is_through: bool,
}

impl<'a> Waiting<'a> {
    fn new(engine: &'a TokenAcquirer, key: KeyRef<'a>, request: &'a TokenRequest) -> Self {
        Self { engine, key, request, is_through: false }
    }

    fn end(mut self) {
        self.is_through = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_through && Handle::try_current().is_ok() {
            let plan = Arc::new(Plan::new(&self.key, self.request));
            drop(self.engine.board(plan, Purpose::Fetch, None));
        }
    }
}

/// A look for which somebody listens: it is told as a flight would tell it.
struct Told {
    plan: Arc<Plan>,
    span: Span,
    asked: Option<Asked>,
}

impl Told {
    #[cold]
    fn new(engine: &TokenAcquirer, key: &KeyRef<'_>, request: &TokenRequest) -> Self {
        let plan = Arc::new(Plan::new(key, request));
        let span = telemetry::acquiring(key, plan.grant.name(), plan.correlation_id, false);
        let asked = Asked::new(engine.metrics(), engine.cache(), &plan);
        Self { plan, span, asked }
    }

    #[cold]
    fn found(self, engine: &TokenAcquirer) {
        if let Some(asked) = self.asked {
            asked.tell(engine.metrics(), AnsweredBy::Store);
        }
        self.span.in_scope(|| telemetry::landed(engine.metrics(), &self.plan.key.as_ref(), false, None));
    }
}
