//! What a token must say to be one for this API. Pure: no clock, no network, no signature.

use std::borrow::Cow;

use entra_abstractions::{ClientId, is_guid};

use crate::{
    Flaw,
    json::{Item, Members},
    metadata::Metadata,
};

/// The rules of one API, read from its configuration.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) audience: Audience,
    pub(crate) tenancy: Tenancy,
    /// Only tokens of these issuers, out of those that the authority has.
    pub(crate) issuers: Option<Vec<String>>,
    pub(crate) checks_issuer: bool,
    pub(crate) is_open_to_acl: bool,
    pub(crate) maps_claims: bool,
}

/// Whom a token must be for.
#[derive(Debug)]
pub(crate) enum Audience {
    /// The client id in v2.0 tokens, and behind `api://` in v1.0 ones.
    ByVersion { v2: String, v1: String },
    /// One of these, whatever the version.
    OneOf(Vec<String>),
}

impl Audience {
    pub(crate) fn of_client(client: &ClientId) -> Self {
        Self::ByVersion { v2: client.to_string(), v1: format!("api://{client}") }
    }

    /// The first one given takes the place of those that follow from the client id.
    pub(crate) fn add(&mut self, audience: String) {
        match self {
            Self::OneOf(known) => known.push(audience),
            Self::ByVersion { .. } => *self = Self::OneOf(vec![audience]),
        }
    }
}

/// Whose tokens an authority issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// One tenant's.
    Single,
    /// Every work or school tenant's, and not the tenant of personal accounts.
    Organizations,
    /// Everybody's.
    Everybody,
}

/// Five minutes, as .NET.
const SKEW: i64 = 300;

/// The tenant of personal Microsoft accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Where scopes and roles stand: Entra's names, and those that .NET maps them to.
const SCOPES: [&str; 2] = ["scp", "http://schemas.microsoft.com/identity/claims/scope"];
const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

impl Rules {
    /// What can be said before the key is known, so that nobody makes us fetch keys for a token
    /// that would be refused anyway.
    pub(crate) fn precheck(&self, claims: &Members<'_>, now: i64) -> Result<(), Flaw> {
        check_lifetime(claims, now)?;
        self.check_audience(claims)
    }

    /// Everything, for a token whose signature is good.
    pub(crate) fn check(
        &self,
        claims: &Members<'_>,
        key_issuer: Option<&str>,
        metadata: &Metadata,
        now: i64,
    ) -> Result<Granted, Flaw> {
        self.check_issuer(claims, key_issuer, metadata)?;
        check_lifetime(claims, now)?;
        self.check_audience(claims)?;
        let is_odd = |name: &&str| claims.has(name) && claims.text(name).is_none();
        if ["sub", "azp", "jti"].iter().any(is_odd) {
            return Err(Flaw::Malformed("a claim that must be a text is none"));
        }
        if ["nonce", "at_hash", "c_hash"].into_iter().any(|name| claims.has(name)) {
            return Err(Flaw::IdToken);
        }
        let granted = self.granted(claims);
        // Unlike .NET, for which an empty or null claim will do.
        if granted.is_nothing() && !self.is_open_to_acl {
            return Err(Flaw::NoPermission);
        }
        Ok(granted)
    }

    fn check_audience(&self, claims: &Members<'_>) -> Result<(), Flaw> {
        let one = |item: &Item<'_>| match item {
            Item::Text(text) => Some(self.is_for_us(text, claims)),
            _ => None,
        };
        let is_ours = match claims.get("aud") {
            Some(Item::List(items)) => {
                items.iter().map(one).collect::<Option<Vec<_>>>().map(|all| all.contains(&true))
            }
            Some(item) => one(item),
            None => None,
        };
        if is_ours == Some(true) { Ok(()) } else { Err(Flaw::Audience) }
    }

    fn is_for_us(&self, audience: &str, claims: &Members<'_>) -> bool {
        match &self.audience {
            Audience::OneOf(known) => known.iter().any(|known| is_same_resource(known, audience)),
            Audience::ByVersion { v2, v1 } => match claims.text("ver") {
                Some("2.0") => is_same_resource(v2, audience),
                Some("1.0") => is_same_resource(v1, audience),
                _ => false,
            },
        }
    }

    fn check_issuer(
        &self,
        claims: &Members<'_>,
        key_issuer: Option<&str>,
        metadata: &Metadata,
    ) -> Result<(), Flaw> {
        let issuer = claims.text("iss").ok_or(Flaw::Issuer)?;
        let tenant = claims.text("tid").filter(|tid| is_guid(tid)).ok_or(Flaw::Tenant)?;
        // `TID` beside `tid`: another reader might take the other one.
        if claims.has_another_spelling("tid") || !names_tenant(issuer, tenant) {
            return Err(Flaw::Tenant);
        }
        if self.tenancy == Tenancy::Organizations && tenant.eq_ignore_ascii_case(CONSUMERS) {
            return Err(Flaw::Tenant);
        }
        let expected = for_tenant(&metadata.issuer, tenant);
        if key_issuer.is_some_and(|template| for_tenant(template, tenant) != expected) {
            return Err(Flaw::KeyIssuer);
        }
        if !self.checks_issuer {
            return Ok(());
        }
        let is_authority = issuer == expected
            || metadata.issuer_v1.as_deref().is_some_and(|template| issuer == for_tenant(template, tenant));
        let is_listed = self
            .issuers
            .as_ref()
            .is_none_or(|issuers| issuers.iter().any(|template| issuer == for_tenant(template, tenant)));
        if is_authority && is_listed { Ok(()) } else { Err(Flaw::Issuer) }
    }

    fn granted(&self, claims: &Members<'_>) -> Granted {
        let all = |names: &[&str]| -> Vec<String> {
            let items = names.iter().filter_map(|name| claims.get(name));
            items.flat_map(Item::values).map(Cow::into_owned).collect()
        };
        let mut scopes = String::new();
        for scope in SCOPES.iter().filter_map(|name| claims.get(name)).flat_map(Item::values) {
            scopes.push_str(if scopes.is_empty() { "" } else { " " });
            scopes.push_str(&scope);
        }
        let (roles, identity_roles): (Vec<String>, _) = if self.maps_claims {
            (all(&["roles", "role", ROLE]), None)
        } else {
            (all(&["roles", ROLE]), Some(all(&[ROLE])))
        };
        Granted { scopes, roles, identity_roles }
    }
}

/// What a token entitles to.
#[derive(Debug)]
pub(crate) struct Granted {
    /// As they stand in the token: separated by blanks.
    pub(crate) scopes: String,
    pub(crate) roles: Vec<String>,
    /// Where claims are not mapped, .NET finds the roles of an identity under their long name only.
    pub(crate) identity_roles: Option<Vec<String>>,
}

impl Granted {
    fn is_nothing(&self) -> bool {
        let is_blank = |text: &str| text.trim().is_empty();
        is_blank(&self.scopes) && self.roles.iter().all(|role| is_blank(role))
    }
}

fn check_lifetime(claims: &Members<'_>, now: i64) -> Result<(), Flaw> {
    let time = |name: &str| match claims.get(name) {
        Some(item) => item.seconds().map(Some).ok_or(Flaw::Lifetime),
        None => Ok(None),
    };
    time("iat")?;
    let (begin, end) = (time("nbf")?, time("exp")?.ok_or(Flaw::Lifetime)?);
    if begin.is_some_and(|begin| begin > end) {
        return Err(Flaw::Lifetime);
    }
    if begin.is_some_and(|begin| begin > now.saturating_add(SKEW)) {
        return Err(Flaw::NotYetValid);
    }
    if end < now.saturating_sub(SKEW) { Err(Flaw::Expired) } else { Ok(()) }
}

/// The same but for one slash at the end, as .NET compares audiences.
fn is_same_resource(known: &str, audience: &str) -> bool {
    known == audience
        || known.strip_suffix('/').is_some_and(|known| known == audience)
        || audience.strip_suffix('/').is_some_and(|audience| known == audience)
}

/// Whether the issuer's first path segment is the tenant, letter by letter.
fn names_tenant(issuer: &str, tenant: &str) -> bool {
    let path = issuer.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    path.is_some_and(|(_, path)| path.split('/').next() == Some(tenant))
}

fn for_tenant<'t>(template: &'t str, tenant: &str) -> Cow<'t, str> {
    const PLACE: &str = "{tenantid}";
    if template.contains(PLACE) { template.replace(PLACE, tenant).into() } else { template.into() }
}

#[cfg(test)]
mod tests;
