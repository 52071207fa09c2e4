//! Calls an API with bound tokens while the certificate is renewed again and again: the token's
//! certificate must be the connection's, each time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{Extension, Json, Router, routing::get};
use entra_abstractions::{Binding, WeakBinding};
use entra_downstream_api::{Api, Caller};
use entra_web_api::{AuthenticatedUser, ClientCertificate};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    Night, Secured, Speaks,
    application::{Certificate, ORDERS, mint},
    secured::{Handshakes, validator},
};

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    pub(crate) renewals: usize,
    pub(crate) requests: usize,
    /// How many requests are under way at the same time.
    pub(crate) at_once: usize,
    pub(crate) speaks: Speaks,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Rotated {
    pub(crate) answered: usize,
    pub(crate) failures: Vec<String>,
    /// Answers to tokens of another certificate than the connection's.
    pub(crate) mismatches: usize,
    pub(crate) certificates: usize,
    pub(crate) handshakes: Handshakes,
    /// Why the connections of old certificates were not closed.
    pub(crate) undrained: Option<String>,
    /// Old certificates that something still holds.
    pub(crate) held: usize,
    pub(crate) took: Duration,
}

/// What the API saw.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    /// Of the connection.
    shown: String,
    /// Of the token.
    confirmed: String,
}

async fn seen(user: AuthenticatedUser, Extension(shown): Extension<ClientCertificate>) -> Json<Seen> {
    let confirmed = user.claims().get("cnf").and_then(|cnf| cnf.get("x5t#S256")?.as_str());
    Json(Seen { shown: shown.thumbprint(), confirmed: confirmed.unwrap_or_default().to_owned() })
}

/// Calls, and renews in between, while other calls are under way.
pub(crate) async fn rotate(wish: Rotation) -> Result<Rotated> {
    let certificates = mint(wish.renewals + 1)?;
    let first = certificates.first().context("no certificate")?;
    let night = Arc::new(Night::begin(first, &certificates).await?);
    let protect = validator(&night.emulator)?.build()?;
    let router = Router::new().route("/seen", get(seen)).layer(protect.layer());
    let secured = Secured::start(router, wish.speaks).await?;
    let api = Api::builder("Orders")
        .base_url(&secured.url)
        .scopes(ORDERS)
        .bound_tokens()
        .http(secured.http())
        .build(night.tokens.clone())?;
    let caller = api.as_app();
    let began = now();
    let bindings = Arc::new(Mutex::new(vec![binding(&night).await?.downgrade()]));
    let mut to_come = certificates.into_iter().skip(1);
    let every = wish.requests / (wish.renewals + 1);
    let calls = (0..wish.requests).map(|number| {
        let renewal = if number > 0 && number % every == 0 { to_come.next() } else { None };
        let (night, bindings, caller) = (Arc::clone(&night), Arc::clone(&bindings), caller.clone());
        async move {
            tokio::spawn(async move {
                if let Some(certificate) = renewal {
                    renew(&night, &certificate, &bindings).await?;
                }
                call(&caller).await
            })
            .await?
        }
    });
    let outcomes: Vec<Result<Seen>> = stream::iter(calls).buffer_unordered(wish.at_once).collect().await;
    let took = now() - began;
    // The next call lets go of what nobody holds any more.
    let last = call(&caller).await?;
    let undrained = secured.drained_but(&[&last.shown]).await.err().map(|error| error.to_string());
    let bindings = bindings.lock().await;
    let held: BTreeSet<String> = bindings
        .iter()
        .filter_map(WeakBinding::upgrade)
        .map(|binding| binding.thumbprint().to_owned())
        .filter(|thumbprint| *thumbprint != last.shown)
        .collect();
    let answers: Vec<&Seen> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    Ok(Rotated {
        answered: answers.len(),
        failures: outcomes.iter().filter_map(|o| Some(format!("{:#}", o.as_ref().err()?))).collect(),
        mismatches: answers.iter().filter(|seen| seen.shown != seen.confirmed).count(),
        certificates: answers.iter().map(|seen| &seen.shown).collect::<BTreeSet<_>>().len(),
        handshakes: secured.handshakes(),
        undrained,
        held: held.len(),
        took,
    })
}

async fn renew(night: &Night, certificate: &Certificate, bindings: &Mutex<Vec<WeakBinding>>) -> Result<()> {
    // One after the other, as in life.
    let mut bindings = bindings.lock().await;
    let token = night.renew(certificate).await?;
    bindings.push(token.binding().context("not a bound token")?.downgrade());
    Ok(())
}

async fn call(caller: &Caller) -> Result<Seen> {
    Ok(caller.get("seen").json().await?)
}

async fn binding(night: &Night) -> Result<Binding> {
    night.token().await?.binding().cloned().context("not a bound token")
}

impl Rotated {
    /// What does not hold.
    pub(crate) fn faults(&self, wish: &Rotation) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |is_bad: bool, what: String| faults.extend(is_bad.then_some(what));
        let failure = self.failures.first().map_or("", String::as_str);
        add(!self.failures.is_empty(), format!("{} calls failed, such as: {failure}", self.failures.len()));
        add(self.mismatches > 0, format!("{} mismatches", self.mismatches));
        add(self.certificates <= wish.renewals, format!("{} certificates were seen", self.certificates));
        let more: Vec<&usize> = self.handshakes.full.values().filter(|number| **number > 1).collect();
        add(!more.is_empty(), format!("{} certificates were shown in several handshakes", more.len()));
        add(self.handshakes.resumed > 0, format!("{} sessions were resumed", self.handshakes.resumed));
        add(self.undrained.is_some(), self.undrained.clone().unwrap_or_default());
        add(self.held > 0, format!("{} old certificates are still held", self.held));
        faults
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what a stopwatch is")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(wish: Rotation) {
        let rotated = rotate(wish).await.unwrap();
        assert_eq!(rotated.faults(&wish), [""; 0], "{rotated:#?}");
        assert_eq!(rotated.answered, wish.requests);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_token_meets_another_certificate_while_certificates_are_renewed() {
        check(Rotation { renewals: 20, requests: 2_100, at_once: 32, speaks: Speaks::Http2 }).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn calls_that_follow_one_another_share_a_connection() {
        check(Rotation { renewals: 5, requests: 60, at_once: 1, speaks: Speaks::Http1 }).await;
    }
}
