//! Finds what a request or a consent refers to.

use super::{App, Directory, ExternalIssuer, Policy, Tenant, User};

impl Directory {
    /// A tenant by id or domain.
    pub fn tenant(&self, reference: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|t| {
            t.id.eq_ignore_ascii_case(reference)
                || (!t.domain.is_empty() && t.domain.eq_ignore_ascii_case(reference))
        })
    }

    /// An application by name, client id or identifier URI.
    pub fn app(&self, reference: &str) -> Option<&App> {
        self.apps.iter().find(|app| refers_to(app, reference))
    }

    /// The same, to change it.
    pub fn app_mut(&mut self, reference: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| refers_to(app, reference))
    }

    /// A user by name, object id or user principal name.
    pub fn user(&self, reference: &str) -> Option<&User> {
        self.users.iter().find(|user| is_user(user, reference))
    }

    /// The same, to change it.
    pub fn user_mut(&mut self, reference: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| is_user(user, reference))
    }

    pub(crate) fn issuer(&self, issuer: &str) -> Option<&ExternalIssuer> {
        self.issuers.iter().find(|known| known.issuer == issuer)
    }

    /// Only by client id, as a request names it.
    pub(crate) fn client(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    pub(crate) fn is_installed(&self, app: &App, tenant: &Tenant) -> bool {
        if app.multi_tenant {
            return true;
        }
        if app.tenants.is_empty() {
            return self.tenants.first().is_some_and(|first| first.id == tenant.id);
        }
        app.tenants.iter().any(|named| self.tenant(named).is_some_and(|found| found.id == tenant.id))
    }

    /// The tenant a user lives in.
    pub(crate) fn home(&self, user: &User) -> Option<&Tenant> {
        match &user.tenant {
            Some(reference) => self.tenant(reference),
            None => self.tenants.first(),
        }
    }

    /// The blueprint of an agent; `None` for any other application.
    pub(crate) fn blueprint(&self, app: &App) -> Option<&App> {
        self.app(app.blueprint.as_deref()?)
    }

    /// The delegated permissions that `client` has at `resource` for `user`, its blueprint's included.
    pub(crate) fn consented_scopes(&self, client: &App, resource: &App, user: &User) -> Vec<String> {
        let mut scopes: Vec<String> = self
            .consents_of(client, resource)
            .filter(|consent| consent.user.as_deref().is_none_or(|named| is_user(user, named)))
            .flat_map(|consent| consent.scopes.iter().cloned())
            .collect();
        if client.client_id == resource.client_id {
            scopes.extend(resource.scopes.iter().cloned());
        }
        unique(scopes)
    }

    /// The application roles that `client` has at `resource`.
    pub(crate) fn assigned_roles(&self, client: &App, resource: &App) -> Vec<String> {
        unique(self.consents_of(client, resource).flat_map(|consent| consent.roles.iter().cloned()).collect())
    }

    pub(crate) fn policies_for<'a>(
        &'a self,
        resource: &'a App,
        user: &'a User,
    ) -> impl Iterator<Item = &'a Policy> {
        self.policies
            .iter()
            .filter(|policy| refers_to(resource, &policy.resource))
            .filter(|policy| policy.user.as_deref().is_none_or(|named| is_user(user, named)))
    }

    fn consents_of<'a>(
        &'a self,
        client: &'a App,
        resource: &'a App,
    ) -> impl Iterator<Item = &'a super::Consent> {
        let blueprint = self.blueprint(client);
        self.consents
            .iter()
            .filter(move |consent| {
                refers_to(client, &consent.client) || blueprint.is_some_and(|b| refers_to(b, &consent.client))
            })
            .filter(move |consent| refers_to(resource, &consent.resource))
    }
}

fn refers_to(app: &App, reference: &str) -> bool {
    app.client_id.eq_ignore_ascii_case(reference)
        || (!app.name.is_empty() && app.name == reference)
        || app.id_uris.iter().any(|uri| uri.eq_ignore_ascii_case(reference))
}

fn is_user(user: &User, reference: &str) -> bool {
    user.name == reference
        || user.object_id.eq_ignore_ascii_case(reference)
        || user.upn.eq_ignore_ascii_case(reference)
}

fn unique(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values.dedup();
    values
}
