//! The token of a managed identity: found in the directory, signed by Entra's key.

use std::time::Duration;

use serde_json::Value;

use super::Denied;
use crate::clock::unix;
use crate::directory::{Directory, Named};
use crate::exchange::Exchange;
use crate::issue::{AccessToken, Proof, Subject};
use crate::jwt;
use crate::realm::Realm;
use crate::scope;

/// A token, and what the hosts say of it.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) resource: String,
    pub(super) client_id: String,
    pub(super) since: i64,
    pub(super) lifetime: u64,
}

impl Issued {
    /// Seconds since 1970.
    pub(super) fn ends_at(&self) -> i64 {
        self.since.saturating_add_unsigned(self.lifetime)
    }
}

/// Issues a token for the resource that the request names.
pub(super) fn issue(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    named: &Named<'_>,
    capabilities: Vec<Value>,
) -> Result<Issued, Denied> {
    let resource = exchange
        .query
        .get("resource")
        .or_else(|| exchange.form.get("resource"))
        .ok_or_else(|| Denied::bad("Required query variable 'resource' is missing."))?;
    let app = directory.managed_identity(named).ok_or_else(|| Denied::bad("Identity not found."))?;
    let tenant = app.tenants.first().and_then(|home| directory.tenant(home)).or(directory.tenants.first());
    let tenant = tenant.ok_or_else(|| Denied::bad("Identity not found."))?;
    let asked = scope::read(&format!("{resource}/.default"), directory, tenant)
        .map_err(|refusal| Denied::bad(format!("AADSTS{}: the resource is unknown.", refusal.number())))?;
    let roles = directory.assigned_roles(app, asked.resource);
    let lifetime = directory.lifetimes.managed_identity;
    let token = AccessToken {
        tenant,
        resource: asked.resource,
        written: &asked.written,
        client: app,
        blueprint: None,
        proof: Proof::Assertion,
        subject: Subject::App { roles: &roles },
        capabilities,
        lifetime: Duration::from_secs(lifetime),
    };
    let claims = token.claims(&exchange.origin, exchange.now);
    let key = realm.keys.lock().current();
    Ok(Issued {
        token: jwt::sign(&key, &claims),
        resource: resource.to_owned(),
        client_id: app.client_id.clone(),
        since: unix(exchange.now),
        lifetime,
    })
}
