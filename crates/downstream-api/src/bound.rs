//! What an acquirer can bind to a certificate: asked when an API or a middleware is built, so that no
//! call has to fail for it.

use entra_abstractions::{AcquireToken, BindTokens, Faults, Misconfigured, TokenRequest};

/// Whether the token of such a request could be bound.
pub(crate) fn check(tokens: &dyn AcquireToken, request: &TokenRequest) -> Result<(), Misconfigured> {
    binder(tokens)?.check(request)
}

/// Whether there could be a certificate to show without a token.
pub(crate) fn check_certificate(tokens: &dyn AcquireToken) -> Result<(), Misconfigured> {
    binder(tokens)?.check_certificate()
}

pub(crate) fn binder(tokens: &dyn AcquireToken) -> Result<&dyn BindTokens, Misconfigured> {
    tokens.binder().ok_or_else(|| {
        Misconfigured::new("the acquirer of this API has no certificate to show")
            .hint("give it the TokenAcquirer of an application that proves itself by a certificate")
    })
}

/// Beside what is wrong with a credential, where it is that needs a better one.
pub(crate) fn asked_for_at(at: &str, fault: Misconfigured) -> Misconfigured {
    let mut faults = Faults::default();
    if fault.faults().iter().all(|fault| fault.at().is_some()) {
        faults.add(
            Misconfigured::new("this needs a certificate, and the application has none that can be shown")
                .at(at),
        );
    }
    faults.add(fault.at(at));
    faults.into_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_are_told() {
        let told = |fault: Misconfigured| format!("{:#}", asked_for_at("Apis.Orders.ProtocolScheme", fault));
        assert_eq!(
            told(Misconfigured::new("only an application's own token can be bound")),
            "Apis.Orders.ProtocolScheme: only an application's own token can be bound"
        );
        assert_eq!(
            told(Misconfigured::new("a client secret cannot be bound").at("AzureAd.ClientSecret")),
            "2 faults\n  - Apis.Orders.ProtocolScheme: this needs a certificate, and the application has none \
             that can be shown\n  - AzureAd.ClientSecret: a client secret cannot be bound"
        );
    }
}
