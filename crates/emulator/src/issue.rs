//! Makes tokens: the claims that Entra puts into access tokens (v1 and v2) and id tokens, signed.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::unix;
use crate::directory::{App, Tenant, User};
use crate::jwt;
use crate::origin::{Origin, issuer_v1};
use crate::session::random;
use crate::user_flow::UserFlow;

/// How a client proved itself; tokens say so in `azpacr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Nothing,
    Secret,
    Assertion,
}

/// Whom a token speaks for.
pub(crate) enum Subject<'a> {
    User {
        user: &'a User,
        permissions: &'a [String],
        contexts: &'a [String],
    },
    App {
        roles: &'a [String],
    },
    /// A blueprint, on its way to become one of its agents.
    Path {
        path: &'a str,
    },
}

/// Everything an access token says.
pub(crate) struct AccessToken<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) resource: &'a App,
    /// The resource as the client wrote it.
    pub(crate) written: &'a str,
    pub(crate) client: &'a App,
    pub(crate) blueprint: Option<&'a App>,
    pub(crate) proof: Proof,
    pub(crate) subject: Subject<'a>,
    /// `xms_cc`: what the client said it can do.
    pub(crate) capabilities: Vec<Value>,
    pub(crate) lifetime: Duration,
}

impl AccessToken<'_> {
    pub(crate) fn claims(&self, origin: &Origin, now: SystemTime) -> Map<String, Value> {
        let v1 = self.resource.access_token_version == 1 && origin.user_flow().is_none();
        let mut claims = times(now, self.lifetime);
        put(&mut claims, "aud", self.audience(v1));
        put(&mut claims, "iss", if v1 { issuer_v1(&self.tenant.id) } else { origin.issuer(&self.tenant.id) });
        put(&mut claims, if v1 { "appid" } else { "azp" }, self.client.client_id.as_str());
        put(&mut claims, if v1 { "appidacr" } else { "azpacr" }, self.proof.class());
        put(&mut claims, "aio", jwt::encode(random::<32>()));
        put(&mut claims, "rh", format!("1.{}.", jwt::encode(random::<24>())));
        put(&mut claims, "tid", self.tenant.id.as_str());
        put(&mut claims, "uti", jwt::encode(random::<16>()));
        put(&mut claims, "ver", if v1 { "1.0" } else { "2.0" });
        put(&mut claims, "xms_ftd", jwt::encode(random::<32>()));
        if v1 {
            put(&mut claims, "idp", issuer_v1(&self.tenant.id));
        }
        match &self.subject {
            Subject::User { user, permissions, contexts } => {
                user_claims(&mut claims, user, self.resource, v1);
                put(&mut claims, "scp", permissions.join(" "));
                if !contexts.is_empty() {
                    put(&mut claims, "acrs", json!(contexts));
                }
            }
            Subject::App { roles } => {
                put(&mut claims, "oid", self.client.object_id());
                put(&mut claims, "sub", self.client.object_id());
                put(&mut claims, "idtyp", "app");
                if !roles.is_empty() {
                    put(&mut claims, "roles", json!(roles));
                }
            }
            Subject::Path { path } => {
                put(&mut claims, "oid", self.client.object_id());
                put(&mut claims, "sub", path_subject(&self.tenant.id, &self.client.client_id, path));
                put(&mut claims, "idtyp", "app");
            }
        }
        if !self.capabilities.is_empty() {
            put(&mut claims, "xms_cc", json!(self.capabilities));
        }
        if let Some(blueprint) = self.blueprint {
            self.agent_claims(&mut claims, blueprint);
        }
        if let (Some(user_flow), Subject::User { user, .. }) = (origin.user_flow(), &self.subject) {
            user_flow_claims(&mut claims, user_flow, user);
        }
        claims
    }

    /// v1: the identifier as asked, so that clients that compare find what they wrote. v2: always the client id.
    fn audience(&self, v1: bool) -> String {
        match self.resource.id_uris.first() {
            Some(first) if v1 && self.written.is_empty() => first.clone(),
            _ if v1 => self.written.to_owned(),
            _ => self.resource.client_id.clone(),
        }
    }

    /// Facets are numbers in any order: 11 is an agent identity, 13 an agent's user.
    /// <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-token-claims>
    fn agent_claims(&self, claims: &mut Map<String, Value>, blueprint: &App) {
        put(claims, "xms_par_app_azp", blueprint.client_id.as_str());
        put(claims, "xms_act_fct", "3 9 11");
        put(claims, "xms_tnt_fct", "3 9");
        let subject = match &self.subject {
            Subject::User { user, .. } if user.agent.is_some() => "13 9 3",
            Subject::User { .. } => "3 9",
            Subject::App { .. } | Subject::Path { .. } => "9 3 11",
        };
        put(claims, "xms_sub_fct", subject);
    }
}

/// An id token for the client itself.
pub(crate) fn id_token_claims(
    origin: &Origin,
    now: SystemTime,
    lifetime: Duration,
    (tenant, client, user): (&Tenant, &App, &User),
    nonce: Option<&str>,
) -> Map<String, Value> {
    let mut claims = times(now, lifetime);
    put(&mut claims, "aud", client.client_id.as_str());
    put(&mut claims, "iss", origin.issuer(&tenant.id));
    put(&mut claims, "tid", tenant.id.as_str());
    put(&mut claims, "uti", jwt::encode(random::<16>()));
    put(&mut claims, "rh", format!("1.{}.", jwt::encode(random::<24>())));
    put(&mut claims, "ver", "2.0");
    user_claims(&mut claims, user, client, false);
    if let Some(user_flow) = origin.user_flow() {
        user_flow_claims(&mut claims, user_flow, user);
    }
    if let Some(nonce) = nonce {
        put(&mut claims, "nonce", nonce);
    }
    claims
}

/// `client_info`: where the account's id comes from.
pub(crate) fn client_info(user: &User, tenant: &Tenant) -> String {
    jwt::encode(json!({ "uid": user.object_id, "utid": tenant.id }).to_string())
}

/// The subject of a blueprint's token for one of its agents: tenant and blueprint as 16 bytes each, then the path.
pub(crate) fn path_subject(tenant_id: &str, blueprint: &str, path: &str) -> String {
    let short =
        |id: &str| Uuid::parse_str(id).map_or_else(|_| id.to_owned(), |id| jwt::encode(id.to_bytes_le()));
    format!("/eid1/c/pub/t/{}/a/{}/{path}", short(tenant_id), short(blueprint))
}

impl Proof {
    fn class(self) -> &'static str {
        match self {
            Self::Nothing => "0",
            Self::Secret => "1",
            Self::Assertion => "2",
        }
    }
}

fn user_claims(claims: &mut Map<String, Value>, user: &User, audience: &App, v1: bool) {
    put(claims, "oid", user.object_id.as_str());
    put(claims, "sub", pairwise(user, audience));
    put(claims, "name", user.display_name.as_str());
    if v1 {
        put(claims, "upn", user.upn.as_str());
        put(claims, "unique_name", user.upn.as_str());
        put(claims, "amr", json!(["pwd"]));
        put(claims, "acr", "1");
    } else {
        put(claims, "preferred_username", user.upn.as_str());
    }
}

/// A user flow says how its user came in, calls its tokens 1.0, and leaves out what workforce tenants say, `tid` too.
fn user_flow_claims(claims: &mut Map<String, Value>, user_flow: &UserFlow, user: &User) {
    for name in ["aio", "azpacr", "preferred_username", "rh", "tid", "uti", "xms_ftd"] {
        claims.remove(name);
    }
    put(claims, "emails", json!([user.upn]));
    put(claims, "sub", user.object_id.as_str());
    put(claims, "tfp", user_flow.policy.as_str());
    put(claims, "ver", "1.0");
}

/// A user's `sub` differs from application to application.
fn pairwise(user: &User, app: &App) -> String {
    jwt::encode(digest(&SHA256, format!("{} {}", user.object_id, app.client_id).as_bytes()))
}

/// Entra dates its tokens five minutes back, so that a resource whose clock is behind takes them.
fn times(now: SystemTime, lifetime: Duration) -> Map<String, Value> {
    let now = unix(now);
    let end = now.saturating_add_unsigned(lifetime.as_secs());
    let mut claims = Map::new();
    put(&mut claims, "iat", now - BACKDATED);
    put(&mut claims, "nbf", now - BACKDATED);
    put(&mut claims, "exp", end);
    claims
}

fn put(claims: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    claims.insert(name.to_owned(), value.into());
}

const BACKDATED: i64 = 300;
