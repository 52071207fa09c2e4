//! Says on a token request what the options of a step say.

use anyhow::{Context, Result, bail};
use entra_abstractions::{
    Claims, CorrelationId, FmiPath, ManagedIdentityId, Misconfigured, Parameter, Place, PopKey, Scheme,
    Scopes, Subject, TenantId, TokenRequest,
};
use entra_agent_identities::WithAgentIdentity;
use serde_json::{Map, Value};

use crate::golden::scenario::{Agent, SESSION_KEY, Step};

/// Lays `AcquireTokenOptions` over a request.
///
/// # Errors
/// When they say something that is not understood here. What the library refuses is noted in the
/// request instead.
pub(super) fn apply(request: &mut TokenRequest, options: &Map<String, Value>) -> Result<()> {
    let Some(acquire) = options.get("AcquireTokenOptions") else { return Ok(()) };
    for (name, value) in acquire.as_object().context("AcquireTokenOptions is no section")? {
        let text = || value.as_str().with_context(|| format!("{name} is no text"));
        match name.as_str() {
            "Tenant" => {
                note(request, TenantId::new(text()?), |request, tenant| request.tenant = Some(tenant));
            }
            "Claims" => note(request, Claims::new(text()?), |request, claims| request.claims = Some(claims)),
            "CorrelationId" => note(request, CorrelationId::parse(text()?), |request, id| {
                request.correlation_id = Some(id);
            }),
            "FmiPath" => note(request, FmiPath::new(text()?), |request, path| request.fmi_path = Some(path)),
            "ForceRefresh" => request.force_refresh = value.as_bool().context("ForceRefresh is no flag")?,
            "ExtraQueryParameters" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let value = value.as_str().context("a query's value is no text")?;
                    request.parameters.push(Parameter::shaping(Place::Query, name, value));
                }
            }
            // Whose token it is, and so said when the request is made; and what the library passes
            // over beside a public key, as we do.
            SESSION_KEY | "PopClaim" => {}
            "ManagedIdentity" => {
                let id = value.get("UserAssignedClientId").and_then(Value::as_str);
                let id = id.map_or(Ok(ManagedIdentityId::System), ManagedIdentityId::client_id);
                note(request, id, |request, id| request.subject = Subject::ManagedIdentity(id));
            }
            "PopPublicKey" => note(request, PopKey::new(text()?), |request, key| {
                request.scheme = Scheme::Pop(key);
            }),
            _ => bail!("AcquireTokenOptions.{name} is not understood"),
        }
    }
    Ok(())
}

/// The schemes that options name and this library has.
pub(super) fn scheme(value: &Value) -> Option<Scheme> {
    let text = value.as_str()?;
    let known = [("Bearer", Scheme::Bearer), ("MTLS_POP", Scheme::MtlsPop)];
    known.into_iter().find_map(|(name, scheme)| name.eq_ignore_ascii_case(text).then_some(scheme))
}

fn note<T>(
    request: &mut TokenRequest,
    value: Result<T, Misconfigured>,
    set: impl FnOnce(&mut TokenRequest, T),
) {
    match value {
        Ok(value) => set(request, value),
        Err(fault) => {
            request.refused.get_or_insert(fault);
        }
    }
}

/// Names the agent of a step, and its user where there is one.
pub(super) fn with_agent<T: WithAgentIdentity>(carrier: T, step: &Step) -> T {
    match &step.agent {
        None => carrier,
        Some(agent) => match agent_user(agent) {
            None => carrier.with_agent_identity(agent.app.as_str()),
            Some(user) => carrier.with_agent_user(agent.app.as_str(), user),
        },
    }
}

/// The agent's user, said to be a name or an object id as the step says it.
pub(super) fn agent_user(agent: &Agent) -> Option<NamedUser> {
    agent.upn.clone().map(NamedUser::Upn).or_else(|| agent.oid.clone().map(NamedUser::ObjectId))
}

/// A user's name before anybody has looked at it.
#[derive(Debug, Clone)]
pub(super) enum NamedUser {
    Upn(String),
    ObjectId(String),
}

impl TryFrom<NamedUser> for entra_abstractions::AgentUser {
    type Error = Misconfigured;

    fn try_from(user: NamedUser) -> Result<Self, Misconfigured> {
        match user {
            NamedUser::Upn(name) => Self::upn(name),
            NamedUser::ObjectId(id) => Self::object_id(id),
        }
    }
}

/// The options that say whose token is wanted, and how it is shown.
pub(super) fn wants_app_token(options: &Map<String, Value>) -> Option<bool> {
    options.get("RequestAppToken").and_then(Value::as_bool)
}

/// Words: a list of texts, or one text.
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// Whether everything that is written here is understood.
pub(super) fn understood(options: &Map<String, Value>) -> Result<()> {
    let anything = Scopes::try_from("api://any/.default")?;
    apply(&mut TokenRequest::as_app(anything), options)
}
