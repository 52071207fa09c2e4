//! Where the token endpoint is: known by heart for Entra, discovered for other providers, in a region
//! where the application asks for one.
//!
//! A secret goes to the configured host, to a region of its cloud, or where the configured
//! provider's own metadata say: what any other server answers never leads it elsewhere.

mod instance;
mod issuer;
mod provider;

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    Authority, AuthorityKind, Clock, CorrelationId, Misconfigured, TenantId, TokenError, is_this_machine,
};
use url::Url;

use crate::{
    application::Application,
    region::{self, Region},
};
use instance::{InstanceDiscovery, Owner};
use provider::{Named, Provider};

/// The endpoints of an application's authority, as far as they are known.
#[derive(Debug)]
pub(crate) struct Endpoints {
    /// None where the host is known, or must not be asked about.
    instance: Option<InstanceDiscovery>,
    provider: Provider,
    region: Region,
}

/// For whom an endpoint is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) tenant: &'a TenantId,
    /// Whether it is the application's own token: only those are issued in regions.
    pub(crate) for_app: bool,
    /// Whether the request may be made with a client certificate.
    pub(crate) over_mtls: bool,
    pub(crate) correlation_id: CorrelationId,
}

/// Where a token is asked for.
#[derive(Debug)]
pub(crate) struct TokenEndpoints {
    pub(crate) plain: Url,
    /// Where the connection has a client certificate; or why there is no such endpoint.
    pub(crate) mtls: Result<Url, Misconfigured>,
}

impl From<Named> for TokenEndpoints {
    fn from(named: Named) -> Self {
        Self { plain: named.token, mtls: Ok(named.mtls) }
    }
}

impl Endpoints {
    pub(crate) fn new(
        authority: &Authority,
        discovers_instances: bool,
        region: Region,
        clock: Arc<dyn Clock>,
        again_after: Duration,
    ) -> Self {
        let is_stranger = authority.kind() == AuthorityKind::Aad
            && !instance::is_known(authority.host())
            && !is_this_machine(authority.instance());
        Self {
            instance: (is_stranger && discovers_instances)
                .then(|| InstanceDiscovery::new(clock, again_after)),
            provider: Provider::default(),
            region,
        }
    }

    /// The token endpoints for this request.
    ///
    /// # Errors
    /// Where the provider's metadata cannot be had, or the host is nobody's.
    pub(crate) async fn token(
        &self,
        application: &Application,
        wanted: Wanted<'_>,
        client: &reqwest::Client,
    ) -> Result<TokenEndpoints, TokenError> {
        let authority = application.authority();
        let Some(global) = authority.token_endpoint(wanted.tenant) else {
            return Ok(self.discovered(authority, wanted, client).await?.into());
        };
        if let Some(instance) = &self.instance
            && instance.owner(authority, wanted, client).await == Owner::Another
        {
            let discovered = self.discovered(authority, wanted, client).await;
            return Ok(discovered.map_err(|error| nobodys(application, error))?.into());
        }
        // Users' tokens are issued in regions only where a certificate is shown.
        let name = if wanted.for_app || wanted.over_mtls { self.region.name().await } else { None };
        let mtls = region::mtls(authority, &global, name.as_deref());
        let name = name.filter(|_| wanted.for_app);
        let regional = name.and_then(|name| region::regional(authority, &global, &name));
        Ok(TokenEndpoints { plain: regional.unwrap_or(global), mtls })
    }

    /// The host of that endpoint, as far as it is known without asking: else the authority's own.
    pub(crate) fn known_host(&self, application: &Application, wanted: Wanted<'_>) -> String {
        let authority = application.authority();
        let known = match authority.token_endpoint(wanted.tenant) {
            None => self.provider.known(&authority.metadata_endpoint(wanted.tenant)),
            Some(global) if wanted.for_app => self.region.known(authority, &global),
            Some(_) => None,
        };
        let known = known.as_ref().and_then(Url::host_str);
        known.unwrap_or(application.authority_host()).to_owned()
    }

    async fn discovered(
        &self,
        authority: &Authority,
        wanted: Wanted<'_>,
        client: &reqwest::Client,
    ) -> Result<Named, TokenError> {
        self.provider.token_endpoints(&authority.metadata_endpoint(wanted.tenant), client).await
    }
}

/// A host that Entra does not know, and that says nothing usable of itself: more likely a slip of
/// the pen than an outage.
fn nobodys(application: &Application, error: TokenError) -> TokenError {
    let status = error.exchange().and_then(entra_abstractions::Exchange::status);
    if status.is_none_or(|status| status >= 500) {
        return error;
    }
    let host = application.authority_host();
    Misconfigured::new(format!("Entra knows no login host {host}, and that host has no metadata for this tenant"))
        .at(application.path_of("Instance"))
        .hint("check the spelling of Instance or Authority; in a cloud that cannot be asked, turn instance discovery off")
        .with_source(error)
        .into()
}
