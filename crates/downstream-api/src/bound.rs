//! What an acquirer can bind to a certificate: asked when an API or a middleware is built, so that no
//! call has to fail for it. And the connections that show it.

use std::sync::{Arc, Mutex, PoisonError};

use entra_abstractions::{
    AcquireToken, BindTokens, Binding, Faults, Misconfigured, TokenError, TokenRequest, WeakBinding,
};
use entra_mtls_pop::{BoundClient, BoundClients};
use url::Url;

use crate::place::Place;

/// The clients of an API, for whatever its tokens are bound to.
pub(crate) struct Connections {
    clients: BoundClients,
    latest: Mutex<Option<Latest>>,
}

/// What the call before took: nearly always, the next one takes the same.
struct Latest {
    host: Arc<str>,
    shown: WeakBinding,
    client: BoundClient,
}

impl Connections {
    pub(crate) fn new(clients: BoundClients) -> Self {
        Self { clients, latest: Mutex::default() }
    }

    /// The client whose connections to this place show this certificate.
    pub(crate) fn of(&self, binding: &Binding, place: &Place, url: &Url) -> Result<BoundClient, TokenError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        // One text of a host stands for one base.
        if let Some(latest) = &*latest
            && latest.shown.is(binding)
            && Arc::ptr_eq(&latest.host, place.host())
        {
            return Ok(latest.client.clone());
        }
        self.look(binding, place, url, &mut latest)
    }

    #[cold]
    fn look(
        &self,
        binding: &Binding,
        place: &Place,
        url: &Url,
        latest: &mut Option<Latest>,
    ) -> Result<BoundClient, TokenError> {
        // Else it would keep the connections of a certificate that nobody has any more.
        *latest = None;
        if url.scheme() != "https" {
            return Err(over_https().into());
        }
        let client = self.clients.of(binding, url)?;
        // Where there are others, the next call looks as well: by that they are let go of.
        if self.clients.count() == 1 {
            let (host, shown) = (Arc::clone(place.host()), binding.downgrade());
            *latest = Some(Latest { host, shown, client: client.clone() });
        }
        Ok(client)
    }
}

/// A connection that is not encrypted shows no certificate.
pub(crate) fn over_https() -> Misconfigured {
    Misconfigured::new("a certificate is shown over https only").hint("call the API at its https URL")
}

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
