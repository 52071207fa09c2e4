//! What a token must say to be one for this API. Pure: no clock, no network, no signature.

use std::borrow::Cow;

use entra_abstractions::{ClientId, TenantId};

use crate::{
    Flaw,
    issuer::Issuers,
    json::{Item, Members},
    metadata::Metadata,
};

/// The rules of one API, read from its configuration.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) audience: Audience,
    pub(crate) issuers: Issuers,
    pub(crate) is_open_to_acl: bool,
    pub(crate) maps_claims: bool,
}

/// Whom a token must be for.
#[derive(Debug)]
pub(crate) enum Audience {
    /// The client id in v2.0 tokens, and behind `api://` in v1.0 ones.
    ByVersion { v2: String, v1: String },
    /// The client id in all of them: user flows write `1.0` into tokens of version 2.0.
    Client(String),
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
            Self::ByVersion { .. } | Self::Client(_) => *self = Self::OneOf(vec![audience]),
        }
    }
}

/// Five minutes, as .NET.
const SKEW: i64 = 300;

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
    ) -> Result<(TenantId, Granted), Flaw> {
        let tenant = self.issuers.check(claims, key_issuer, metadata)?;
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
        self.issuers.check_user_flow(claims, granted.is_app)?;
        Ok((tenant, granted))
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
            Audience::Client(client) => is_same_resource(client, audience),
            Audience::ByVersion { v2, v1 } => match claims.text("ver") {
                Some("2.0") => is_same_resource(v2, audience),
                Some("1.0") => is_same_resource(v1, audience),
                _ => false,
            },
        }
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
        let is_app = match claims.text("idtyp") {
            Some(kind) => kind.eq_ignore_ascii_case("app"),
            None => scopes.trim().is_empty(),
        };
        Granted { scopes, roles, identity_roles, is_app }
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
    /// Whether an application calls for itself.
    pub(crate) is_app: bool,
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

#[cfg(test)]
mod tests;
