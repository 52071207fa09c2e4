//! Takes a URL apart that names an authority or an instance: the host, and what its path says.

use url::Url;

use super::safe_url;
use crate::{Cloud, Misconfigured, TenantId, is_guid};

/// A URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Scheme, host and port.
    pub(super) instance: Url,
    pub(super) path: Path,
    /// As it was written.
    pub(super) url: Url,
}

/// What the path of the URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// A tenant, or nothing.
    Tenant(Option<TenantId>),
    UserFlow {
        tenant: TenantId,
        policy: String,
        has_tfp: bool,
    },
    /// An instance of B2C whose issuer is written with `tfp`.
    Tfp,
    Adfs,
    Dsts(Option<TenantId>),
    /// Nothing of Entra's.
    Oidc,
}

impl Written {
    /// A URL that names the authority whole, as `Authority` does.
    pub(super) fn authority(text: &str) -> Result<Self, Misconfigured> {
        let url = parse(text)?;
        let segments = segments(&url);
        let version = |rest: &[&str]| matches!(rest, [] | ["v2.0" | "V2.0"]);
        let path = match segments.as_slice() {
            [first, ..] if first.eq_ignore_ascii_case("adfs") => Path::Adfs,
            [first, rest @ ..] if first.eq_ignore_ascii_case("dstsv2") => {
                Path::Dsts(rest.first().map(TenantId::new).transpose()?)
            }
            [first, tenant, policy, ..] if first.eq_ignore_ascii_case("tfp") => {
                Path::user_flow(tenant, policy, true)?
            }
            [first, ..] if first.eq_ignore_ascii_case("tfp") => return Err(no_user_flow()),
            [tenant, policy, ..] if is_b2c(&url) || is_policy_by_name(policy) => {
                Path::user_flow(tenant, policy, false)?
            }
            [tenant, rest @ ..] if is_entras(&url) || (version(rest) && is_tenant_by_name(tenant)) => {
                Path::Tenant(Some(TenantId::new(tenant)?))
            }
            [] if is_entras(&url) => Path::Tenant(None),
            _ => Path::Oidc,
        };
        Ok(Self { instance: instance_of(&url), path, url })
    }

    /// A URL that names the host, as `Instance` does; the tenant stands elsewhere.
    pub(super) fn instance(text: &str) -> Result<Self, Misconfigured> {
        let url = parse(text)?;
        let path = match segments(&url).as_slice() {
            [] => Path::Tenant(None),
            [only] if only.eq_ignore_ascii_case("adfs") => Path::Adfs,
            [only] if only.eq_ignore_ascii_case("dstsv2") => Path::Dsts(None),
            [only] if only.eq_ignore_ascii_case("tfp") => Path::Tfp,
            _ => {
                return Err(Misconfigured::new("the instance has a path").hint(
                    "give the host alone, such as https://login.microsoftonline.com/, and the tenant as TenantId",
                ));
            }
        };
        // It would go along to every endpoint.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Misconfigured::new("the instance has a query or a fragment")
                .hint("give the host alone, and parameters as ExtraQueryParameters"));
        }
        Ok(Self { instance: instance_of(&url), path, url })
    }

    /// Whether the path begins with this tenant.
    pub(super) fn begins_with(&self, tenant: &TenantId) -> bool {
        segments(&self.url).first().is_some_and(|first| first.eq_ignore_ascii_case(tenant.as_str()))
    }

    /// Whether both lead to the same host; names of one cloud do.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        let cloud = |written: &Self| match written.instance.port() {
            None => Cloud::of_host(written.instance.host_str().unwrap_or_default()),
            Some(_) => None,
        };
        self.instance == other.instance || cloud(self).is_some_and(|own| Some(own) == cloud(other))
    }
}

impl Path {
    fn user_flow(tenant: &str, policy: &str, has_tfp: bool) -> Result<Self, Misconfigured> {
        Ok(Self::UserFlow { tenant: TenantId::new(tenant)?, policy: check_policy(policy)?, has_tfp })
    }
}

/// The name of a user flow becomes a segment of a path, so nothing else is let in.
pub(super) fn check_policy(policy: &str) -> Result<String, Misconfigured> {
    let policy = policy.trim();
    let is_one = (1..=128).contains(&policy.len())
        && policy.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && policy.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && !crate::section::is_placeholder(policy);
    if is_one {
        return Ok(policy.to_owned());
    }
    Err(Misconfigured::new("not the name of a user flow").hint("such as B2C_1_susi"))
}

pub(super) fn no_user_flow() -> Misconfigured {
    Misconfigured::new("an authority of Azure AD B2C without a user flow")
        .hint("set Domain and SignUpSignInPolicyId, such as B2C_1_susi")
}

pub(super) fn is_ciam(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.ends_with(".ciamlogin.com"))
}

pub(super) fn is_b2c(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.ends_with(".b2clogin.com"))
}

/// The tenant that an external id's host is named after.
pub(super) fn inferred_tenant(instance: &Url) -> Result<TenantId, Misconfigured> {
    let host = instance.host_str().unwrap_or_default();
    match host.split('.').next() {
        Some(name) if !name.is_empty() => TenantId::new(format!("{name}.onmicrosoft.com")),
        _ => {
            Err(Misconfigured::new("the host names no tenant").hint("such as https://contoso.ciamlogin.com/"))
        }
    }
}

/// Whether the host itself says that it is Entra's.
fn is_entras(url: &Url) -> bool {
    is_ciam(url) || is_b2c(url) || url.host_str().is_some_and(|host| Cloud::of_host(host).is_some())
}

/// Whether nothing but a tenant of Entra is called so: a GUID, a domain, or one of the shared names.
fn is_tenant_by_name(segment: &str) -> bool {
    let is_shared =
        ["common", "organizations", "consumers"].iter().any(|name| name.eq_ignore_ascii_case(segment));
    let is_domain = segment.rsplit_once('.').is_some_and(|(name, top)| {
        !name.is_empty() && top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    is_shared || is_guid(segment) || is_domain
}

fn is_policy_by_name(segment: &str) -> bool {
    segment
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("b2c_1_") || start.eq_ignore_ascii_case("b2c_1a"))
}

fn segments(url: &Url) -> Vec<&str> {
    url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).collect()
}

fn instance_of(url: &Url) -> Url {
    let mut instance = url.clone();
    instance.set_path("/");
    instance.set_query(None);
    instance.set_fragment(None);
    instance
}

fn parse(text: &str) -> Result<Url, Misconfigured> {
    safe_url(text, "https://login.microsoftonline.com/")
}
