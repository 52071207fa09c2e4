//! Who issues the tokens: a host, what kind of authority it is, and a tenant. Pure: it is parsed and
//! checked here, reached elsewhere.

mod configured;
mod safe;
#[cfg(test)]
mod tests;
mod written;

use std::fmt;

use url::Url;

use crate::{Cloud, Misconfigured, TenantId};

pub use safe::{is_safe, is_this_machine, safe_url};
use written::{Path, Written};

/// The authority of an application: the host that issues tokens, of what kind it is, and the
/// configured tenant.
///
/// ```
/// use entra_abstractions::{Authority, AuthorityKind, TenantId};
///
/// let authority = Authority::new("https://login.microsoftonline.com", TenantId::new("contoso.example")?)?;
/// assert_eq!(
///     authority.token_endpoint(authority.tenant()).map(|url| url.to_string()).as_deref(),
///     Some("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token")
/// );
///
/// let authority = Authority::parse("https://contoso.ciamlogin.com")?;
/// assert_eq!(authority.kind(), AuthorityKind::Ciam);
/// assert_eq!(authority.tenant().as_str(), "contoso.onmicrosoft.com");
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Scheme, host and port.
    instance: Url,
    tenant: TenantId,
    shape: Shape,
}

/// What follows from the kind, and must be known beside host and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Aad,
    /// Its metadata are found with `tfp` in the path or without, and differ in the issuer.
    B2c {
        policy: String,
        has_tfp: bool,
    },
    Ciam,
    Adfs,
    Dsts,
    /// The provider's own URL, whole.
    Oidc(Url),
}

/// The kinds of authority, each with endpoints and tenants of its own.
#[expect(clippy::exhaustive_enums, reason = "whoever decides by kind must decide for each")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthorityKind {
    /// A workforce tenant of Entra, in any cloud.
    Aad,
    /// Azure AD B2C: a tenant and a user flow.
    B2c,
    /// Entra External ID.
    Ciam,
    /// Active Directory Federation Services, without tenants.
    Adfs,
    /// The token service of Azure's own data centres.
    Dsts,
    /// Any other OpenID provider: its endpoints are discovered.
    Oidc,
}

impl Authority {
    /// The authority of an instance and a tenant, as `Instance` and `TenantId` name them.
    ///
    /// # Errors
    /// [`Misconfigured`] when the instance is not an `https` URL of a host alone, or of a host and
    /// `/adfs` or `/dstsv2`. Plain `http` is allowed for loopback, where a test's Entra lives.
    pub fn new(instance: &str, tenant: TenantId) -> Result<Self, Misconfigured> {
        let written = Written::instance(instance)?;
        Self::from_parts(written, Some(tenant), None)
    }

    /// The authority that a single URL names, such as
    /// `https://login.microsoftonline.com/contoso.example/v2.0`.
    ///
    /// The first segment of the path tells the kind: `adfs`, `dstsv2`, `tfp` (B2C), or a tenant. On
    /// a host that is not Entra's, a path that names no tenant is that of an OpenID provider.
    ///
    /// # Errors
    /// [`Misconfigured`] as [`new`](Self::new), and when the URL lacks a tenant or user flow.
    #[doc(alias = "WithAuthority")]
    pub fn parse(authority: &str) -> Result<Self, Misconfigured> {
        Self::from_parts(Written::authority(authority)?, None, None)
    }

    /// An OpenID provider whose endpoints are discovered below this URL, whatever its path looks
    /// like.
    ///
    /// # Errors
    /// [`Misconfigured`] when secrets must not be sent there.
    #[doc(alias = "WithOidcAuthority")]
    pub fn discovered(url: &str) -> Result<Self, Misconfigured> {
        Self::of_provider(safe_url(url, "the issuer's own, https://idp.example/realm")?)
    }

    /// A provider has no tenants: its host stands in the place of one.
    fn of_provider(mut url: Url) -> Result<Self, Misconfigured> {
        url.set_fragment(None);
        if url.query() == Some("") {
            // A question mark alone says nothing, and would make another provider of the same one.
            url.set_query(None);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let mut instance = url.clone();
        instance.set_path("/");
        instance.set_query(None);
        let tenant = TenantId::new(url.host_str().unwrap_or_default().trim_matches(['[', ']']))?;
        Ok(Self { instance, tenant, shape: Shape::Oidc(url) })
    }

    /// Puts together what was written in one key or in several.
    fn from_parts(
        written: Written,
        tenant: Option<TenantId>,
        policy: Option<String>,
    ) -> Result<Self, Misconfigured> {
        let Written { instance, path, url } = written;
        let (tenant_written, shape) = match (path, policy) {
            (Path::Oidc, None) => return Self::of_provider(url),
            (Path::Adfs, None) => (Some(TenantId::new("adfs")?), Shape::Adfs),
            (Path::Dsts(tenant), None) => (tenant, Shape::Dsts),
            (Path::Tenant(tenant), None) if written::is_ciam(&instance) => (tenant, Shape::Ciam),
            (Path::Tenant(tenant), None) => (tenant, Shape::Aad),
            (Path::UserFlow { tenant, policy, has_tfp }, _) => (Some(tenant), Shape::B2c { policy, has_tfp }),
            (Path::Tfp, Some(policy)) => (None, Shape::B2c { policy, has_tfp: true }),
            (Path::Tenant(tenant), Some(policy)) if !written::is_ciam(&instance) => {
                (tenant, Shape::B2c { policy, has_tfp: false })
            }
            (Path::Tfp, None) => return Err(written::no_user_flow()),
            (Path::Tenant(_) | Path::Oidc | Path::Adfs | Path::Dsts(_), Some(_)) => {
                return Err(Misconfigured::new(
                    "not an authority of Azure AD B2C, though a user flow is named",
                )
                .hint("such as https://contoso.b2clogin.com/, with Domain and SignUpSignInPolicyId"));
            }
        };
        // What the path names wins: ADFS has no tenant, and a user flow stands below its own.
        let tenant = match tenant_written.or(tenant) {
            None if shape == Shape::Ciam => Some(written::inferred_tenant(&instance)?),
            tenant => tenant,
        };
        let tenant = tenant.ok_or_else(|| {
            Misconfigured::new("the authority names no tenant").hint(match shape {
                Shape::Dsts => "write it as https://{host}/dstsv2/{tenant}",
                _ => "write it as https://login.microsoftonline.com/{tenant}/v2.0",
            })
        })?;
        if shape == Shape::Aad && tenant.as_str().eq_ignore_ascii_case("adfs") {
            return Ok(Self { instance, tenant, shape: Shape::Adfs });
        }
        if shape == Shape::Aad && written::is_b2c(&instance) {
            return Err(written::no_user_flow());
        }
        Ok(Self { instance, tenant, shape })
    }

    /// What kind of authority it is.
    pub fn kind(&self) -> AuthorityKind {
        match self.shape {
            Shape::Aad => AuthorityKind::Aad,
            Shape::B2c { .. } => AuthorityKind::B2c,
            Shape::Ciam => AuthorityKind::Ciam,
            Shape::Adfs => AuthorityKind::Adfs,
            Shape::Dsts => AuthorityKind::Dsts,
            Shape::Oidc(_) => AuthorityKind::Oidc,
        }
    }

    /// The instance: scheme, host and port.
    pub fn instance(&self) -> &Url {
        &self.instance
    }

    /// The host, as it may stand in logs.
    pub fn host(&self) -> &str {
        self.instance.host_str().unwrap_or_default()
    }

    /// The cloud that the host belongs to, where it is one of those known by heart.
    pub fn cloud(&self) -> Option<Cloud> {
        Cloud::of_host(self.host())
    }

    /// The configured tenant. Where the kind [has none](Self::has_tenants), a name that stands in
    /// its place.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Whether a request may name another tenant: ADFS and other providers have none, and in B2C
    /// it belongs to the user flow.
    pub fn has_tenants(&self) -> bool {
        matches!(self.shape, Shape::Aad | Shape::Ciam | Shape::Dsts)
    }

    /// The user flow of B2C.
    #[doc(alias = "Domain")]
    #[doc(alias = "SignUpSignInPolicyId")]
    #[doc(alias = "DefaultUserFlow")]
    pub fn policy(&self) -> Option<&str> {
        match &self.shape {
            Shape::B2c { policy, .. } => Some(policy),
            _ => None,
        }
    }

    /// Where tokens of a tenant are issued; nothing where it must be discovered.
    pub fn token_endpoint(&self, tenant: &TenantId) -> Option<Url> {
        self.endpoint(tenant, "token")
    }

    /// Where users of a tenant sign in; nothing where it must be discovered.
    pub fn authorize_endpoint(&self, tenant: &TenantId) -> Option<Url> {
        self.endpoint(tenant, "authorize")
    }

    fn endpoint(&self, tenant: &TenantId, name: &str) -> Option<Url> {
        Some(self.at(&match &self.shape {
            Shape::Aad | Shape::Ciam => format!("/{tenant}/oauth2/v2.0/{name}"),
            // .NET asks with `tfp`, however the instance is written.
            Shape::B2c { policy, .. } => format!("/tfp/{}/{policy}/oauth2/v2.0/{name}", self.tenant),
            Shape::Adfs => format!("/adfs/oauth2/{name}"),
            Shape::Dsts => format!("/dstsv2/{tenant}/oauth2/v2.0/{name}"),
            Shape::Oidc(_) => return None,
        }))
    }

    /// Where a tenant's metadata are, of version 2.0 where there are several.
    pub fn metadata_endpoint(&self, tenant: &TenantId) -> Url {
        const DOCUMENT: &str = ".well-known/openid-configuration";
        self.at(&match &self.shape {
            Shape::Aad | Shape::Ciam => format!("/{tenant}/v2.0/{DOCUMENT}"),
            Shape::B2c { policy, has_tfp } => {
                let tfp = if *has_tfp { "/tfp" } else { "" };
                format!("{tfp}/{}/{policy}/v2.0/{DOCUMENT}", self.tenant)
            }
            Shape::Adfs => format!("/adfs/{DOCUMENT}"),
            Shape::Dsts => format!("/dstsv2/{tenant}/v2.0/{DOCUMENT}"),
            Shape::Oidc(url) => {
                let mut document = url.clone();
                document.set_path(&format!("{}/{DOCUMENT}", url.path().trim_end_matches('/')));
                return document;
            }
        })
    }

    /// Where the metadata are that tell the issuer of a tenant's tokens of version 1.0.
    pub fn metadata_endpoint_v1(&self, tenant: &TenantId) -> Option<Url> {
        matches!(self.shape, Shape::Aad | Shape::Ciam)
            .then(|| self.at(&format!("/{tenant}/.well-known/openid-configuration")))
    }

    /// What the authority calls itself, as far as that is known before it is asked: the same for
    /// every alias of a cloud's host, another for each user flow and provider. Tokens are kept
    /// under it.
    pub fn canonical(&self) -> String {
        let mut canonical = match &self.shape {
            Shape::Aad | Shape::Ciam => self.instance.clone(),
            Shape::B2c { policy, .. } => self.at(&format!("/tfp/{}/{policy}/", self.tenant)),
            Shape::Adfs => self.at("/adfs/"),
            Shape::Dsts => self.at("/dstsv2/"),
            Shape::Oidc(url) => url.clone(),
        };
        if let (Some(cloud), None) = (self.cloud(), canonical.port()) {
            // The host of a cloud is a host; nothing else can be wrong with it.
            let _ = canonical.set_host(Some(cloud.login_host()));
        }
        canonical.into()
    }

    /// The provider's URL as it was written, where endpoints are discovered.
    pub fn provider(&self) -> Option<&Url> {
        match &self.shape {
            Shape::Oidc(url) => Some(url),
            _ => None,
        }
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.instance.clone();
        url.set_path(path);
        url
    }
}

impl fmt::Display for AuthorityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aad => "Entra ID",
            Self::B2c => "Azure AD B2C",
            Self::Ciam => "Entra External ID",
            Self::Adfs => "AD FS",
            Self::Dsts => "dSTS",
            Self::Oidc => "an OpenID provider",
        })
    }
}
