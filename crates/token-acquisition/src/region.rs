//! The region whose token endpoint is asked: named by the application or its environment, or
//! detected once, where the machine's metadata service tells it.
//! <https://learn.microsoft.com/entra/msal/dotnet/advanced/regional-authority>

mod detect;

use std::{sync::Arc, time::Duration};

use entra_abstractions::{
    Authority, AuthorityKind, Clock, Cloud, Environment, HttpSettings, Misconfigured, is_this_machine,
};
use url::Url;

use crate::{telemetry, wire::RetryDelay};
use detect::Detector;

/// Where the application's own tokens are issued.
#[derive(Debug)]
pub(crate) enum Region {
    Global,
    Named(Box<str>),
    Detected(Box<Detector>),
}

/// Asks for detection, in place of a name.
pub(crate) const AUTO: &str = "TryAutoDetect";

/// What a detector needs.
pub(crate) struct Detection<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) http: &'a HttpSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) delay: RetryDelay,
    /// How long a failure is remembered.
    pub(crate) again_after: Duration,
}

impl Region {
    /// The region that the application names, or its environment. Nothing is asked yet.
    pub(crate) fn new(
        configured: Option<&str>,
        authority: &Authority,
        around: Detection<'_>,
    ) -> Result<Self, Misconfigured> {
        let environment = around.environment;
        let said = |name: &str| environment.get(name).map(str::trim).filter(|value| !value.is_empty());
        let wanted = match configured {
            // MSAL's switches, for those who run a fleet: one turns regions off whatever an
            // application says, one turns them on where it says nothing.
            _ if said("MSAL_DISABLE_REGION").is_some() => return Ok(Self::Global),
            Some(name) if name.eq_ignore_ascii_case("DisableMsalForceRegion") => return Ok(Self::Global),
            Some(name) => name,
            None => match said("MSAL_FORCE_REGION") {
                Some(name) if name.eq_ignore_ascii_case(AUTO) || is_region(name) => name,
                _ => return Ok(Self::Global),
            },
        };
        if authority.kind() != AuthorityKind::Aad {
            telemetry::no_regions(authority.kind());
            return Ok(Self::Global);
        }
        if !wanted.eq_ignore_ascii_case(AUTO) {
            return Ok(Self::Named(wanted.to_ascii_lowercase().into()));
        }
        let named = said("REGION_NAME").map(|name| name.replace(' ', "").to_ascii_lowercase());
        match named.filter(|name| is_region(name)) {
            Some(name) => Ok(Self::Named(name.into())),
            None => Ok(Self::Detected(Box::new(Detector::new(around)?))),
        }
    }

    /// The region, where there is one and it can be found.
    pub(crate) async fn name(&self) -> Option<Arc<str>> {
        match self {
            Self::Global => None,
            Self::Named(region) => Some(Arc::from(&**region)),
            Self::Detected(detector) => detector.region().await,
        }
    }

    /// The regional form of an endpoint, as far as the region is known without asking.
    pub(crate) fn known(&self, authority: &Authority, endpoint: &Url) -> Option<Url> {
        match self {
            Self::Global => None,
            Self::Named(region) => regional(authority, endpoint, region),
            Self::Detected(detector) => regional(authority, endpoint, &detector.known()?),
        }
    }
}

/// A region becomes a label of a host name, so nothing else is let in.
pub(crate) fn is_region(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The form of an endpoint that takes client certificates, of this region where one is said.
/// <https://learn.microsoft.com/entra/msal/dotnet/advanced/mtls-pop>
///
/// # Errors
/// Where the authority has none.
pub(crate) fn mtls(
    authority: &Authority,
    endpoint: &Url,
    region: Option<&str>,
) -> Result<Url, Misconfigured> {
    let none = |what: String| {
        Misconfigured::new(what)
            .hint("bound tokens are issued by Entra's own login hosts; name one as Instance")
    };
    let mut endpoint = endpoint.clone();
    match authority.kind() {
        // The same endpoint takes certificates.
        AuthorityKind::Dsts => return Ok(endpoint),
        AuthorityKind::Aad if is_this_machine(&endpoint) => return Ok(endpoint),
        AuthorityKind::Aad => {}
        kind => return Err(none(format!("{kind} issues no tokens that are bound to certificates"))),
    }
    let host = authority.host();
    let taking = match authority.cloud() {
        // Older names have no such host beside them.
        Some(Cloud::China | Cloud::UsGovernment) if !is_current(host) => None,
        Some(cloud) if host.starts_with("login.") => Some(cloud.mtls_host().to_owned()),
        Some(_) => None,
        None => host.strip_prefix("login.").map(|rest| format!("mtlsauth.{rest}")),
    };
    let Some(taking) = taking else {
        return Err(none(format!("there is no endpoint for client certificates beside {host}")));
    };
    let host = region.map_or(taking.clone(), |region| format!("{region}.{taking}"));
    let set = endpoint.set_host(Some(&host));
    set.map_err(|error| none(format!("{host} is no host")).with_source(error))?;
    Ok(endpoint)
}

fn is_current(host: &str) -> bool {
    Cloud::ALL.iter().any(|cloud| cloud.login_host().eq_ignore_ascii_case(host))
}

/// The regional form of an endpoint; nothing where there is none.
pub(crate) fn regional(authority: &Authority, endpoint: &Url, region: &str) -> Option<Url> {
    if is_this_machine(endpoint) {
        return None;
    }
    let host = authority.cloud().map_or(authority.host(), |cloud| cloud.regional_host());
    let mut endpoint = endpoint.clone();
    endpoint.set_host(Some(&format!("{region}.{host}"))).ok()?;
    Some(endpoint)
}

#[cfg(test)]
mod tests;
