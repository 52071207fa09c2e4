//! What every grant for a user ends with: consent and conditional access are checked, then the tokens are made.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{bearer, capabilities, lifetime};
use crate::directory::{App, Directory, Tenant, User};
use crate::issue::{AccessToken, Subject, client_info, id_token_claims};
use crate::jwt;
use crate::refusal::{Reason, Refusal};
use crate::scope::Asked;
use crate::session::SignIn;
use crate::token::Asking;

/// A user whose tokens are to be made.
pub(crate) struct SignedIn<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) user: &'a User,
    /// Authentication contexts the user has earned.
    pub(crate) contexts: Vec<String>,
    pub(crate) nonce: Option<String>,
    /// When the session began; a later revocation ends it.
    pub(crate) since: SystemTime,
}

impl SignedIn<'_> {
    /// The answer: access token, and refresh token, id token and client info as they were asked for.
    pub(crate) fn answer(
        self,
        asking: &Asking<'_>,
        scope: &str,
        asked: &Asked<'_>,
    ) -> Result<Value, Refusal> {
        if self.user.disabled {
            return Err(Reason::DisabledUser.because("The user account is disabled."));
        }
        let permissions = consented(asking.directory, asking.client, self.user, asked)?;
        self.conditional_access(asking.directory, asked.resource)?;
        let token = AccessToken {
            tenant: self.tenant,
            resource: asked.resource,
            written: &asked.written,
            client: asking.client,
            blueprint: asking.directory.blueprint(asking.client),
            proof: asking.proof,
            subject: Subject::User { user: self.user, permissions: &permissions, contexts: &self.contexts },
            capabilities: capabilities(asking),
            lifetime: lifetime(asking),
        };
        let (origin, now) = (&asking.exchange.origin, asking.exchange.now);
        let key = asking.realm.keys.lock().current();
        let mut body = bearer(asking, jwt::sign(&key, &token.claims(origin, now)));
        body.insert("scope".into(), json!(asked.answer(&permissions)));
        if asked.openid {
            let parties = (self.tenant, asking.client, self.user);
            let claims = id_token_claims(origin, now, lifetime(asking), parties, self.nonce.as_deref());
            body.insert("id_token".into(), json!(jwt::sign(&key, &claims)));
        }
        if asking.field("client_info") == Some("1") {
            body.insert("client_info".into(), json!(client_info(self.user, self.tenant)));
        }
        if asked.offline {
            let refresh_token = asking.realm.sessions.new_refresh_token(SignIn {
                client_id: asking.client.client_id.clone(),
                tenant_id: self.tenant.id.clone(),
                user: self.user.object_id.clone(),
                scope: scope.to_owned(),
                contexts: self.contexts,
                since: self.since,
            });
            body.insert("refresh_token".into(), json!(refresh_token));
        }
        Ok(Value::Object(body))
    }

    fn conditional_access(&self, directory: &Directory, resource: &App) -> Result<(), Refusal> {
        let unmet = directory
            .policies_for(resource, self.user)
            .find(|policy| !self.contexts.contains(&policy.context));
        let Some(policy) = unmet else { return Ok(()) };
        Err(Reason::ConditionalAccess
            .because(format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{}'.",
                resource.client_id
            ))
            .with_claims(
                json!({ "access_token": { "acrs": { "essential": true, "value": policy.context } } }).to_string(),
            ))
    }
}

/// The permissions that the token will carry, if all that is asked was consented to.
pub(crate) fn consented(
    directory: &Directory,
    client: &App,
    user: &User,
    asked: &Asked<'_>,
) -> Result<Vec<String>, Refusal> {
    let consented = directory.consented_scopes(client, asked.resource, user);
    if asked.is_default {
        return if consented.is_empty() { Err(no_consent(client)) } else { Ok(consented) };
    }
    for name in &asked.permissions {
        let offered = &asked.resource.scopes;
        if !offered.is_empty() && !offered.iter().any(|scope| scope.eq_ignore_ascii_case(name)) {
            return Err(Reason::UnknownScope.because(format!(
                "The application '{}' asked for scope '{name}' that doesn't exist on the resource '{}'.",
                client.client_id, asked.resource.client_id
            )));
        }
    }
    asked
        .permissions
        .iter()
        .map(|name| {
            let found = consented.iter().find(|scope| scope.eq_ignore_ascii_case(name));
            found.cloned().ok_or_else(|| no_consent(client))
        })
        .collect()
}

fn no_consent(client: &App) -> Refusal {
    Reason::ConsentRequired.because(format!(
        "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
        client.client_id,
        client.label()
    ))
}
