//! Decides what to ask Entra for, and under which key the answer is kept. Pure: no clock, no I/O.

mod parameters;

use std::sync::Arc;

use entra_abstractions::{
    AgentSubject, Authority, Claims, CorrelationId, Misconfigured, OnBehalfOf, Parameter, Scheme, Scopes,
    Subject, TenantId, TokenHash, TokenRequest, User,
};

use crate::{
    cache::{Identity, Key, KeyRef, OwnerRef},
    grant::Grant,
    managed_identity,
};

/// Everything that a flight needs to fetch one token: owned, so that it outlives its caller.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) key: Key,
    pub(crate) grant: Grant,
    pub(crate) scopes: Scopes,
    pub(crate) tenant: TenantId,
    pub(crate) fmi_path: Option<entra_abstractions::FmiPath>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) claims: Option<Claims>,
    pub(crate) client_claims: Option<Claims>,
    pub(crate) force_refresh: bool,
    pub(crate) replaces: Option<TokenHash>,
    pub(crate) scheme: Scheme,
    pub(crate) correlation_id: CorrelationId,
}

/// Under which key a request's token is kept. Only a lookup: it borrows, it allocates nothing.
///
/// The request is destructured whole, so that a new field does not compile until somebody has
/// decided whether it shapes the token.
///
/// # Errors
/// Refuses what no engine can answer by itself: a request that its builder refused, and one that
/// names another agent.
pub(crate) fn key_of<'a>(
    identity: &'a Arc<Identity>,
    request: &'a TokenRequest,
) -> Result<KeyRef<'a>, Misconfigured> {
    let TokenRequest {
        scopes,
        subject,
        scheme,
        tenant,
        fmi_path,
        client_claims,
        parameters,
        // Not in the key: they say how fresh the token must be, or under which id the call is
        // logged. A new token for them replaces the old one, else every later call would be
        // challenged again.
        claims: _,
        force_refresh: _,
        replaces: _,
        correlation_id: _,
        refused,
    } = request;
    if let Some(fault) = refused {
        return Err(fault.clone());
    }
    let owner = match subject {
        Subject::App => OwnerRef::App,
        Subject::ManagedIdentity(id) => OwnerRef::ManagedIdentity(id),
        Subject::User(user) => owner_of(user),
        Subject::Agent(agent, subject) if agent.as_str() == identity.client.as_str() => match subject {
            AgentSubject::App => OwnerRef::App,
            AgentSubject::User(user) => owner_of(user),
            AgentSubject::AgentUser(user) => OwnerRef::AgentUser(user),
        },
        Subject::Agent(..) => {
            return Err(Misconfigured::new("this request names an agent").hint(
                "wrap the acquirer: AgentIdentities::new(tokens), of the crate entra-agent-identities",
            ));
        }
    };
    Ok(KeyRef {
        identity,
        owner,
        tenant: tenant.as_ref().unwrap_or(match owner {
            OwnerRef::App | OwnerRef::ManagedIdentity(_) => &identity.app_tenant,
            OwnerRef::Assertion(_)
            | OwnerRef::Keeping { .. }
            | OwnerRef::Session(_)
            | OwnerRef::Account(_)
            | OwnerRef::AgentUser(_) => &identity.tenant,
        }),
        scopes,
        scheme,
        fmi_path: fmi_path.as_ref(),
        client_claims: client_claims.as_ref(),
        parameters,
    })
}

fn owner_of(user: &User) -> OwnerRef<'_> {
    match user {
        User::OnBehalfOf(OnBehalfOf { assertion, keep_as: None }) => OwnerRef::Assertion(assertion.sha256()),
        // Nothing is ever kept under such a key: a session begins where its store is looked at.
        User::OnBehalfOf(OnBehalfOf { assertion, keep_as: Some(session) }) => {
            OwnerRef::Keeping { session: session.sha256(), assertion: assertion.sha256() }
        }
        User::Session(session) => OwnerRef::Session(session.sha256()),
        User::Account(account) => OwnerRef::Account(account),
    }
}

/// Whether what is kept must not answer.
#[inline]
pub(crate) fn is_renewal(request: &TokenRequest) -> bool {
    request.force_refresh || request.claims.is_some() || request.replaces.is_some()
}

/// Refuses, before anybody is asked, what Entra could not answer. Only looks: a token that is in a
/// store needs no plan.
///
/// # Errors
/// [`Misconfigured`] says what is wrong with the request, or with the configuration.
pub(crate) fn check(
    authority: &Authority,
    key: &KeyRef<'_>,
    request: &TokenRequest,
) -> Result<(), Misconfigured> {
    let is_host = match key.owner {
        OwnerRef::App => key.identity.host.is_some(),
        OwnerRef::ManagedIdentity(_) => true,
        _ => false,
    };
    let is_app = matches!(key.owner, OwnerRef::App) && !is_host;
    let tenant = key.tenant;
    if (is_app || matches!(key.owner, OwnerRef::AgentUser(_))) && !tenant.is_real() {
        let fault = Misconfigured::new(format!("an application gets no token of its own from \"{tenant}\""));
        return Err(match request.tenant {
            Some(_) => fault.at("the tenant of the request").hint("name the tenant by its id or domain"),
            None => fault
                .at(key.identity.tenant_at.clone())
                .hint("configure the id of a tenant, or AppHomeTenantId, or name the tenant in the request"),
        });
    }
    if is_app {
        check_app_scopes(&request.scopes)?;
    }
    if request.scheme == Scheme::MtlsPop && !is_app && !is_host {
        return Err(Misconfigured::new("only an application's own token can be bound to a certificate")
            .hint("ask as the application, an agent or a managed identity (RequestAppToken), or without ProtocolScheme"));
    }
    parameters::check(&request.parameters)?;
    if is_host {
        // A host is not asked for a tenant.
        return managed_identity::check(request);
    }
    check_tenant(authority, request)
}

impl Plan {
    /// Works out what to send for a request that was [checked](check).
    pub(crate) fn new(key: &KeyRef<'_>, request: &TokenRequest) -> Self {
        let grant = match &request.subject {
            Subject::ManagedIdentity(id) => Grant::ManagedIdentity(id.clone()),
            Subject::App | Subject::Agent(_, AgentSubject::App) => match &key.identity.host {
                None => Grant::ClientCredentials,
                Some(id) => Grant::ManagedIdentity(id.clone()),
            },
            Subject::User(user) | Subject::Agent(_, AgentSubject::User(user)) => match user {
                User::OnBehalfOf(OnBehalfOf { assertion, keep_as: None }) => {
                    Grant::OnBehalfOf(assertion.clone())
                }
                User::OnBehalfOf(OnBehalfOf { assertion, keep_as: Some(session) }) => {
                    Grant::Keep { assertion: assertion.clone(), session: *session.sha256() }
                }
                User::Session(session) => Grant::Session(*session.sha256()),
                User::Account(account) => Grant::Account(account.clone()),
            },
            Subject::Agent(_, AgentSubject::AgentUser(user)) => Grant::AgentUser(user.clone()),
        };
        Self {
            key: key.to_key(),
            grant,
            scopes: request.scopes.clone(),
            tenant: key.tenant.clone(),
            fmi_path: request.fmi_path.clone(),
            parameters: request.parameters.clone(),
            claims: request.claims.clone(),
            client_claims: request.client_claims.clone(),
            force_refresh: request.force_refresh,
            replaces: request.replaces,
            scheme: request.scheme.clone(),
            correlation_id: request.correlation_id.unwrap_or_else(CorrelationId::random),
        }
    }

    /// Whether what is cached must not answer.
    pub(crate) fn is_write_only(&self) -> bool {
        self.force_refresh || self.claims.is_some() || self.replaces.is_some()
    }
}

/// Refuses a tenant that the authority cannot be asked for: its token would be that of the configured
/// one, kept under the wrong name.
///
/// # Errors
/// [`Misconfigured`] saying what kind of authority has no tenants to choose from.
fn check_tenant(authority: &Authority, request: &TokenRequest) -> Result<(), Misconfigured> {
    match &request.tenant {
        Some(named) if !authority.has_tenants() && named != authority.tenant() => Err(Misconfigured::new(
            format!("{} has no other tenant to ask for \"{named}\"", authority.kind()),
        )
        .at("the tenant of the request")
        .hint("remove it, or ask an application of that tenant")),
        _ => Ok(()),
    }
}

/// An application's own token has the permissions that an administrator granted it for one
/// resource: `{resource}/.default`, and nothing to choose from.
/// <https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-default-scope>
fn check_app_scopes(scopes: &Scopes) -> Result<(), Misconfigured> {
    if !scopes.are_default() {
        return Err(Misconfigured::new(format!("\"{scopes}\" is not what an application can ask for"))
            .hint("ask for the resource's /.default, such as api://my-api/.default"));
    }
    if scopes.iter().len() > 1 {
        return Err(Misconfigured::new("the scopes belong to several resources; a token is for one")
            .hint("make one request for each resource"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
