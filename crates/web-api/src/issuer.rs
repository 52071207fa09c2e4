//! Whose token it is: issuer and tenant, and in Azure AD B2C the user flow, must be the authority's
//! own. Pure, as all rules.
//!
//! The issuer is compared letter by letter with the one in the authority's metadata; no part of it,
//! be it the host, is good by itself.

use std::borrow::Cow;

use entra_abstractions::{Authority, AuthorityKind, Misconfigured, TenantId, is_guid};

use crate::{Flaw, json::Members, metadata::Metadata};

/// The issuers whose tokens are good.
#[derive(Debug)]
pub(crate) struct Issuers {
    pub(crate) tenancy: Tenancy,
    /// Only these, out of those that the authority has.
    pub(crate) listed: Option<Vec<String>>,
    pub(crate) are_checked: bool,
}

/// Whose tokens an authority issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// One tenant's.
    Single,
    /// Every work or school tenant's, and not the tenant of personal accounts.
    Organizations,
    /// Everybody's.
    Everybody,
    /// Those of users of one B2C tenant who came through this user flow.
    UserFlow(String),
}

/// The tenant of personal Microsoft accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl Tenancy {
    /// Whose tokens this authority issues, where its APIs are protected here.
    pub(crate) fn of(authority: &Authority) -> Result<Self, Misconfigured> {
        let is = |name: &str| authority.tenant().as_str().eq_ignore_ascii_case(name);
        match (authority.kind(), authority.policy()) {
            (AuthorityKind::Aad, _) if is("organizations") => Ok(Self::Organizations),
            (AuthorityKind::Aad, _) if is("common") => Ok(Self::Everybody),
            (AuthorityKind::B2c, Some(user_flow)) => Ok(Self::UserFlow(user_flow.to_owned())),
            (AuthorityKind::Ciam, _) if ["organizations", "common", "consumers"].into_iter().any(is) => {
                Err(Misconfigured::new("an authority of Entra External ID has one tenant")
                    .hint("give its id as TenantId"))
            }
            (AuthorityKind::Aad | AuthorityKind::Ciam, _) => Ok(Self::Single),
            (kind, _) => Err(Misconfigured::new(format!("APIs of {kind} are not protected yet"))),
        }
    }

    fn is_of_many(&self) -> bool {
        matches!(self, Self::Organizations | Self::Everybody)
    }
}

impl Issuers {
    pub(crate) fn of(tenancy: Tenancy) -> Self {
        Self { tenancy, listed: None, are_checked: true }
    }

    /// The tenant of a token that the authority issued.
    pub(crate) fn check(
        &self,
        claims: &Members<'_>,
        key_issuer: Option<&str>,
        metadata: &Metadata,
    ) -> Result<TenantId, Flaw> {
        let issuer = claims.text("iss").ok_or(Flaw::Issuer)?;
        let tenant = self.tenant(claims, issuer).ok_or(Flaw::Tenant)?;
        if self.tenancy == Tenancy::Organizations && tenant.eq_ignore_ascii_case(CONSUMERS) {
            return Err(Flaw::Tenant);
        }
        let expected = self.own(&metadata.issuer, tenant);
        if key_issuer.is_some_and(|template| for_tenant(template, tenant) != expected) {
            return Err(Flaw::KeyIssuer);
        }
        let is_own = || {
            issuer == expected
                || metadata.issuer_v1.as_deref().is_some_and(|v1| issuer == self.own(v1, tenant))
        };
        let is_listed = || {
            let listed = self.listed.as_ref();
            listed.is_none_or(|listed| listed.iter().any(|listed| issuer == for_tenant(listed, tenant)))
        };
        if self.are_checked && !(is_own() && is_listed()) {
            return Err(Flaw::Issuer);
        }
        TenantId::new(tenant).ok().ok_or(Flaw::Tenant)
    }

    /// User flows of a tenant may sign with the same keys, under the same issuer: then only the
    /// token itself can say how its user came in. Applications come through none.
    // Unlike .NET, which does not look at it.
    pub(crate) fn check_user_flow(&self, claims: &Members<'_>, is_app: bool) -> Result<(), Flaw> {
        let Tenancy::UserFlow(own) = &self.tenancy else { return Ok(()) };
        let is_own = |user_flow: &str| user_flow.eq_ignore_ascii_case(own);
        let is_good = if claims.has("tfp") {
            claims.text("tfp").is_some_and(is_own)
        } else {
            let issuer = claims.text("iss").and_then(|issuer| self.named(issuer));
            // Older tenants say it in `acr`.
            is_app
                || issuer.and_then(|named| named.user_flow).is_some_and(is_own)
                || claims.text("acr").is_some_and(is_own)
        };
        if is_good { Ok(()) } else { Err(Flaw::UserFlow) }
    }

    /// The tenant of a token: what it says, and its issuer too.
    fn tenant<'t>(&self, claims: &'t Members<'_>, issuer: &'t str) -> Option<&'t str> {
        let named = self.named(issuer)?;
        // `TID` beside `tid`: another reader might take the other one.
        if claims.has_another_spelling("tid") {
            return None;
        }
        let says_it_by_the_issuer_alone = matches!(self.tenancy, Tenancy::UserFlow(_))
            // .NET wants both where the issuer names the user flow too.
            && named.user_flow.is_none()
            && !claims.has("tid");
        let tenant = if says_it_by_the_issuer_alone { named.tenant } else { claims.text("tid")? };
        (is_guid(tenant) && named.tenant == tenant).then_some(tenant)
    }

    fn named<'i>(&self, issuer: &'i str) -> Option<Named<'i>> {
        let (_, path) = issuer.split_once("://")?.1.split_once('/')?;
        let mut segments = path.split('/');
        match (&self.tenancy, segments.next()?) {
            (Tenancy::UserFlow(_), "tfp") => {
                Some(Named { tenant: segments.next()?, user_flow: Some(segments.next()?) })
            }
            (_, tenant) => Some(Named { tenant, user_flow: None }),
        }
    }

    /// An issuer as the metadata write it. Only those of many tenants are a template.
    fn own<'m>(&self, template: &'m str, tenant: &str) -> Cow<'m, str> {
        if self.tenancy.is_of_many() { for_tenant(template, tenant) } else { template.into() }
    }
}

/// What the path of an issuer names.
struct Named<'i> {
    tenant: &'i str,
    user_flow: Option<&'i str>,
}

fn for_tenant<'t>(template: &'t str, tenant: &str) -> Cow<'t, str> {
    const PLACE: &str = "{tenantid}";
    if template.contains(PLACE) { template.replace(PLACE, tenant).into() } else { template.into() }
}

#[cfg(test)]
mod tests;
