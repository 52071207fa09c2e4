//! The proofs of one exchange: the first, and those that may still help after Entra refused it.

use std::{collections::BTreeSet, time::SystemTime};

use entra_abstractions::{AssertionContext, Exchange, TokenError};

use super::{CredentialChain, Proof, link::Link};
use crate::{telemetry, wire::CERTIFICATE_REFUSED};

/// Each credential is tried once, and once more where it was loaded again.
pub(crate) struct Attempts<'a> {
    chain: &'a CredentialChain,
    context: &'a AssertionContext,
    now: SystemTime,
    again: BTreeSet<usize>,
    refused: BTreeSet<usize>,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(chain: &'a CredentialChain, context: &'a AssertionContext, now: SystemTime) -> Self {
        Self { chain, context, now, again: BTreeSet::new(), refused: BTreeSet::new() }
    }

    /// Proves the application: with the credential that did so last, else with the first usable one.
    ///
    /// # Errors
    /// As [`CredentialChain::prove`].
    pub(crate) async fn first(&self) -> Result<Proof, TokenError> {
        self.chain.prove(self.context).await
    }

    /// What to try after an error: nothing, unless Entra refused the certificate or assertion itself.
    /// Then the same credential once more, freshly loaded; then the others.
    pub(crate) async fn next(&mut self, proof: &Proof, error: &TokenError) -> Option<Proof> {
        if error.is_unavailable() {
            return None;
        }
        let link = self.chain.link(proof.link)?;
        link.means.forget(self.context);
        if !is_of_the_application(error) {
            return None;
        }
        link.refused(error);
        let next = if is_of_the_certificate(error) { self.other(proof, error, link).await } else { None };
        if next.is_none() {
            // Whichever had its turn was refused: a better one before it must not wait for a restart.
            self.chain.begin_anew();
        }
        next
    }

    async fn other(&mut self, refused: &Proof, error: &TokenError, link: &Link) -> Option<Proof> {
        if self.again.insert(refused.link)
            && let Some(next) = link.prove_again(self.context, refused, self.now).await
        {
            telemetry::refused(error, &link.at, &link.at);
            return Some(next.of_link(refused.link));
        }
        self.refused.insert(refused.link);
        let next = self.chain.prove_by_others(self.context, &self.refused).await?;
        telemetry::refused(error, &link.at, &next.at);
        Some(next)
    }
}

/// Whether it is the application that was not believed, rather than what it asked for.
fn is_of_the_application(error: &TokenError) -> bool {
    error.exchange().is_some_and(|exchange| exchange.error() == Some("invalid_client"))
}

fn is_of_the_certificate(error: &TokenError) -> bool {
    let refuses =
        |exchange: &Exchange| exchange.aadsts().iter().any(|number| CERTIFICATE_REFUSED.contains(number));
    is_of_the_application(error) && error.exchange().is_some_and(refuses)
}

#[cfg(test)]
mod tests {
    use entra_abstractions::Rejected;

    use super::*;

    #[test]
    fn numbers_that_may_be_mended_win() {
        let refusal = |error: Option<&str>, numbers: &[u32]| {
            let exchange = Exchange::new("client_credentials", "login.example").with_status(401);
            Rejected::new(exchange.with_error(error, None).with_aadsts(numbers.to_vec())).into()
        };
        for (error, numbers, expected) in [
            (Some("invalid_client"), &[CERTIFICATE_REFUSED[0]][..], true),
            (Some("invalid_client"), &[7_000_215, CERTIFICATE_REFUSED[0]], true),
            (Some("invalid_client"), &[7_000_215], false),
            (Some("invalid_client"), &[], false),
            (Some("invalid_grant"), &[CERTIFICATE_REFUSED[0]], false),
            (None, &[CERTIFICATE_REFUSED[0]], false),
        ] {
            assert_eq!(is_of_the_certificate(&refusal(error, numbers)), expected, "{error:?} {numbers:?}");
        }
    }
}
